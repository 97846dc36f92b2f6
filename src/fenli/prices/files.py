"""A price file as a whole: header, rows, aliases. All that is wrong is collected; a bad file is refused whole."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

import msgspec

from fenli.prices.calendars import Calendar, CalendarFile
from fenli.prices.offers import Offer
from fenli.prices.problems import Problem, nearest
from fenli.prices.rows import CURRENCIES, TAXES, RowReader
from fenli.prices.tables import Table, TableReader
from fenli.values.instants import instant_of
from fenli.values.toml_lines import broken_at, line_of, locate

HEADER: Final = (
    "vendor", "names", "currency", "instant_basis", "instant_basis_assumed", "tax", "home_list", "as_of", "offers",
    "aliases",
)  # fmt: skip
ALIAS_FIELDS: Final = ("name", "model", "effective_from", "effective_to", "source", "note")


class Header(msgspec.Struct, frozen=True):
    """``names``: by language. ``currency``: the vendor's home currency. ``instant_basis``: which instant of a request
    picks its price; ``instant_basis_assumed`` where the vendor has not said. ``tax``: whether its prices include it.
    ``home_list``: the vendor id under which the same seller's list in another currency stands. ``as_of``: the day the
    rows were read."""

    vendor: str
    names: dict[str, str]
    currency: str
    instant_basis: Literal["start", "end"]
    instant_basis_assumed: bool = False
    tax: Literal["included", "excluded", "unknown"] = "unknown"
    home_list: str = ""
    as_of: date | None = None


class Alias(msgspec.Struct, frozen=True):
    """``name`` was billed as ``model`` over ``[effective_from, effective_to)``, instants in ns."""

    name: str
    model: str
    effective_from: int
    effective_to: int | None = None
    source: str = ""
    note: str = ""


class FileText:
    """A price file's name and text, and where in it a row's field stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def problem(self, message: str, field: str | None = None) -> Problem:
        """One of the file as a whole."""
        line = line_of(self._lines, tuple(field.split("."))) if field else None
        return Problem(self.name, line, "", None, None, field, message)

    def row(self, number: int, name: object, field: str, message: str, kind: str = "row") -> Problem:
        """One of the row, or of the ``alias``, with that number from 1."""
        place = ("aliases" if kind == "alias" else "offers", number - 1, *field.split("."))
        shown = name if isinstance(name, str) else None
        return Problem(self.name, line_of(self._lines, place), kind, number, shown, field or None, message)

    @cached_property
    def _lines(self) -> dict[tuple[str | int, ...], int]:
        return locate(self.text)


class PriceFile(msgspec.Struct, frozen=True):
    """``header`` is None in a user's file that only adds rows to a known vendor. ``place``: offer id -> row number."""

    text: FileText
    vendor: str
    header: Header | None
    offers: tuple[Offer, ...]
    aliases: tuple[Alias, ...]
    place: dict[str, int]


def read_price_file(name: str, text: str, calendars: Mapping[str, Calendar]) -> tuple[PriceFile | None, list[Problem]]:
    """The file, or None and every problem in it: file, line, row, field, what to write instead."""
    file = FileText(name, text)
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return None, [_no_toml(name, text, error)]
    problems = [file.problem(f"is not known{nearest(key, HEADER)}", key) for key in table if key not in HEADER]
    vendor = table.get("vendor")
    if not (isinstance(vendor, str) and vendor):
        problems.append(file.problem('is missing: write such as vendor = "acme"', "vendor"))
    header = _header(file, table, problems)
    offers: list[Offer] = []
    place: dict[str, int] = {}
    for number, row in enumerate(_tables(file, table, "offers", problems), start=1):
        reader = RowReader(str(vendor), row, calendars, header.tax if header else "unknown")
        offer = reader.offer()
        problems += [file.row(number, row.get("model"), *problem) for problem in reader.problems]
        if offer is not None:
            if offer.id in place:
                problems.append(file.row(number, offer.model, "", f"says what row {place[offer.id]} says: drop one"))
            place[offer.id] = number
            offers.append(_known(offer, header))
    aliases = _aliases(file, _tables(file, table, "aliases", problems), problems)
    if problems:
        return None, problems
    return PriceFile(file, str(vendor), header, tuple(offers), tuple(aliases), place), []


def read_calendar(name: str, text: str) -> tuple[Calendar | None, list[Problem]]:
    """A ``calendars/<name>.toml``, or None and what is wrong with it."""
    try:
        return msgspec.convert(tomllib.loads(text), CalendarFile).compiled(), []
    except tomllib.TOMLDecodeError as error:
        return None, [_no_toml(name, text, error)]
    except msgspec.ValidationError as error:
        place = tuple(int(step) if step.isdigit() else step for step in _STEPS.findall(str(error).partition("`$")[2]))
        message = f"is no calendar: {error}: write it like fenli's own cn.toml"
        return None, [Problem(name, line_of(locate(text), place), "", None, None, None, message)]


# Of the place that msgspec names at the end: `$.years[0].holidays[2].first`
_STEPS: Final = re.compile(r"[A-Za-z_]\w*|\d+")


def _no_toml(name: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    line, where, why = broken_at(text, error)
    return Problem(name, line, "", None, None, None, f"is not TOML at {where}: {why}: mend it there")


def _known(offer: Offer, header: Header | None) -> Offer:
    """A row that was still to come when the file was read was known by then."""
    if offer.known_from is not None or header is None or header.as_of is None:
        return offer
    read = instant_of(datetime.combine(header.as_of, datetime.min.time(), UTC))
    return msgspec.structs.replace(offer, known_from=read) if offer.effective_from > read else offer


def _header(file: FileText, table: Table, problems: list[Problem]) -> Header | None:
    fields = {key: value for key, value in table.items() if key in Header.__struct_fields__}
    if set(fields) <= {"vendor"}:
        return None
    reader = TableReader(fields)
    reader.only(Header.__struct_fields__, ("names", "currency", "instant_basis"))
    reader.one_of("currency", CURRENCIES)
    reader.one_of("instant_basis", ("start", "end"))
    reader.one_of("tax", TAXES)
    if reader.problems:
        problems += [file.problem(message, field) for field, message in reader.problems]
        return None
    try:
        return msgspec.convert(fields, Header)
    except msgspec.ValidationError as error:
        problems.append(file.problem(f"has a header that cannot be read: {error}"))
        return None


def _tables(file: FileText, table: Table, key: str, problems: list[Problem]) -> list[dict[str, object]]:
    rows = table.get(key, [])
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    problems.append(file.problem(f"is not a list of tables: head each one with [[{key}]]", key))
    return []


def _aliases(file: FileText, rows: Iterable[dict[str, object]], problems: list[Problem]) -> list[Alias]:
    aliases = []
    for number, row in enumerate(rows, start=1):
        reader = TableReader(row)
        reader.only(ALIAS_FIELDS, ALIAS_FIELDS[:3])
        start, end = reader.period()
        words = {field: reader.text(field) for field in ("name", "model", "source", "note")}
        problems += [file.row(number, row.get("name"), *problem, "alias") for problem in reader.problems]
        if not reader.problems and start is not None:
            aliases.append(Alias(words["name"], words["model"], start, end, words["source"], words["note"]))
    return aliases
