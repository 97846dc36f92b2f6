"""Money: an exact number of picos (1e-12) of one currency. Never a float."""

from __future__ import annotations

import re
from typing import Final

from fenli.errors import MoneyError

PICO: Final = 10**12

# The currencies that vendors' prices, customers' contracts and rates of exchange may be in.
CURRENCIES: Final = ("CNY", "USD", "EUR", "GBP", "HKD", "JPY", "SGD")

# What nothing is booked in (ISO 4217): where it is not even known in which currency an amount would be.
NO_CURRENCY: Final = "XXX"

# No exponent, no infinity, no other script's digits; 30 digits are more money than there is.
_AMOUNT: Final = re.compile(r"(-)?([0-9]{1,30})(?:\.([0-9]+))?")


class Money:
    """``picos`` trillionths of one unit of ``currency`` (ISO 4217, upper case). Immutable; mixing currencies raises."""

    __slots__ = ("currency", "picos")

    currency: str
    picos: int

    def __init__(self, currency: str, picos: int) -> None:
        if type(picos) is not int:
            raise MoneyError(f"picos must be an int, not {type(picos).__name__}: money never touches a float")
        if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
            raise MoneyError(f"{currency!r} is not a currency: write its ISO 4217 code, such as CNY or USD")
        object.__setattr__(self, "currency", currency)
        object.__setattr__(self, "picos", picos)

    @classmethod
    def parse(cls, currency: str, amount: str) -> Money:
        """``amount`` is a decimal in units of the currency, such as ``"0.0194"``. Finer than a pico is an error."""
        return cls(currency, picos_of(amount))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Money is immutable")

    def __add__(self, other: Money) -> Money:
        return Money(self.currency, self.picos + self._same(other))

    def __sub__(self, other: Money) -> Money:
        return Money(self.currency, self.picos - self._same(other))

    def __neg__(self) -> Money:
        return Money(self.currency, -self.picos)

    def __mul__(self, count: int) -> Money:
        if type(count) is not int:
            raise MoneyError(f"money is multiplied by whole counts only, not by {type(count).__name__}")
        return Money(self.currency, self.picos * count)

    def __lt__(self, other: Money) -> bool:
        return self.picos < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.picos <= self._same(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.currency == self.currency and other.picos == self.picos

    def __hash__(self) -> int:
        return hash((self.currency, self.picos))

    def __bool__(self) -> bool:
        return self.picos != 0

    def __repr__(self) -> str:
        return f"Money({self.currency!r}, {self.picos})"

    def __str__(self) -> str:
        return f"{decimal_of(self.picos)} {self.currency}"

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise MoneyError(f"money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not mix: convert one in a report, with its rate")
        return other.picos


def picos_of(amount: str) -> int:
    """The picos in a decimal string. Raises MoneyError on anything finer than a pico or not a plain decimal."""
    if not isinstance(amount, str):
        raise MoneyError(f"write {amount!r} as a string: a number in a file may already have lost digits")
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        raise MoneyError(f"{amount!r} is not an amount: write a plain decimal such as 0.0008")
    sign, units, fraction = found.groups(default="")
    fraction = fraction.rstrip("0")
    if len(fraction) > 12:
        raise MoneyError(f"{amount} is finer than a pico (12 decimals)")
    return int(f"{sign}{units}{fraction:0<12}")


def currency_of(text: str) -> str:
    """``text`` where it is the code of a currency that books may be kept in. Raises MoneyError."""
    if text not in CURRENCIES:
        raise MoneyError(f"{text!r} is no currency that fenli knows: write one of {', '.join(CURRENCIES)}")
    return text


def decimal_of(picos: int) -> str:
    """The shortest exact decimal: ``decimal_of(19_400_000_000) == "0.0194"``."""
    sign = "-" if picos < 0 else ""
    units, rest = divmod(abs(picos), PICO)
    fraction = f"{rest:012d}".rstrip("0")
    return f"{sign}{units}.{fraction}" if fraction else f"{sign}{units}"
