"""What is wrong with a configuration: file, line, field, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from fenli.errors import ConfigError

Path = tuple[str | int, ...]


class Problem(msgspec.Struct, frozen=True):
    """``path`` is the field's place in the document; ``message`` says what is wrong and the next step."""

    path: Path
    message: str


class Located(msgspec.Struct, frozen=True):
    """A problem as it is shown: ``fenli.toml:12: gateway.prot: …``, with what there is of it."""

    file: str
    line: int | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class ConfigRefused(ConfigError):
    """The whole file is refused; ``problems`` are all that was found, by line."""

    def __init__(self, problems: Iterable[Located]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(map(str, self.problems)))


def dotted(path: Path) -> str:
    """``routes[1].name``; a key with other characters than TOML's bare ones is quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            bare = step.isascii() and step.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (step if bare else f'"{step}"')
    return text


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant."""
    found = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The next step for a name that does not exist: the nearest one, else what there is."""
    known = sorted(names)
    close = nearest(word, known)
    return f'did you mean "{close}"?' if close else f"there are {', '.join(known)}"
