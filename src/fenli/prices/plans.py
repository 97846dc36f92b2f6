"""Plans: what a customer pays for an attempt. The vendor's cost is one number, the customer's charge another.

    markup         cost × ratio, in the currency of the cost
    price list     a price file of our own, by the public name that was asked for
    per call       so much for each call that was answered whole
    subscription   a fee a month, an allowance that the charges draw on first, and what holds beyond it

A charge is exact. The one place where a pico can be rounded is a markup: half up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from fenli.errors import AccountRefused, MoneyError, PriceError, UsageError
from fenli.prices.book import PriceBook
from fenli.prices.facts import Facts
from fenli.values.money import NO_CURRENCY, currency_of, picos_of
from fenli.values.rounding import divided

RATIO_MAX: Final = 100

_RATIO: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,9})?")


class Charge(NamedTuple):
    """Both None: nobody pays. ``picos`` None with a currency: somebody pays what is not known yet."""

    currency: str | None
    picos: int | None


NOTHING: Final = Charge(None, None)
NOT_OWED: Final = "none"  # the grade of an attempt for which the vendor is owed nothing
ANSWERED: Final = "ok"  # the outcome of one that was answered whole


class Attempted(Protocol):
    """What a charge may depend on: an entry of the books, whose fields these are.

    ``currency`` and ``picos`` are the vendor's cost, None where it is not known. Instants in ns.
    """

    @property
    def opened_at(self) -> int: ...
    @property
    def closed_at(self) -> int: ...
    @property
    def asked(self) -> str: ...
    @property
    def final(self) -> bool: ...
    @property
    def outcome(self) -> str: ...
    @property
    def grade(self) -> str: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def picos(self) -> int | None: ...
    @property
    def usage(self) -> Mapping[str, int] | None: ...
    @property
    def facts(self) -> Mapping[str, bool | str] | None: ...


class Markup(msgspec.Struct, frozen=True, tag="markup", forbid_unknown_fields=True):
    """``ratio``: what is charged for 1 of cost, such as ``"1.2"``."""

    ratio: str


class PriceList(msgspec.Struct, frozen=True, tag="list", forbid_unknown_fields=True):
    """``text`` of a price file, ``name`` where it was read; its vendor stands for us, its models for public names."""

    name: str
    text: str


class PerCall(msgspec.Struct, frozen=True, tag="call", forbid_unknown_fields=True):
    currency: str
    price: str


class Subscription(msgspec.Struct, frozen=True, tag="subscription", forbid_unknown_fields=True):
    """``fee`` and ``allowance`` a month, both in ``currency``; months are counted in ``zone``."""

    currency: str
    fee: str
    allowance: str
    zone: str
    beyond: Markup | PriceList | PerCall


Terms = Markup | PriceList | PerCall | Subscription
Charging = Callable[[Attempted], Charge]


def charging(terms: Terms) -> Charging:
    """The rule, ready to be asked. Raises AccountRefused or PriceFileError where the terms cannot be kept."""
    if isinstance(terms, Subscription):
        check_subscription(terms)
        return charging(terms.beyond)
    if isinstance(terms, Markup):
        return _markup(terms)
    if isinstance(terms, PerCall):
        return _per_call(terms)
    return _price_list(terms)


def depends_on_cost(terms: Terms) -> bool:
    """Whether a charge changes when the cost does."""
    return isinstance(terms.beyond if isinstance(terms, Subscription) else terms, Markup)


def amount(text: str, what: str) -> int:
    """Picos above zero. Raises AccountRefused naming ``what``."""
    try:
        picos = picos_of(text)
    except MoneyError as error:
        raise AccountRefused(f"{what}: {error}") from None
    if picos <= 0:
        raise AccountRefused(f"{what} is {text}: write more than 0")
    return picos


def check_subscription(terms: Subscription) -> None:
    currency_of(terms.currency)
    amount(terms.fee, "the fee")
    amount(terms.allowance, "the allowance")
    try:
        ZoneInfo(terms.zone)
    except (ValueError, OSError, KeyError):
        raise AccountRefused(f"{terms.zone!r} is no time zone: write one such as Asia/Shanghai") from None


def _markup(terms: Markup) -> Charging:
    if not _RATIO.fullmatch(terms.ratio) or not 0 < Decimal(terms.ratio) <= RATIO_MAX:
        raise AccountRefused(
            f"the markup is {terms.ratio!r}: write what 1 of cost is charged at, such as 1.2 for 20 % on top"
        )
    numerator, denominator = Decimal(terms.ratio).as_integer_ratio()

    def charge(attempt: Attempted) -> Charge:
        if attempt.grade == NOT_OWED:
            return NOTHING
        if attempt.picos is None:
            return Charge(attempt.currency or NO_CURRENCY, None)
        return Charge(attempt.currency, divided(attempt.picos * numerator, denominator))

    return charge


def _per_call(terms: PerCall) -> Charging:
    price = Charge(currency_of(terms.currency), amount(terms.price, "the price of a call"))
    return lambda attempt: price if attempt.final and attempt.outcome == ANSWERED else NOTHING


def _price_list(terms: PriceList) -> Charging:
    """Of a call that had several attempts only the last one is charged: the answer is sold, not the way to it."""
    book = PriceBook.of_text(terms.name, terms.text)
    vendors = book.vendors()
    if len(vendors) != 1 or not book.offers(vendors[0]):
        raise AccountRefused(f"{terms.name} has no offers: write [[offers]] with model = the public name")
    (vendor,) = vendors
    unknown = Charge(book.currency(vendor), None)
    at_end = book.basis(vendor) == "end"

    def charge(attempt: Attempted) -> Charge:
        if attempt.grade == NOT_OWED or not attempt.final:
            return NOTHING
        tariff = book.tariff(vendor, attempt.asked)
        if attempt.usage is None or tariff is None:
            return unknown
        at = attempt.closed_at if at_end else attempt.opened_at
        try:
            facts = Facts(**attempt.facts) if attempt.facts else None  # type: ignore[arg-type]
            rating = tariff.rate(attempt.usage, at, facts)
        except (PriceError, UsageError, TypeError):
            return unknown  # the list does not say: that is not nothing
        return Charge(rating.currency, rating.picos)

    return charge
