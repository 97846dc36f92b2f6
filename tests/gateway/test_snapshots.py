from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from fenli.gateway import snapshots as module
from fenli.gateway.snapshots import SnapshotFile
from fenli.routing.snapshot import Snapshot, VendorSettings, write_snapshot

BARE = Snapshot("one", 0, (), (), (), {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


def version(file: SnapshotFile) -> str | None:
    return file.directory.snapshot.version if file.directory else None


def test_before_the_first_snapshot_there_is_none(path: Path) -> None:
    file = SnapshotFile(path)
    assert not file.refresh()
    assert file.directory is None
    assert file.problem is None


def test_it_is_read_once_and_again_when_it_changes(path: Path) -> None:
    file = SnapshotFile(path)
    write_snapshot(BARE, path)
    assert file.refresh()
    before = file.directory
    assert not file.refresh()
    assert file.directory is before
    write_snapshot(msgspec.structs.replace(BARE, version="two"), path)
    assert file.refresh()
    assert version(file) == "two"


def test_a_replacement_within_the_same_tick_of_the_clock_is_seen(path: Path) -> None:
    file = SnapshotFile(path)
    write_snapshot(BARE, path)
    stat = path.stat()
    file.refresh()
    write_snapshot(msgspec.structs.replace(BARE, version="two"), path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert file.refresh()
    assert version(file) == "two"


@pytest.mark.parametrize("content", [b"", b"junk", b"\x85\xa7version\xa1\xff", msgspec.msgpack.encode({"version": 1})])
def test_one_that_cannot_be_read_leaves_the_one_before(path: Path, content: bytes) -> None:
    file = SnapshotFile(path)
    write_snapshot(BARE, path)
    file.refresh()
    path.write_bytes(content)
    assert not file.refresh()
    assert version(file) == "one"
    assert "the one before stays" in (file.problem or "")
    write_snapshot(msgspec.structs.replace(BARE, version="two"), path)
    assert file.refresh()
    assert file.problem is None


def test_one_that_vanished_leaves_the_one_before(path: Path) -> None:
    file = SnapshotFile(path)
    write_snapshot(BARE, path)
    file.refresh()
    path.unlink()
    assert not file.refresh()
    assert version(file) == "one"


def test_trouble_that_passes_is_tried_again_and_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = SnapshotFile(path)
    write_snapshot(BARE, path)
    read = module.read_snapshot

    def refuse(path: Path) -> Snapshot:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module, "read_snapshot", refuse)
    for _ in range(3):
        assert not file.refresh()
    assert len(caplog.records) == 1
    monkeypatch.setattr(module, "read_snapshot", read)
    assert file.refresh()


def test_a_folder_that_may_not_be_read_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = SnapshotFile(tmp_path / "file" / "snapshot")
    assert not file.refresh()
    assert file.problem


def test_a_vendor_without_its_key_stays_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    settings = VendorSettings("deepseek", "deepseek", "https://api.deepseek.com", "env:NO_SUCH_KEY", (), "CNY")
    write_snapshot(msgspec.structs.replace(BARE, vendors=(settings,)), path)
    file = SnapshotFile(path)
    assert file.refresh()
    assert file.directory is not None
    assert "NO_SUCH_KEY is empty" in file.directory.problems[0]
