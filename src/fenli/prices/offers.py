"""An offer: one dated price of one model, and the conditions under which it holds."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from fenli.prices.calendars import Calendar
from fenli.values import format_instant
from fenli.values.money import decimal_of

TOKENS: Final = "1M_tokens"
TOKENS_PER_UNIT: Final = 10**6
UNBOUNDED: Final = 2**63 - 1

# Units a price may be quoted in. Only TOKENS is rated today.
UNITS: Final = (
    TOKENS, "1M_tokens_hour", "1M_tokens_minute", "1M_characters", "image", "video", "second_of_video", "minute",
    "call", "1000_calls", "1000_pages", "1k_TPM_day", "10k_TPM_day", "10k_TPM_month",
)  # fmt: skip


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
    """All must hold. An absent condition means the default request; an absent ``thinking`` means either."""

    prompt_tokens: TokenRange | None = None
    completion_tokens: TokenRange | None = None
    thinking: bool | None = None
    batch: bool | None = None
    service_tier: str | None = None
    promo: bool | None = None
    channel: str | None = None
    modality: str | None = None
    speed: str | None = None
    resolution: str | None = None
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


class Offer(msgspec.Struct, frozen=True):
    """One row of a price file. ``prices`` holds picos per token for ``1M_tokens``, else picos per that unit, by meter.

    Instants are ns since the epoch; the row is in force over ``[effective_from, effective_to)``. ``known_from`` is when
    the row could first be known (None: since the file's own ``as_of``). ``id`` leaves out ``effective_to`` and what
    only documents the row, so closing a row or mending its note keeps every entry that was priced by it.
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

    def __str__(self) -> str:
        until = "" if self.effective_to is None else format_instant(self.effective_to)
        scale = TOKENS_PER_UNIT if self.unit == TOKENS else 1
        prices = ", ".join(f"{meter} {decimal_of(picos * scale)}" for meter, picos in self.prices.items())
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
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
