"""An offer: one dated price of one model, and the conditions under which it holds."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from fenli.prices.calendars import Calendar
from fenli.prices.units import UNITS
from fenli.values import format_instant
from fenli.values.money import decimal_of

UNBOUNDED: Final = 2**63 - 1


class TokenRange(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bounds on a count of tokens, with their closure. ``context_limit``: the upper bound is where the vendor's context
    ends, not where another price begins, so a longer request still takes this row."""

    gt: int | None = None
    ge: int | None = None
    lt: int | None = None
    le: int | None = None
    context_limit: bool = False

    def low(self) -> int:
        """The smallest count inside."""
        bounds = [0]
        if self.gt is not None:
            bounds.append(self.gt + 1)
        if self.ge is not None:
            bounds.append(self.ge)
        return max(bounds)

    def high(self) -> int:
        """The largest count inside; UNBOUNDED where nothing limits it."""
        bounds = [UNBOUNDED]
        if not self.context_limit:
            if self.lt is not None:
                bounds.append(self.lt - 1)
            if self.le is not None:
                bounds.append(self.le)
        return min(bounds)

    def __str__(self) -> str:
        shown = ((">", self.gt), (">=", self.ge), ("<", self.lt), ("<=", self.le))
        return " ".join(f"{sign}{bound}" for sign, bound in shown if bound is not None)


class Window(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Hours of the day in ``zone``: ``spans`` such as ``09:00-12:00``, end exclusive; ``22:00-06:00`` crosses midnight.

    ``days``: weekdays on which a span *starts* (all when absent). ``calendar``: its public holidays have no spans.
    ``outside``: the row holds whenever these spans do not.
    """

    spans: tuple[str, ...]
    zone: str
    days: tuple[str, ...] = ()
    calendar: Calendar | None = None
    outside: bool = False

    def __str__(self) -> str:
        days = f" {'-'.join((self.days[0], self.days[-1]))}" if self.days else ""
        calendar = f" less {self.calendar.name} holidays" if self.calendar else ""
        return f"{'outside ' if self.outside else ''}{','.join(self.spans)} {self.zone}{days}{calendar}"


class Conditions(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """All must hold. An absent condition means the default request; an absent ``thinking`` or ``cache_scheme`` means
    either."""

    prompt_tokens: TokenRange | None = None
    completion_tokens: TokenRange | None = None
    thinking: bool | None = None
    cache_scheme: Literal["implicit", "explicit"] | None = None
    batch: bool | None = None
    service_tier: str | None = None
    promo: bool | None = None
    channel: str | None = None
    modality: str | None = None
    speed: str | None = None
    resolution: str | None = None
    search_kind: str | None = None
    region: str | None = None
    plan: str | None = None
    window: Window | None = None

    def __str__(self) -> str:
        parts = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, TokenRange):
                parts.append(f"{name} {value}")
            elif value is not None:
                parts.append(f"{name}={str(value).lower() if isinstance(value, bool) else value}")
        return ", ".join(parts)


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of a price file. ``prices`` holds, by meter, picos for ``per`` (1 where it says nothing) of the meter's
    units: a cost in tokens is a whole number of picos, and only prices such as those by the hour may have another
    ``per``. ``unit``, and ``units`` by meter where it is another, are what the vendor quotes the price in.

    Of each meter, ``included`` units cost nothing in every request, and at least ``minimum`` are charged where any are.
    Instants are ns since the epoch; the row is in force over ``[effective_from, effective_to)``. ``known_from`` is when
    it could first be known (None: when it took effect); from ``withdrawn_at`` on it was known not to hold after all.
    ``tax``: whether the price includes it. ``confirmed``: why a price that looks like a slip is right.

    ``id`` leaves out ``effective_to`` and what only documents the row, so closing a row or mending its note keeps every
    entry that was priced by it.
    """

    id: str
    vendor: str
    model: str
    currency: str
    effective_from: int
    effective_to: int | None
    unit: str
    prices: dict[str, int]
    conditions: Conditions = Conditions()
    free: bool = False
    source: str = ""
    confidence: str = ""
    note: str = ""
    known_from: int | None = None
    tier_mode: str = "whole"
    per: dict[str, int] = {}
    units: dict[str, str] = {}
    included: dict[str, int] = {}
    minimum: dict[str, int] = {}
    tax: Literal["included", "excluded", "unknown"] = "unknown"
    withdrawn_at: int | None = None
    confirmed: str = ""

    def quoted(self, meter: str) -> str:
        """The price of ``meter`` as the vendor quotes it: an exact decimal, in `unit_of` the meter."""
        quantity = UNITS[self.unit_of(meter)].quantity
        return decimal_of(self.prices[meter] * quantity // self.per.get(meter, 1))

    def unit_of(self, meter: str) -> str:
        return self.units.get(meter, self.unit)

    def charged(self, meter: str, units: int) -> int:
        """How many of ``units`` used by one request are paid for."""
        paid = max(0, units - self.included.get(meter, 0))
        return max(paid, self.minimum.get(meter, 0)) if paid else 0

    def __str__(self) -> str:
        until = "" if self.effective_to is None else format_instant(self.effective_to)
        prices = ", ".join(
            f"{meter} {self.quoted(meter)}" + (f" per {self.units[meter]}" if meter in self.units else "")
            for meter in self.prices
        )
        conditions = f" when {self.conditions}" if self.conditions != Conditions() else ""
        when = f"from {format_instant(self.effective_from)}" + (f" to {until}" if until else "")
        return f"{self.id} {when}: {prices} {self.currency} per {self.unit}{conditions}"


def offer_id(offer: Offer) -> str:
    """16 hex digits of the SHA-256 of what decides a price: see `Offer`."""
    window = offer.conditions.window
    conditions = msgspec.to_builtins(offer.conditions)
    if window is not None and window.calendar is not None:
        conditions["window"]["calendar"] = window.calendar.name
    content = {
        "vendor": offer.vendor, "model": offer.model, "currency": offer.currency, "unit": offer.unit,
        "effective_from": offer.effective_from, "prices": offer.prices, "conditions": conditions,
        "free": offer.free, "tier_mode": offer.tier_mode,
    }  # fmt: skip
    for name in ("per", "included", "minimum"):  # left out where empty: rows without them keep their ids
        if getattr(offer, name):
            content[name] = getattr(offer, name)
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
