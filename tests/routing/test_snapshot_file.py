from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fenli.prices.offers import Offer
from fenli.routing.snapshot import Key, Route, Snapshot, VendorSettings, read_snapshot, write_snapshot

SNAPSHOT = Snapshot(
    version="abc",
    compiled_at=7,
    keys=(Key("k1", "mine", b"\x00" * 32, ("fast",), True),),
    vendors=(
        VendorSettings("deepseek", "deepseek", "https://api.deepseek.com", "env:DEEPSEEK_API_KEY", ("m",), "CNY"),
    ),
    routes=(Route("fast", ("deepseek/m",)),),
    offers={"deepseek": (Offer("o", "deepseek", "m", "CNY", 0, None, "1M_tokens", {"input": 1}),)},
)


def test_a_snapshot_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_snapshot(SNAPSHOT, tmp_path / "snapshot")
    assert read_snapshot(tmp_path / "snapshot") == SNAPSHOT


def test_only_the_owner_may_read_it_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_snapshot(SNAPSHOT, tmp_path / "snapshot")
    assert (tmp_path / "snapshot").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot"]


def test_a_reader_sees_the_old_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    write_snapshot(SNAPSHOT, path)
    with path.open("rb") as old:
        write_snapshot(msgspec.structs.replace(SNAPSHOT, version="def"), path)
        assert msgspec.msgpack.decode(old.read(), type=Snapshot).version == "abc"
    assert read_snapshot(path).version == "def"


def test_a_file_from_another_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_bytes(b"not msgpack")
    with pytest.raises(msgspec.DecodeError):
        read_snapshot(tmp_path / "snapshot")


def test_it_can_be_shown_to_anyone() -> None:
    """A credential is a reference and a key its digest: the file has no field that could hold a secret."""
    shown = msgspec.json.encode(SNAPSHOT)
    assert b"env:DEEPSEEK_API_KEY" in shown
    assert set(VendorSettings.__struct_fields__).isdisjoint({"key", "secret", "api_key", "password"})
    assert set(Key.__struct_fields__).isdisjoint({"key", "secret"})
