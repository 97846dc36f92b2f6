"""Reads one table of a price file, field by field, and collects all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fenli.prices.problems import nearest
from fenli.values.instants import instant_of

Table = Mapping[str, object]
INSTANT: Final = "write a date-time with its offset, without quotes, as 2024-10-01T00:00:00+08:00"


class TableReader:
    """``problems`` are pairs: the dotted field, and what is wrong with it and what to write."""

    def __init__(self, table: Table) -> None:
        self.problems: list[tuple[str, str]] = []
        self.table = table

    def refuse(self, field: str, problem: str) -> None:
        self.problems.append((field, problem))

    def only(self, known: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
        """Refuses fields that are not known, and names those that are missing."""
        for name in self.table:
            if name not in known:
                self.refuse(name, f"is not known{nearest(name, known)}")
        for name in required:
            if name not in self.table:
                self.refuse(name, "is missing")

    def text(self, field: str) -> str:
        value = self.table.get(field, "")
        if isinstance(value, str):
            return value
        self.refuse(field, f"is {value!r}: write a string in quotes")
        return ""

    def truth(self, field: str) -> bool:
        value = self.table.get(field, False)
        if isinstance(value, bool):
            return value
        self.refuse(field, f"is {value!r}: write true or false")
        return False

    def one_of(self, field: str, known: tuple[str, ...]) -> str | None:
        value = self.table.get(field)
        if value is None or value in known:
            return value if isinstance(value, str) else None
        self.refuse(field, f"is {value!r}{nearest(value, known)}: write one of {', '.join(known)}")
        return None

    def instant(self, field: str) -> int | None:
        """A TOML date-time with an offset, as an instant (ns)."""
        value = self.table.get(field)
        if value is None:
            return None
        if isinstance(value, datetime) and value.tzinfo is not None:
            return instant_of(value)
        text = value if isinstance(value, str) else str(value).replace(" ", "T")
        self.refuse(field, f"is {text}: {INSTANT}")
        return None

    def subtable(self, field: str, example: str) -> dict[str, object]:
        """Empty where it is absent or no table; ``example`` is what to write instead."""
        value = self.table.get(field, {})
        if isinstance(value, dict):
            return value
        self.refuse(field, f"is not a table: write such as {example}")
        return {}

    def period(self) -> tuple[int | None, int | None]:
        """``effective_from`` and ``effective_to``."""
        start, end = self.instant("effective_from"), self.instant("effective_to")
        if start is not None and end is not None and end <= start:
            self.refuse("effective_to", "is not after effective_from: it holds over [from, to)")
        return start, end
