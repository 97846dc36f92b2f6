from __future__ import annotations

from pathlib import Path

import pytest

from fenli.errors import ConfigError
from fenli.routing.credentials import resolve_secret


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", " sk-1\n")
    (tmp_path / "key").write_text("sk-2\nnote\n")
    assert resolve_secret("env:MY_KEY") == "sk-1"
    assert resolve_secret(f"file:{tmp_path / 'key'}") == "sk-2"
    assert resolve_secret("") == ""


@pytest.mark.parametrize("reference", ["sk-raw-secret", "sk:raw-secret", "raw-secret:x"])
def test_a_raw_key_in_place_of_a_reference_is_refused_and_not_repeated(reference: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_secret(reference)
    assert "raw-secret" not in str(caught.value)
    assert "env:NAME" in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    for reference in (f"file:{tmp_path / 'key'}", "file:/no/such/file", "file:\0", f"file:{tmp_path}"):
        with pytest.raises(ConfigError):
            resolve_secret(reference)
