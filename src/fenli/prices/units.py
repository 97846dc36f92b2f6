"""The units that prices are quoted in, and how each comes down to the units that meters count."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from fenli.values import METERS
from fenli.values.usage import COUNTS

TOKENS: Final = "1M_tokens"


class Unit(NamedTuple):
    """A price in this unit is for ``quantity`` of what the meters with that ``counts`` in `COUNTS` count."""

    counts: str
    quantity: int


UNITS: Final[Mapping[str, Unit]] = {
    TOKENS: Unit("token", 10**6),
    "1k_tokens": Unit("token", 10**3),
    "1M_tokens_hour": Unit("token-second", 3600 * 10**6),
    "1M_tokens_minute": Unit("token-second", 60 * 10**6),
    "1M_characters": Unit("character", 10**6),
    "10k_characters": Unit("character", 10**4),
    "image": Unit("image", 1),
    "video": Unit("video", 1),
    "second_of_video": Unit("second of video", 1),
    "second": Unit("second of audio", 1),
    "minute": Unit("second of audio", 60),
    "hour": Unit("second of audio", 3600),
    "call": Unit("call", 1),
    "1000_calls": Unit("call", 1000),
    "page": Unit("page", 1),
    "1000_pages": Unit("page", 1000),
    "1k_TPM_day": Unit("TPM-day", 10**3),
    "10k_TPM_day": Unit("TPM-day", 10**4),
    "10k_TPM_month": Unit("TPM-month", 10**4),
}


def meters_in(unit: str) -> tuple[str, ...]:
    """The meters that a price in ``unit`` can be for."""
    return tuple(meter for meter in METERS if COUNTS[meter] == UNITS[unit].counts)


def per_one(picos: int, unit: str) -> Fraction:
    """The price of one of what the meter counts, in picos: ``picos`` is the price of one ``unit``."""
    return Fraction(picos, UNITS[unit].quantity)


def whole_picos(amount: Fraction) -> int:
    """A cost as whole picos. The only rounding there is: half a pico and more is one, once for a request."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)
