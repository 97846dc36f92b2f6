"""On which line of a TOML text each key stands, and where it is no TOML. `tomllib` does not say, or only in words.

A text whose keys are located has been read by tomllib already, so it is valid; this only walks it.
"""

from __future__ import annotations

import re
from tomllib import TOMLDecodeError
from typing import NamedTuple

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' + r"|'''.*?'{3,5}(?!')", re.DOTALL)
_PLAIN = re.compile(r"[^,\]}\n#]+")


def locate(text: str) -> dict[Path, int]:
    """The 1-based line of every key path, where it is first named; items of an array by their index."""
    return _Walk(text).lines


class Break(NamedTuple):
    """Where a text is no TOML, and why. ``where`` is the column, or the end of the text."""

    line: int
    where: str
    why: str


_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def broken_at(text: str, error: TOMLDecodeError) -> Break:
    match, why = _POSITION.search(str(error)), _POSITION.sub("", str(error))
    if match is None or match[1] is None:
        return Break(text.count("\n") + 1, "the end of the file", why)
    return Break(int(match[1]), f"column {match[2]}", why)


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of ``path``, or of the nearest thing around it that stands in the text."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many tables each array of tables has so far
        self._counted = (0, 1)
        table: Path = ()
        while self._next():
            table = self._statement(table)

    def _statement(self, table: Path) -> Path:
        """A header, which opens another table, or a key and its value."""
        if self.text.startswith("[[", self.at):
            return self._header(2)
        if self.text[self.at] == "[":
            return self._header(1)
        self._pair(table)
        return table

    def _header(self, brackets: int) -> Path:
        self.at += brackets
        line, keys = self._line(), self._keys()
        self._take(_SPACE)
        self.at += brackets
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if brackets == 2 and number == len(keys) - 1:
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self.lines.setdefault(path, line)
        return path

    def _pair(self, table: Path) -> None:
        line, path = self._line(), table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._take(_SPACE)
        self.at += 1  # the equals sign
        self._take(_SPACE)
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._take(_SPACE)
            keys.append(self._key())
            self._take(_SPACE)
            if self.text[self.at : self.at + 1] != ".":
                return keys
            self.at += 1

    def _key(self) -> str:
        word = self._take(_BARE) or self._take(_LITERAL)
        if word is None:
            return _unquoted(self._take(_BASIC) or "")
        return word[1:-1] if word.startswith("'") else word

    def _value(self, path: Path) -> None:
        if self.text[self.at] == "[":
            self._array(path)
        elif self.text[self.at] == "{":
            self._inline_table(path)
        elif self._take(_LONG) is None and self._take(_BASIC) is None and self._take(_LITERAL) is None:
            self._take(_PLAIN)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while (character := self._next()) != "]":
            if character == ",":
                self.at += 1
                continue
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while (character := self._next()) != "}":
            if character == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _next(self) -> str:
        """The next character that means something; empty at the end."""
        self._take(_BLANK)
        return self.text[self.at : self.at + 1]

    def _line(self) -> int:
        seen, line = self._counted
        line += self.text.count("\n", seen, self.at)
        self._counted = (self.at, line)
        return line


_ESCAPES = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_NAMED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b"}


def _unquoted(word: str) -> str:
    return _ESCAPES.sub(lambda match: _character(match[1]), word[1:-1])


def _character(escape: str) -> str:
    return chr(int(escape[1:], 16)) if escape[0] in "uU" and len(escape) > 1 else _NAMED[escape]
