"""The ``when`` of a row -> its `Conditions`, or what is wrong with it and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast
from zoneinfo import ZoneInfo

from fenli.prices.calendars import Calendar
from fenli.prices.offers import UNBOUNDED, Conditions, TokenRange, Window
from fenli.prices.problems import nearest
from fenli.prices.tables import TableReader
from fenli.prices.windows import WEEKDAYS, span_minutes

_RANGES: Final = ("prompt_tokens", "completion_tokens")
_FLAGS: Final = ("thinking", "batch", "promo")
_BOUNDS: Final = ("gt", "ge", "lt", "le")
_SCHEMES: Final = ("implicit", "explicit")
_WINDOW: Final = '{ spans = ["00:30-08:30"], zone = "Asia/Shanghai" }'


def read_conditions(reader: TableReader, calendars: Mapping[str, Calendar]) -> Conditions:
    """``reader`` has the row; what is wrong is added to its problems."""
    table = reader.subtable("when", "when.thinking = true")
    for name in table:
        if name not in Conditions.__struct_fields__:
            reader.refuse(f"when.{name}", f"is not known{nearest(name, Conditions.__struct_fields__)}")
    values: dict[str, object] = {}
    for name in Conditions.__struct_fields__:
        value, field = table.get(name), f"when.{name}"
        if value is None:
            continue
        if name in _RANGES:
            values[name] = _range(reader, field, value)
        elif name == "window":
            values[name] = _window(reader, value, calendars)
        elif isinstance(value, bool) is not (name in _FLAGS) or not isinstance(value, bool | str) or value == "":
            remedy = "true or false" if name in _FLAGS else "a word in quotes"
            reader.refuse(field, f"is {value!r}: write {remedy}")
        elif name == "cache_scheme" and value not in _SCHEMES:
            reader.refuse(field, f"is {value!r}{nearest(value, _SCHEMES)}: write implicit or explicit")
        else:
            values[name] = value
    return Conditions(**values)  # type: ignore[arg-type]  # each was checked above


def _range(reader: TableReader, field: str, table: object) -> TokenRange | None:
    example = "write such as { gt = 32000, le = 128000 }"
    if not isinstance(table, dict):
        reader.refuse(field, f"is {table!r}: {example}")
        return None
    for name, bound in table.items():
        if name not in (*_BOUNDS, "context_limit"):
            reader.refuse(f"{field}.{name}", f"is not known: {example}")
            return None
        kind = bool if name == "context_limit" else int
        if type(bound) is not kind or bound < 0:
            reader.refuse(f"{field}.{name}", f"is {bound!r}: {example}")
            return None
    tokens = TokenRange(**table)
    if None not in (tokens.gt, tokens.ge) or None not in (tokens.lt, tokens.le):
        reader.refuse(field, "has two bounds on one side: write gt or ge, and lt or le")
    if tokens.low() > tokens.high() or (tokens.low() == 0 and tokens.high() == UNBOUNDED):
        reader.refuse(field, f"is {str(tokens) or 'empty'}: no request or every request lies in it: {example}")
    return tokens


def _window(reader: TableReader, table: object, calendars: Mapping[str, Calendar]) -> Window | None:
    field = "when.window"
    if not isinstance(table, dict):
        reader.refuse(field, f"is not a table: write {_WINDOW}")
        return None
    before = len(reader.problems)
    for name in table:
        if name not in Window.__struct_fields__:
            reader.refuse(f"{field}.{name}", f"is not known{nearest(name, Window.__struct_fields__)}")
    spans = _words(reader, f"{field}.spans", table.get("spans"), '["00:30-08:30"]')
    for span in spans:
        try:
            span_minutes(span)
        except ValueError:
            reader.refuse(f"{field}.spans", f"has {span!r}: write 24-hour times such as 09:00-12:00")
    days = _words(reader, f"{field}.days", table.get("days"), '["Mon", "Fri"]') if "days" in table else ()
    for day in days:
        if day not in WEEKDAYS:
            reader.refuse(f"{field}.days", f"has {day!r}: write days from {', '.join(WEEKDAYS)}")
    zone = table.get("zone")
    if not _is_zone(zone):
        reader.refuse(f"{field}.zone", f"is {zone!r}: write an IANA zone such as Asia/Shanghai")
    name = table.get("calendar")
    calendar = calendars.get(name) if isinstance(name, str) else None
    if name is not None and calendar is None:
        reader.refuse(f"{field}.calendar", f"is {name!r}: there is no calendars/{name}.toml{nearest(name, calendars)}")
    outside = table.get("outside", False)
    if not isinstance(outside, bool):
        reader.refuse(f"{field}.outside", f"is {outside!r}: write true or false")
    if len(reader.problems) > before:
        return None
    return Window(spans, cast("str", zone), days, calendar, bool(outside))


def _words(reader: TableReader, field: str, value: object, example: str) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    shown = "missing" if value is None else "empty" if value == [] else repr(value)
    reader.refuse(field, f"is {shown}: write such as {example}")
    return ()


def _is_zone(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(ZoneInfo(name))
    except (ValueError, OSError, KeyError):
        return False
