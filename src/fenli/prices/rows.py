"""One ``[[offers]]`` table of a price file -> an Offer, or all that is wrong with it and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from fenli.errors import MoneyError
from fenli.prices.calendars import Calendar
from fenli.prices.offers import TOKENS, TOKENS_PER_UNIT, UNITS, Conditions, Offer, TokenRange, Window, offer_id
from fenli.prices.windows import WEEKDAYS, span_minutes
from fenli.values import METERS
from fenli.values.instants import instant_of
from fenli.values.money import CURRENCIES, picos_of

CONFIDENCES: Final = ("high", "medium", "low")
TIER_MODES: Final = ("whole",)
FIELDS: Final = (
    "model", "effective_from", "effective_to", "known_from", "currency", "unit", "prices", "when", "free", "tier_mode",
    "note", "source", "confidence",
)  # fmt: skip
REQUIRED: Final = ("model", "effective_from", "currency", "unit", "prices", "source", "confidence")

_Table = Mapping[str, object]
_T = TypeVar("_T")


class RowReader:
    """Reads one table, collecting every problem as ``(field, what is wrong and what to write)``."""

    def __init__(self, vendor: str, table: _Table, calendars: Mapping[str, Calendar]) -> None:
        self.problems: list[tuple[str, str]] = []
        self._vendor = vendor
        self._table = table
        self._calendars = calendars

    def offer(self) -> Offer | None:
        """The offer, or None when ``problems`` is not empty."""
        self.problems += unknown_fields(self._table, FIELDS)
        self.problems += [(name, "is missing") for name in REQUIRED if name not in self._table]
        start, end = instant_field(self, "effective_from"), instant_field(self, "effective_to")
        if start is not None and end is not None and end <= start:
            self.refuse("effective_to", "is not after effective_from: a row holds over [from, to)")
        known_from = instant_field(self, "known_from")
        unit = self._one_of("unit", UNITS) or TOKENS
        free = self._typed("free", bool, False)
        fields = {
            "vendor": self._vendor,
            "model": self._typed("model", str, ""),
            "currency": self._one_of("currency", CURRENCIES),
            "effective_from": start,
            "effective_to": end,
            "unit": unit,
            "prices": self._prices(unit, free),
            "conditions": self._conditions(),
            "free": free,
            "source": self._typed("source", str, ""),
            "confidence": self._one_of("confidence", CONFIDENCES),
            "note": self._typed("note", str, ""),
            "known_from": known_from,
            "tier_mode": self._one_of("tier_mode", TIER_MODES) or "whole",
        }
        if self.problems:
            return None
        draft = msgspec.convert({"id": "", **fields}, Offer)
        return msgspec.structs.replace(draft, id=offer_id(draft))

    def refuse(self, field: str, problem: str) -> None:
        self.problems.append((field, problem))

    def get(self, field: str) -> object:
        return self._table.get(field)

    def _typed(self, field: str, kind: type[_T], default: _T) -> _T:
        value = self._table.get(field, default)
        if isinstance(value, kind):
            return value
        self.refuse(field, f"is {value!r}: write {'true or false' if kind is bool else 'a string in quotes'}")
        return default

    def _one_of(self, field: str, known: tuple[str, ...]) -> str | None:
        value = self._table.get(field)
        if value is None or value in known:
            return value if isinstance(value, str) else None
        self.refuse(field, f"is {value!r}{_nearest(value, known)}: write one of {', '.join(known)}")
        return None

    def _prices(self, unit: str, free: bool) -> dict[str, int]:
        table = self._table.get("prices", {})
        if not isinstance(table, dict) or not table:
            self.refuse(
                "prices", 'is empty: write such as prices = { input = "2", output = "8" }, and no row if unknown'
            )
            return {}
        self.problems += [(f"prices.{name}", problem) for name, problem in unknown_fields(table, METERS)]
        prices = {}
        for meter, text in table.items():
            picos = self._picos(f"prices.{meter}", text, unit, free)
            if meter in METERS and picos is not None:
                prices[meter] = picos
        if "input" in prices and prices.get("cached_input", 0) > prices["input"] >= 0:
            self.refuse("prices.cached_input", "is more than input: are the two swapped?")
        if free and prices and all(prices.values()):
            self.refuse("free", 'is true and no price is zero: drop it, or write the price that is free as "0"')
        return prices

    def _picos(self, field: str, text: object, unit: str, free: bool) -> int | None:
        if not isinstance(text, str):
            self.refuse(field, f'is {text}, a number that may have lost digits: write it in quotes, "{text}"')
            return None
        try:
            picos = picos_of(text)
        except MoneyError as error:
            self.refuse(field, str(error))
            return None
        if picos < 0:
            self.refuse(field, f"is {text}: a price is not negative")
        if picos == 0 and not free:
            self.refuse(field, "is zero: write free = true if that is meant; leave out what is not known")
        if unit != TOKENS:
            return picos
        each, rest = divmod(picos, TOKENS_PER_UNIT)
        if rest:
            self.refuse(field, f"is {text} per {unit}, finer than a pico per token: at most 6 decimals")
        return each

    def _conditions(self) -> Conditions:
        table = self._table.get("when", {})
        if not isinstance(table, dict):
            self.refuse("when", "is not a table: write such as when.thinking = true")
            return Conditions()
        unknown = unknown_fields(table, Conditions.__struct_fields__)
        self.problems += [(f"when.{name}", problem) for name, problem in unknown]
        known = {name: value for name, value in table.items() if name in Conditions.__struct_fields__}
        if "window" in known:
            known["window"] = self._window(known["window"])
        try:
            conditions = msgspec.convert(known, Conditions)
        except msgspec.ValidationError as error:
            self.refuse("when", str(error))
            return Conditions()
        self._range("when.prompt_tokens", conditions.prompt_tokens)
        self._range("when.completion_tokens", conditions.completion_tokens)
        return conditions

    def _range(self, field: str, tokens: TokenRange | None) -> None:
        if tokens is None:
            return
        if None not in (tokens.gt, tokens.ge) or None not in (tokens.lt, tokens.le):
            self.refuse(field, "has two bounds on one side: write gt or ge, and lt or le")
        if tokens.low() > tokens.high() or (tokens.low() == 0 and tokens.high() == 2**63 - 1):
            self.refuse(field, f"is {str(tokens) or 'empty'}: no request or every request lies in it")

    def _window(self, table: object) -> Window | None:
        if not isinstance(table, dict):
            self.refuse("when.window", 'is not a table: write { spans = ["00:30-08:30"], zone = "Asia/Shanghai" }')
            return None
        unknown = unknown_fields(table, Window.__struct_fields__)
        self.problems += [(f"when.window.{name}", problem) for name, problem in unknown]
        values = {name: value for name, value in table.items() if name in Window.__struct_fields__}
        name = values.pop("calendar", None)
        calendar = self._calendars.get(name) if isinstance(name, str) else None
        if name is not None and calendar is None:
            self.refuse("when.window.calendar", f"is {name!r}: there is no calendars/{name}.toml")
        try:
            window = msgspec.convert(values, Window)
        except msgspec.ValidationError as error:
            self.refuse("when.window", str(error))
            return None
        self._check_window(window)
        return msgspec.structs.replace(window, calendar=calendar)

    def _check_window(self, window: Window) -> None:
        for span in window.spans:
            try:
                span_minutes(span)
            except ValueError:
                self.refuse("when.window.spans", f"has {span!r}: write 24-hour times such as 09:00-12:00")
        if not window.spans:
            self.refuse("when.window.spans", 'is empty: write such as ["00:30-08:30"]')
        for day in window.days:
            if day not in WEEKDAYS:
                self.refuse("when.window.days", f"has {day!r}: write days from {', '.join(WEEKDAYS)}")
        try:
            ZoneInfo(window.zone)
        except (ValueError, OSError, KeyError):
            self.refuse("when.window.zone", f"is {window.zone!r}: write an IANA zone such as Asia/Shanghai")


def instant_field(reader: RowReader, field: str) -> int | None:
    """A TOML date-time with an offset, as an instant (ns)."""
    value = reader.get(field)
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return instant_of(value)
    text = value if isinstance(value, str) else str(value).replace(" ", "T")
    reader.refuse(field, f"is {text}: write a date-time with its offset, without quotes, as 2024-10-01T00:00:00+08:00")
    return None


def unknown_fields(table: Mapping[str, object], known: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, f"is not known{_nearest(name, known)}") for name in table if name not in known]


def _nearest(value: object, known: tuple[str, ...]) -> str:
    close = get_close_matches(str(value), known, n=1) or get_close_matches(str(value).upper(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"
