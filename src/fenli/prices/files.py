"""A price file as a whole: header, rows, aliases. All that is wrong is collected; a bad file is refused whole."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from fenli.prices.calendars import Calendar, CalendarFile
from fenli.prices.offers import Offer
from fenli.prices.rows import RowReader, instant_field, unknown_fields
from fenli.values.money import CURRENCIES

HEADER: Final = (
    "vendor", "names", "currency", "instant_basis", "instant_basis_assumed", "as_of", "offers", "aliases",
)  # fmt: skip
ALIAS_FIELDS: Final = ("name", "model", "effective_from", "effective_to", "source", "note")


class Header(msgspec.Struct, frozen=True):
    """``names``: by language. ``currency``: the vendor's home currency. ``instant_basis``: which instant of a request
    picks its price; ``instant_basis_assumed`` where the vendor has not said. ``as_of``: the day the rows were read."""

    vendor: str
    names: dict[str, str]
    currency: str
    instant_basis: Literal["start", "end"]
    instant_basis_assumed: bool = False
    as_of: date | None = None


class Alias(msgspec.Struct, frozen=True):
    """``name`` was billed as ``model`` over ``[effective_from, effective_to)``, instants in ns."""

    name: str
    model: str
    effective_from: int
    effective_to: int | None = None
    source: str = ""
    note: str = ""


class PriceFile(msgspec.Struct, frozen=True):
    """``header`` is None in a user's file that only adds rows to a known vendor. ``place``: offer id -> row number."""

    name: str
    vendor: str
    header: Header | None
    offers: tuple[Offer, ...]
    aliases: tuple[Alias, ...]
    place: dict[str, int]


def read_price_file(name: str, text: str, calendars: Mapping[str, Calendar]) -> tuple[PriceFile | None, list[str]]:
    """The file, or None and every problem in it as one line each: file, row, field, what to write instead."""
    table, problems = _parsed(name, text)
    problems += [f"{name}: {field} {problem}" for field, problem in unknown_fields(table, HEADER)]
    vendor = table.get("vendor")
    if table and not (isinstance(vendor, str) and vendor):
        problems.append(f'{name}: vendor is missing: write vendor = "{name.rpartition(".")[0]}"')
    header = _header(name, table, problems)
    offers: list[Offer] = []
    place: dict[str, int] = {}
    for number, row in enumerate(_tables(name, table, "offers", problems), start=1):
        reader = RowReader(str(vendor), row, calendars)
        offer = reader.offer()
        problems += _placed(f"{name}, row {number} ({row.get('model', 'no model')})", reader)
        if offer is not None:
            if offer.id in place:
                problems.append(f"{name}, row {number} ({offer.model}): says what row {place[offer.id]} says: drop one")
            place[offer.id] = number
            offers.append(offer)
    aliases = _aliases(name, _tables(name, table, "aliases", problems), problems)
    if problems:
        return None, problems
    return PriceFile(name, str(vendor), header, tuple(offers), tuple(aliases), place), []


def read_calendar(name: str, text: str) -> tuple[Calendar | None, list[str]]:
    """A ``calendars/<name>.toml``, or None and what is wrong with it."""
    table, problems = _parsed(name, text)
    if problems:
        return None, problems
    try:
        return msgspec.convert(table, CalendarFile).compiled(), []
    except msgspec.ValidationError as error:
        return None, [f"{name}: {error}"]


def _parsed(name: str, text: str) -> tuple[dict[str, object], list[str]]:
    try:
        return tomllib.loads(text, parse_float=Decimal), []
    except tomllib.TOMLDecodeError as error:
        return {}, [f"{name}: is not TOML: {error}"]


def _header(name: str, table: Mapping[str, object], problems: list[str]) -> Header | None:
    fields = {key: value for key, value in table.items() if key in Header.__struct_fields__}
    if set(fields) <= {"vendor"}:
        return None
    try:
        header = msgspec.convert(fields, Header)
    except msgspec.ValidationError as error:
        problems.append(f"{name}: {error}")
        return None
    if header.currency not in CURRENCIES:
        problems.append(f"{name}: currency is {header.currency!r}: write one of {', '.join(CURRENCIES)}")
    return header


def _tables(name: str, table: Mapping[str, object], key: str, problems: list[str]) -> list[dict[str, object]]:
    rows = table.get(key, [])
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    problems.append(f"{name}: {key} is not a list of tables: head each one with [[{key}]]")
    return []


def _aliases(name: str, rows: Iterable[dict[str, object]], problems: list[str]) -> list[Alias]:
    aliases = []
    for number, row in enumerate(rows, start=1):
        reader = RowReader("", row, {})
        reader.problems += unknown_fields(row, ALIAS_FIELDS)
        reader.problems += [(key, "is missing") for key in ALIAS_FIELDS[:3] if key not in row]
        start, end = instant_field(reader, "effective_from"), instant_field(reader, "effective_to")
        if start is not None and end is not None and end <= start:
            reader.refuse("effective_to", "is not after effective_from: an alias holds over [from, to)")
        problems += _placed(f"{name}, alias {number} ({row.get('name', 'no name')})", reader)
        if not reader.problems:
            try:
                aliases.append(msgspec.convert({**row, "effective_from": start, "effective_to": end}, Alias))
            except msgspec.ValidationError as error:
                problems.append(f"{name}, alias {number}: {error}")
    return aliases


def _placed(where: str, reader: RowReader) -> list[str]:
    return [f"{where}: {field} {problem}" for field, problem in reader.problems]
