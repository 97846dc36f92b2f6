"""How what is left with a vendor changed: a table of what it said anew, and a chart of it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import msgspec

from fenli.cli.charts import Curve, Step, is_log, step_chart
from fenli.cli.language import say
from fenli.cli.output import aligned, amount, console, line, table
from fenli.clock import SystemClock
from fenli.office.balances import Poll
from fenli.values import PICO, format_instant
from fenli.values.money import decimal_of
from fenli.vendors.balances import Holding


class Change(msgspec.Struct, frozen=True):
    """From ``at`` on the vendor told ``holding``, which is ``more`` than what it told before (None: nothing before);
    or it did not tell, for the reason ``outcome``."""

    at: int
    holding: Holding | None
    more: int | None
    outcome: str


def changes(polls: Sequence[Poll]) -> list[Change]:
    """The polls (oldest first) that said something new, newest first."""
    found: list[Change] = []
    told: dict[str, Holding] = {}
    trouble: str | None = None
    for poll in polls:
        if poll.balance is None:
            if poll.outcome != trouble:
                found.append(Change(poll.asked_at, None, None, poll.outcome))
            trouble = poll.outcome
            continue
        for holding in poll.balance.holdings:
            before = told.get(holding.currency)
            if holding != before or trouble is not None:
                more = None if before is None else holding.picos - before.picos
                found.append(Change(poll.asked_at, holding, more, poll.outcome))
            told[holding.currency] = holding
        trouble = None
    return found[::-1]


def print_history(vendor: str, polls: Sequence[Poll], limit: int, until: int | None) -> None:
    """``polls`` are the vendor's, oldest first, up to ``until`` (now, where None). At most ``limit`` changes are
    listed; the chart has them all."""
    found = changes(polls)
    if not found:
        line(say("balance.no_history", vendor=vendor))
        return
    _print_table(found[:limit])
    if len(found) > limit:
        line(say("balance.more", shown=limit))
    for currency in dict.fromkeys(change.holding.currency for change in found if change.holding is not None):
        _print_chart(polls, currency, SystemClock().now() if until is None else until)


def shown_instant(at: int) -> str:
    """To the second, in UTC."""
    return format_instant(at)[:19].replace("T", " ")


def _print_table(found: Sequence[Change]) -> None:
    held = [change.holding for change in found]
    columns = [
        [shown_instant(change.at) for change in found],
        aligned([amount(None if holding is None else holding.picos) for holding in held]),
        ["" if holding is None else holding.currency for holding in held],
        aligned([_signed(change.more) for change in found]),
        [change.outcome if change.holding is None else "" for change in found],
    ]
    headings = [say("column.asked"), say("column.left"), "", say("column.change"), ""]
    table(headings, list(zip(*columns, strict=True)))


def _print_chart(polls: Sequence[Poll], currency: str, until: int) -> None:
    curve = curve_of(polls, currency, until)
    if len({step.value for step in curve.steps}) < 2:
        return
    scale = say("balance.log") if is_log([curve]) else ""
    line()
    line(say("balance.chart", currency=currency, scale=scale))
    for text in step_chart([curve], console().width, _label, lambda at: shown_instant(at)[:16]):
        line(text)


def curve_of(polls: Sequence[Poll], currency: str, until: int) -> Curve:
    """What was left in ``currency``, in units of it, from each answer to the next and from the last one to ``until``;
    while the vendor did not tell there is a gap. What is owed is drawn as nothing left."""
    steps = []
    ends = [*(poll.asked_at for poll in polls[1:]), max(until, polls[-1].asked_at + 1)]
    for poll, end in zip(polls, ends, strict=True):
        for holding in poll.balance.holdings if poll.balance is not None else ():
            if holding.currency == currency:
                steps.append(Step(poll.asked_at, end, Fraction(max(0, holding.picos), PICO)))
    return Curve(currency, steps)


def _label(value: Fraction) -> str:
    return decimal_of(int(value * PICO))


def _signed(picos: int | None) -> str:
    return "" if picos is None else f"+{decimal_of(picos)}" if picos > 0 else decimal_of(picos)
