"""What is wrong with a price file: file, line, row, field, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """``line`` and ``row`` count from 1; None where the file as a whole is meant. ``name``: the row's model, or the
    alias. ``field`` is dotted, as in ``when.window.zone``; the message goes on from it."""

    file: str
    line: int | None
    kind: str
    row: int | None
    name: str | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        row = "" if self.row is None else f"{self.kind} {self.row} ({self.name or 'no name'}): "
        return f"{place}: {row}{self.field + ' ' if self.field else ''}{self.message}"


def nearest(value: object, known: Iterable[str]) -> str:
    """In brackets, the name that was probably meant; else all that there are."""
    names = list(known)
    close = difflib.get_close_matches(str(value), names, n=1) or difflib.get_close_matches(
        str(value).upper(), names, n=1
    )
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(names)})"
