"""A vendor's bill: a CSV file read by a layout, whole and sound, or refused with line, column and what to do.

A layout says which column holds what. One line of the file becomes one `BillLine`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final, TypeVar

import msgspec

from fenli.errors import BillRefused
from fenli.ledger import bill_cells as cells
from fenli.values import METERS

FIELDS: Final = ("date", "model", "amount", "price", "units", "unit", "meter", "currency", "request_id")
REQUESTS: Final = "requests"  # stands for a meter where a bill counts calls that it does not charge by
PROBLEMS_MAX: Final = 20
_DELIMITERS: Final = (",", "\t", ";")

_T = TypeVar("_T")


class Column(msgspec.Struct, frozen=True):
    """The first of ``names`` that the header has. Where ``split`` is not empty, only the cell's ``part`` (from 1)."""

    names: tuple[str, ...]
    split: str = ""
    part: int = 1


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """``columns`` by field, of `FIELDS`. ``meters``: what a cell of the meter column stands for, as meters of ours that
    are added up; ``*_input`` stands for every cell that ends so. ``currency`` holds where no column names one. Lines
    whose ``skip_empty`` fields are all empty are skipped: some vendors list days on which nothing happened."""

    columns: Mapping[str, Column]
    zone: tzinfo
    currency: str | None = None
    meters: Mapping[str, tuple[str, ...]] = {}
    skip_empty: tuple[str, ...] = ()


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` of the file; ``day`` (or month) in the bill's zone. ``meters`` and ``units`` are None where the bill
    does not say. ``picos`` is negative for what was given back; ``decimals`` as the file shows them, None where the
    amount was worked out of price and units."""

    line: int
    day: str
    model: str
    picos: int
    currency: str
    decimals: int | None = None
    meters: tuple[str, ...] | None = None
    units: int | None = None
    request_id: str | None = None


def read_bill(name: str, text: str, layout: Layout) -> tuple[BillLine, ...]:
    """Raises BillRefused with the first 20 problems, each with file, line, column and what to do."""
    reading = _Reading(name, layout)
    lines = tuple(reading.lines(text.removeprefix("\ufeff")))
    reading.check(lines)
    if reading.problems:
        raise BillRefused("\n".join(reading.problems[:PROBLEMS_MAX]))
    return lines


class _Reading:
    def __init__(self, name: str, layout: Layout) -> None:
        self.problems: list[str] = []
        self._name = name
        self._layout = layout
        self._places: dict[str, tuple[int, Column, str]] = {}
        self._instants: list[tuple[int, cells.Moment]] = []

    def lines(self, text: str) -> Iterator[BillLine]:
        head = text.split("\n", 1)[0]
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count), strict=True)
        try:
            header = next(rows, [])
            if not self._header([cell.strip() for cell in header]):
                return
            for row in rows:
                if len(row) == len(header):
                    yield from self._row(rows.line_num, [cell.strip() for cell in row])
                elif any(cell.strip() for cell in row):
                    message = f"has {len(row)} cells and the header {len(header)}: look for a comma that is not quoted"
                    self._refuse(rows.line_num, message)
        except csv.Error as error:
            self._refuse(rows.line_num, f"is no CSV ({error}): export the bill again")

    def check(self, lines: Sequence[BillLine]) -> None:
        """What only the lines together show: that there are any, that they are by day or by month, and whose days."""
        if not lines and not self.problems:
            self._refuse(1, "has no line below it: export the bill again")
        other = next((line for line in lines if len(line.day) != len(lines[0].day)), None)
        if other is not None:
            self._refuse(other.line, f"{other.day} stands among such as {lines[0].day}: write days or months, not both")
        wrong = next((one for one in self._instants if one[1].away is not None), None)
        if wrong is not None and all(moment.midnight for _, moment in self._instants):
            message = f"{wrong[1].away}: the bill's days begin elsewhere; name their zone with --zone"
            self._refuse(wrong[0], message, "date")

    def _header(self, names: Sequence[str]) -> bool:
        for field, column in self._layout.columns.items():
            found = [name for name in column.names if name in names]
            if not found:
                wanted = " or ".join(f'"{name}"' for name in column.names)
                there = ", ".join(filter(None, names)) or "none"
                self._refuse(1, f"there is no column {wanted} for {field}: there are {there}")
            elif names.count(found[0]) > 1:
                self._refuse(1, f'there are two columns "{found[0]}": rename one of them')
            else:
                self._places[field] = names.index(found[0]), column, found[0]
        return not self.problems

    def _row(self, line: int, row: Sequence[str]) -> Iterator[BillLine]:
        cell = {field: _part(row[place], column) for field, (place, column, _) in self._places.items()}
        if not any(row) or (self._layout.skip_empty and not any(cell[field] for field in self._layout.skip_empty)):
            return
        found = len(self.problems)
        moment = self._read(line, "date", lambda: cells.moment(cell["date"], self._layout.zone))
        meters = self._read(line, "meter", lambda: self._meters(cell["meter"])) if "meter" in cell else None
        units = None
        if cell.get("units"):
            units = self._read(line, "units", lambda: cells.units(cell["units"], cell.get("unit", "")))
        amount = self._read(line, *self._amount(cell, units))
        currency: str | None = self._layout.currency
        if "currency" in cell:
            currency = self._read(line, "currency", lambda: cells.currency(cell["currency"]))
        model = self._read(line, "model", lambda: cells.name(cell["model"]))
        request = None
        if cell.get("request_id"):
            request = self._read(line, "request_id", lambda: cells.name(cell["request_id"]))
        if len(self.problems) > found or moment is None or amount is None or currency is None or model is None:
            return
        if moment.instant:
            self._instants.append((line, moment))
        yield BillLine(
            line=line, day=moment.day, model=model, picos=amount.picos, currency=currency, decimals=amount.decimals,
            meters=meters, units=units, request_id=request,
        )  # fmt: skip

    def _amount(self, cell: Mapping[str, str], units: int | None) -> tuple[str, Callable[[], cells.Amount]]:
        """Which column it is in, and how it is read."""
        if "amount" in cell:
            return "amount", lambda: cells.amount(cell["amount"])
        return "price", lambda: cells.priced(cell["price"], units)

    def _meters(self, text: str) -> tuple[str, ...]:
        known = self._layout.meters
        ending = next((name for name in known if name.startswith("*") and text.endswith(name[1:])), "")
        if text in known or ending:
            return known[text if text in known else ending]
        if text in (*METERS, REQUESTS):
            return (text,)
        raise ValueError(f"{text!r} is no meter that is known here: say which one it is, as --meter '{text}=input'")

    def _read(self, line: int, field: str, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except ValueError as error:
            self._refuse(line, str(error), field)
            return None

    def _refuse(self, line: int, message: str, field: str | None = None) -> None:
        column = "" if field is None else f' column "{self._places[field][2]}":'
        self.problems.append(f"{self._name}:{line}:{column} {message}")


def _part(cell: str, column: Column) -> str:
    if not column.split:
        return cell
    parts = cell.split(column.split)
    return parts[column.part - 1].strip() if len(parts) >= column.part else ""
