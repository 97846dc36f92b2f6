"""Rates of exchange: dated like prices, stated by people, never guessed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from fenli.errors import NoRate, RateRefused
from fenli.values.instants import format_instant
from fenli.values.money import currency_of
from fenli.values.rounding import Rounding, divided

_VALUE: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,18})?")
_PAIR: Final = re.compile(r"([^/]+)/([^/]+)")
DAY: Final = 10  # characters of an instant's date


class Rate(msgspec.Struct, frozen=True):
    """From ``effective_from`` (ns) on, one ``base`` is ``value`` of ``quote``, until the pair's next rate."""

    base: str
    quote: str
    value: Decimal
    effective_from: int
    source: str = ""

    @property
    def pair(self) -> str:
        return f"{self.base}/{self.quote}"


class Exchange(NamedTuple):
    """``rate`` read one way: ``factor`` of what one converts to for one of what one has."""

    rate: Rate
    factor: Fraction

    def convert(self, picos: int, rounding: Rounding = Rounding.HALF_UP) -> int:
        """Whole picos of the other currency: the one rounding of a conversion."""
        return divided(picos * self.factor.numerator, self.factor.denominator, rounding)


class Rates:
    """Every rate there is, ready to be asked. A pair is stated in one direction; the other one is its exact inverse.

    Raises RateRefused where a pair is stated in both directions, or twice from one instant.
    """

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        self._pairs: dict[tuple[str, str], list[Rate]] = {}
        for rate in sorted(rates, key=lambda rate: rate.effective_from):
            if (rate.quote, rate.base) in self._pairs:
                raise RateRefused(
                    f"{rate.quote}/{rate.base} and {rate.pair} are one pair: state all of its rates one way round"
                )
            before = self._pairs.setdefault((rate.base, rate.quote), [])
            if before and before[-1].effective_from == rate.effective_from:
                when = format_instant(rate.effective_from)
                raise RateRefused(
                    f"{rate.pair} has two rates from {when}, {before[-1].value} ({before[-1].source}) and {rate.value} "
                    f"({rate.source}): keep one of them"
                )
            before.append(rate)

    def __iter__(self) -> Iterator[Rate]:
        return (rate for pair in sorted(self._pairs) for rate in self._pairs[pair])

    def find(self, base: str, quote: str, at: int) -> Exchange:
        """How ``base`` becomes ``quote`` at the instant ``at``, ns. Raises NoRate, naming the pair and the instant."""
        direct, rates = True, self._pairs.get((base, quote))
        if rates is None:
            direct, rates = False, self._pairs.get((quote, base), [])
        index = bisect_right(rates, at, key=lambda rate: rate.effective_from)
        if not index:
            day = format_instant(at)[:DAY]
            raise NoRate(
                f"no rate of {base}/{quote} was in force at {format_instant(at)}: state one with "
                f"`fenli rates add {base}/{quote} RATE --from {day} --source WHERE`"
            )
        rate = rates[index - 1]
        above, below = rate.value.as_integer_ratio()
        return Exchange(rate, Fraction(above, below) if direct else Fraction(below, above))

    def convert(self, picos: int, base: str, quote: str, at: int, rounding: Rounding = Rounding.HALF_UP) -> int:
        """``picos`` of ``base`` in picos of ``quote``; unchanged where they are the same. Raises NoRate."""
        return picos if base == quote else self.find(base, quote, at).convert(picos, rounding)

    def changes(self, base: str, quote: str, since: int, until: int) -> list[int]:
        """The instants within ``(since, until)`` at which the pair's rate changes."""
        rates = self._pairs.get((base, quote)) or self._pairs.get((quote, base), [])
        return [rate.effective_from for rate in rates if since < rate.effective_from < until]


def parse_pair(text: str) -> tuple[str, str]:
    """``USD/CNY`` as base and quote. Raises RateRefused, MoneyError for an unknown currency."""
    found = _PAIR.fullmatch(text)
    if found is None:
        raise RateRefused(f"{text!r} is no pair of currencies: write one such as USD/CNY")
    base, quote = currency_of(found[1]), currency_of(found[2])
    if base == quote:
        raise RateRefused(f"{text!r} is one currency twice: write two, such as USD/CNY")
    return base, quote


def parse_value(text: object) -> Decimal:
    """A positive plain decimal, given as text so that no digit is lost on the way. Raises RateRefused."""
    if not isinstance(text, str):
        raise RateRefused(f'{text!r} is a number, which may have lost digits: write it in quotes, such as "7.1234"')
    if not _VALUE.fullmatch(text):
        raise RateRefused(f"{text!r} is no rate: write a plain decimal such as 7.1234")
    if not (value := Decimal(text)):
        raise RateRefused("a rate of 0 would make money vanish: write a plain decimal such as 7.1234")
    return value
