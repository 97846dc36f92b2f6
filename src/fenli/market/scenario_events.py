"""One ``[[events]]`` table of a scenario file -> its `Event`, or what is wrong with it and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from fenli.errors import ConfigError
from fenli.market.faults import FAULT_NAMES, Fault, parse_fault
from fenli.market.offsets import parse_offset
from fenli.market.scenario import (
    KINDS,
    Back,
    BrownOut,
    Cuts,
    Errors,
    Event,
    Exit,
    Latency,
    Price,
    QuotaEnd,
    RateLimit,
    Retired,
    Way,
    What,
)
from fenli.market.scenario_rows import at_prices, on_day
from fenli.prices.book import PriceBook
from fenli.prices.problems import nearest
from fenli.prices.rows import CURRENCIES
from fenli.prices.tables import Table, TableReader

OFFSET: Final = 'write such as "90s", "5m", "1h30m" or "15d"'
LANGUAGES: Final = ("en", "zh")
_PLACED: Final = ("kind", "at", "for", "until", "vendor", "vendors", "model", "models", "says")
OWN: Final[dict[str, tuple[str, ...]]] = {
    "price": ("of", "prices", "currency"),
    "latency": ("first_token", "token"),
    "errors": ("shares",),
    "brown_out": ("share", "first_token", "token"),
    "cuts": ("share", "after_bytes"),
    "rate_limit": ("requests_per_minute", "tokens_per_minute", "concurrency"),
    "quota_end": ("tokens",),
    "retired": (),
    "exit": ("how",),
    "back": (),
}
_ENDLESS: Final = ("back",)  # an instant, and no span
_WHOLE_VENDOR: Final = ("exit", "back")
_NAMES_MODELS: Final = ("price", "retired")


class EventReader(TableReader):
    """``models``: those that each emulated vendor has, by its id. ``number`` counts from 1."""

    def __init__(self, table: Table, number: int, models: Mapping[str, frozenset[str]], book: PriceBook) -> None:
        super().__init__(table)
        self._number = number
        self._models = models
        self._book = book

    def event(self) -> Event | None:
        """None when ``problems`` is not empty."""
        kind = self.table.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            self.refuse(
                "kind", "is missing: write what happens" if kind is None else f"is {kind!r}{nearest(kind, KINDS)}"
            )
            return None
        self.only((*_PLACED, *OWN[kind]))
        at, until = self._period(kind)
        vendors = self._vendors()
        models = self._named_models(kind, vendors)
        what = self._what(kind, vendors, models)
        says = self.words("says")
        if self.problems:
            return None
        return Event(self._number, cast("int", at), until, vendors, models, cast("What", what), says)

    def words(self, field: str) -> dict[str, str]:
        """A text, the same in both languages, or ``{ en = "…", zh = "…" }``."""
        value = self.table.get(field)
        if value is None:
            return {}
        if isinstance(value, str) and value:
            return dict.fromkeys(LANGUAGES, value)
        if isinstance(value, dict) and set(value) == set(LANGUAGES) and all(_is_text(text) for text in value.values()):
            return {language: value[language] for language in LANGUAGES}
        self.refuse(field, f'is {value!r}: write a text, or {{ en = "…", zh = "…" }}')
        return {}

    def _period(self, kind: str) -> tuple[int | None, int | None]:
        at, until, span = (self._offset(field) for field in ("at", "until", "for"))
        if "at" not in self.table:
            self.refuse("at", f"is missing: {OFFSET}")
        if "until" in self.table and "for" in self.table:
            self.refuse("for", "stands beside until: write one of the two")
        if kind in _ENDLESS:
            for field in ("until", "for"):
                if field in self.table:
                    self.refuse(field, f"has no meaning for {kind}: drop it")
        if span == 0:
            self.refuse("for", "is no time at all: write more, or drop it")
        if at is not None and until is not None and until <= at:
            self.refuse("until", "is not after at: what begins must end later")
        return at, (at + span if at is not None and span is not None else until)

    def _offset(self, field: str) -> int | None:
        if field not in self.table:
            return None
        offset = parse_offset(self.table[field])
        if offset is None:
            self.refuse(field, f"is {self.table[field]!r}, no span of time: {OFFSET}")
        return offset

    def _vendors(self) -> tuple[str, ...]:
        vendors = self._listed("vendor", "vendors")
        if not vendors and "vendor" not in self.table and "vendors" not in self.table:
            self.refuse("vendor", 'is missing: write such as vendor = "moonshot", or vendors = ["moonshot", "zhipu"]')
        for vendor in vendors:
            if vendor not in self._models:
                field = "vendor" if "vendor" in self.table else "vendors"
                self.refuse(field, f"names {vendor!r}, which is not emulated{nearest(vendor, self._models)}")
        return tuple(vendor for vendor in vendors if vendor in self._models)

    def _named_models(self, kind: str, vendors: tuple[str, ...]) -> tuple[str, ...]:
        models = self._listed("model", "models")
        field = "model" if "model" in self.table else "models"
        if models and kind in _WHOLE_VENDOR:
            self.refuse(field, f"cannot be told apart: {kind} is the whole vendor's; a model alone can be retired")
        if not models and kind in _NAMES_MODELS and field not in self.table:
            self.refuse("model", f"is missing: {kind} needs one, such as model = {self._example(vendors)}")
        for vendor in vendors:
            for model in models:
                if model not in self._models[vendor]:
                    known = nearest(model, self._models[vendor])
                    self.refuse(field, f"names {model!r}, which is none of {vendor}'s{known}")
        return models

    def _example(self, vendors: tuple[str, ...]) -> str:
        return f'"{min(self._models[vendors[0]])}"' if vendors and self._models[vendors[0]] else '"deepseek-flash"'

    def _listed(self, one: str, many: str) -> tuple[str, ...]:
        """The name under ``one`` or the names under ``many``, each once."""
        if one in self.table and many in self.table:
            self.refuse(many, f"stands beside {one}: write one of the two")
        if one in self.table:
            name = self.table[one]
            if _is_text(name):
                return (cast("str", name),)
            self.refuse(one, f"is {name!r}: write a name in quotes")
            return ()
        names = self.table.get(many, ())
        if isinstance(names, list | tuple) and all(_is_text(name) for name in names):
            if many in self.table and not names:
                self.refuse(many, "is empty: name one, or drop it")
            if len(set(names)) < len(names):
                self.refuse(many, "names one twice: drop one")
            return tuple(dict.fromkeys(cast("list[str]", names)))
        self.refuse(many, f"is {names!r}: write a list of names in quotes")
        return ()

    # What happens

    def _what(self, kind: str, vendors: tuple[str, ...], models: tuple[str, ...]) -> What | None:
        match kind:
            case "price":
                return self._price(vendors, models)
            case "latency":
                return Latency(*self._speeds(needed=True))
            case "errors":
                return Errors(self._shares())
            case "brown_out":
                share = self._share()
                return BrownOut(share, *self._speeds(needed=False))
            case "cuts":
                return Cuts(self._share(), self._count("after_bytes", 0))
            case "rate_limit":
                return self._limits()
            case "quota_end":
                return QuotaEnd(self._count("tokens", 0) or 0)
            case "retired":
                return Retired()
            case "exit":
                how = self.one_of("how", tuple(Way))
                if "how" not in self.table:
                    self.refuse("how", f"is missing: write one of {', '.join(Way)}")
                return None if how is None else Exit(Way(how))
        return Back()

    def _price(self, vendors: tuple[str, ...], models: tuple[str, ...]) -> Price | None:
        if len(vendors) != 1:
            if vendors:
                self.refuse("vendors", "are several: a price is one vendor's, so write an event for each")
            return None
        if ("of" in self.table) == ("prices" in self.table):
            self.refuse("prices", 'or of is wanted: write prices = { input = "2", output = "8" }, or the day whose '
                        "prices they are, of = 2024-05-21T00:00:00+08:00")  # fmt: skip
            return None
        [vendor] = vendors
        if vendor not in self._book.vendors():
            self.refuse(
                "vendor", f"is {vendor!r}, which has no price list: only those with one can change their prices"
            )
            return None
        currency = self.one_of("currency", CURRENCIES) or self._book.currency(vendor)
        if "of" in self.table:
            day = self.instant("of")
            return None if day is None else Price(on_day(self, self._book, vendor, models, currency, day))
        return Price(at_prices(self, vendor, models, currency))

    def _speeds(self, *, needed: bool) -> tuple[int | None, int | None]:
        if needed and not {"first_token", "token"} & self.table.keys():
            self.refuse("first_token", 'or token is wanted: write such as first_token = "3s", token = "100ms"')
        return self._offset("first_token"), self._offset("token")

    def _share(self) -> float:
        share = self.table.get("share")
        if type(share) in (int, float) and 0 < cast("float", share) <= 1:
            return float(cast("float", share))
        shown = "is missing" if share is None else f"is {share!r}"
        self.refuse("share", f"{shown}: write which part of the requests, such as 0.3")
        return 0.0

    def _shares(self) -> tuple[tuple[Fault, float], ...]:
        table = self.subtable("shares", "shares = { overloaded = 0.2, server_error = 0.05 }")
        if not table and not self.problems:
            self.refuse("shares", "is missing: write such as shares = { overloaded = 0.2 }")
        shares = []
        for name, share in table.items():
            try:
                fault = parse_fault(name)
            except ConfigError:
                self.refuse(f"shares.{name}", f"is no fault{nearest(name, FAULT_NAMES)}")
                continue
            if type(share) not in (int, float) or not 0 < cast("float", share) <= 1:
                self.refuse(f"shares.{name}", f"is {share!r}: write which part of the requests, such as 0.2")
                continue
            shares.append((fault, float(cast("float", share))))
        if sum(share for _, share in shares) > 1 + 1e-9:
            self.refuse("shares", "come to more than 1: no request can fail twice")
        return tuple(shares)

    def _limits(self) -> RateLimit:
        limits = {name: self._count(name, 1) for name in RateLimit.__struct_fields__}
        if not limits.keys() & self.table.keys():
            self.refuse("requests_per_minute", f"or another limit is wanted: {', '.join(limits)}")
        return RateLimit(**limits)

    def _count(self, field: str, least: int) -> int | None:
        number = self.table.get(field)
        if number is None or (type(number) is int and number >= least):
            return number
        self.refuse(field, f"is {number!r}: write a whole number from {least}")
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
