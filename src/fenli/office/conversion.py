"""Usage in one currency: every amount at the rate that was in force when it was spent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, tzinfo
from itertools import pairwise
from typing import Final

import msgspec

from fenli.errors import NoRate
from fenli.office.reports import EVER, By, UsageRow, day_bounds, usage
from fenli.prices.rates import Rate, Rates
from fenli.store import Database
from fenli.values.money import CURRENCIES

_AMOUNTS: Final = ("picos", "unknown_held")
_COUNTS: Final = ("calls", "attempts", "unknown", "unknown_unheld", "charge_unknown")


class ConvertedUsage(msgspec.Struct, frozen=True):
    """As `reports.usage`, in one currency but for what has none. ``rates`` are all that were needed, by pair and
    instant. Each group's amount under each rate was rounded once, to the nearest pico."""

    rows: list[UsageRow]
    rates: list[Rate]


def converted_usage(
    database: Database,
    rates: Rates,
    currency: str,
    *,
    by: By,
    since: int | None = None,
    until: int | None = None,
    zone: tzinfo,
) -> ConvertedUsage:
    """Raises NoRate for the first amount of which nobody has stated what it is worth."""
    first, last = since or 0, EVER if until is None else until
    totals: dict[tuple[str, bool, bool], UsageRow] = {}
    needed: set[Rate] = set()
    for begin, end in _spans(rates, currency, first, last):
        for row in usage(database, by=by, since=begin, until=end, zone=zone):
            try:
                converted = _converted(row, rates, currency, begin, needed)
            except NoRate:
                _refuse(database, rates, currency, begin, end)
                raise
            place = (row.group, row.currency is None, row.charge_currency is None)
            before = totals.get(place)
            totals[place] = converted if before is None else added(before, converted)
    used = sorted(needed, key=lambda rate: (rate.pair, rate.effective_from))
    return ConvertedUsage([totals[place] for place in sorted(totals)], used)


def added(one: UsageRow, other: UsageRow) -> UsageRow:
    """The sums of both under the name of ``one``. They are in the same currencies."""
    names = (*_AMOUNTS, *_COUNTS, "charge_picos")
    meters = {meter: one.usage.get(meter, 0) + other.usage.get(meter, 0) for meter in {*one.usage, *other.usage}}
    return msgspec.structs.replace(
        one, usage=meters, **{name: getattr(one, name) + getattr(other, name) for name in names}
    )


def _spans(rates: Rates, currency: str, first: int, last: int) -> Iterable[tuple[int, int]]:
    """``[first, last)`` cut where any rate to the currency changes."""
    cuts = {at for other in CURRENCIES for at in rates.changes(other, currency, first, last)}
    edges = [first, *sorted(cuts), last]
    return pairwise(edges)


def _refuse(database: Database, rates: Rates, currency: str, begin: int, end: int) -> None:
    """Raises NoRate for the first day of a span that needs a rate; the span itself may begin long before."""
    for row in usage(database, by="day", since=begin, until=end, zone=UTC):
        for held_in in (row.currency, row.charge_currency):
            if held_in is not None and held_in != currency:
                rates.find(held_in, currency, max(begin, day_bounds(date.fromisoformat(row.group), UTC)[0]))


def _converted(row: UsageRow, rates: Rates, currency: str, at: int, needed: set[Rate]) -> UsageRow:
    def amount(picos: int, held_in: str | None) -> int:
        if held_in is None or held_in == currency or not picos:
            return picos
        exchange = rates.find(held_in, currency, at)
        needed.add(exchange.rate)
        return exchange.convert(picos)

    return msgspec.structs.replace(
        row,
        currency=row.currency and currency,
        charge_currency=row.charge_currency and currency,
        charge_picos=amount(row.charge_picos, row.charge_currency),
        **{name: amount(getattr(row, name), row.currency) for name in _AMOUNTS},
    )
