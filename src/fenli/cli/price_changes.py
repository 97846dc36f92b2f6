"""What became of prices: each row beside the one that priced such a request before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec

from fenli.cli.price_rows import all_rows, rows_in_force
from fenli.errors import PriceError
from fenli.prices.book import PriceBook
from fenli.prices.facts import FIXED_AXES, OPEN_AXES, Facts
from fenli.prices.offers import Conditions, Offer
from fenli.prices.tariff import Tariff


class Change(msgspec.Struct, frozen=True):
    """Of one meter. ``before`` or ``after`` is None where there was no price, or is none any more: both are in
    ``unit``, exact decimals."""

    vendor: str
    model: str
    currency: str
    conditions: str
    meter: str
    unit: str
    before: str | None
    after: str | None

    @property
    def ratio(self) -> Fraction | None:
        """``after`` to ``before``; None where one of them is unknown, or was nothing."""
        if self.before is None or self.after is None or not Fraction(self.before):
            return None
        return Fraction(self.after) / Fraction(self.before)


def percent(change: Change) -> str:
    """``-85%``, ``+33.3%``; empty where there is none."""
    if change.ratio is None:
        return ""
    tenths = round((change.ratio - 1) * 1000)
    whole, tenth = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else '+'}{whole}{f'.{tenth}' if tenth else ''}%"


def between(old: PriceBook, before: int, new: PriceBook, after: int, vendor: str | None) -> Iterator[Change]:
    """What a price was in ``old`` at ``before`` and is in ``new`` at ``after``, wherever the two differ."""
    for seller in sorted({*old.vendors(), *new.vendors()}):
        if vendor is not None and seller != vendor:
            continue
        for model in sorted({*old.models(seller), *new.models(seller)}):
            was, now = rows_in_force(old, seller, model, before), rows_in_force(new, seller, model, after)
            yield from _of_model(old, before, was, now)


def _of_model(old: PriceBook, before: int, was: list[Offer], now: list[Offer]) -> Iterator[Change]:
    followed = set()
    for row in now:
        earlier = predecessor(was, row, old.tariff(row.vendor, row.model, row.currency), before)
        if earlier is not None:
            followed.add(earlier.id)
        yield from changes(earlier, row)
    kept = {(row.currency, row.unit) for row in now}
    for row in was:
        if row.id not in followed and (row.currency, row.unit) not in kept:
            yield from changes(row, None)


def changes(before: Offer | None, after: Offer | None) -> Iterator[Change]:
    """Meter by meter, the prices that differ."""
    row = after or before
    assert row is not None
    for meter in dict.fromkeys((*(before.prices if before else ()), *(after.prices if after else ()))):
        old = before.quoted(meter) if before is not None and meter in before.prices else None
        new = after.quoted(meter) if after is not None and meter in after.prices else None
        unit = row.unit_of(meter)
        if before is not None and before.unit_of(meter) != unit:  # another measure: no change that a percentage tells
            old = None
        if old != new:
            yield Change(row.vendor, row.model, row.currency, str(row.conditions), meter, unit, old, new)


def predecessor(rows: Iterable[Offer], row: Offer, tariff: Tariff | None, at: int) -> Offer | None:
    """Of ``rows``, in force at ``at``: the one under the same conditions, else the one that would take the request that
    ``row`` is there for."""
    for other in rows:
        if other.currency == row.currency and other.conditions == row.conditions:
            return other
    if tariff is None:
        return None
    try:
        return tariff.find(at, facts=typical(row.conditions))
    except PriceError:
        return None


def typical(conditions: Conditions) -> Facts:
    """The smallest request that meets ``conditions``."""
    given = {axis: getattr(conditions, axis) for axis in (*OPEN_AXES, *FIXED_AXES)}
    prompt, completion = conditions.prompt_tokens, conditions.completion_tokens
    return Facts(
        prompt.low() if prompt else 0,
        completion.low() if completion else 0,
        **{axis: value for axis, value in given.items() if value is not None},
    )


def through_time(book: PriceBook, vendor: str, model: str, currency: str) -> Iterator[tuple[Offer, list[Change]]]:
    """Every row there ever was, the earliest first, each with what it changed."""
    rows = all_rows(book, vendor, model, currency)
    tariff = book.tariff(vendor, model, currency)
    for row in sorted(rows, key=order):
        eve = row.effective_from - 1
        before = [other for other in rows if other.effective_to == row.effective_from]
        earlier = predecessor(before, row, tariff, eve)
        yield row, list(changes(earlier, row)) if earlier is not None else []


def standard_steps(rows: Sequence[Offer], until: int) -> list[tuple[Offer, int, int]]:
    """What the usual request took from when to when, up to ``until`` (ns): the default one, where there is a row for
    it, else the one of the newest row. Where hours of the day tell rows apart, the price outside of them."""
    usual = Facts()
    if all(typical(row.conditions) != usual for row in rows):
        usual = typical(max(rows, key=lambda row: row.effective_from).conditions)
    taken = [row for row in rows if typical(row.conditions) == usual]
    cuts = sorted(
        {row.effective_from for row in taken} | {row.effective_to for row in taken if row.effective_to} | {until}
    )
    steps = []
    for start, end in pairwise(cuts):
        held = [row for row in taken if row.effective_from <= start and end <= (row.effective_to or end)]
        if held and start < until:
            steps.append((min(held, key=_hours), start, end))
    return steps


def _hours(row: Offer) -> tuple[bool, bool]:
    window = row.conditions.window
    return (window is not None, window is not None and not window.outside)


def order(row: Offer) -> tuple[int, int, int, str]:
    prompt, completion = row.conditions.prompt_tokens, row.conditions.completion_tokens
    return (
        row.effective_from, prompt.low() if prompt else 0, completion.low() if completion else 0, str(row.conditions),
    )  # fmt: skip
