"""A budget: how much may be spent within a scope in a period, and what happens at its end."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from fenli.clock import SECOND

# A rolling period is counted in this many steps: what is spent in a step counts until all of it is out of the period.
STEPS: Final = 24
FOREVER: Final = 2**63 - 1


class Scope(enum.StrEnum):
    """Whose calls a budget covers. An organisation is everyone here."""

    KEY = "key"
    PROJECT = "project"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    ORGANISATION = "organisation"


class Period(enum.StrEnum):
    """``week`` begins on Monday. ``total`` never begins anew; ``rolling`` looks back over ``Budget.span``."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"
    ROLLING = "rolling"


class Mode(enum.StrEnum):
    """``hard`` refuses a call that could overshoot, ``cap`` first shortens its answer, ``soft`` only gives notice."""

    HARD = "hard"
    SOFT = "soft"
    CAP = "cap"


class Budget(msgspec.Struct, frozen=True):
    """At most ``limit`` (picos as text: they may be more than 64 bits hold) of ``currency`` in each period.

    ``subject``: the id of the key, project, customer or vendor; "" for the organisation. ``zone``: the IANA zone in
    which days begin. ``span``: of a rolling period, ns. ``effective_from``: the budget covers calls from then on, ns;
    what its scope spent before, in the period under way, counts all the same. ``notices``: at which percents of the
    limit notice is given.
    """

    id: str
    name: str
    scope: Scope
    subject: str
    currency: str
    limit: str
    period: Period
    mode: Mode
    zone: str = "UTC"
    span: int = 0
    effective_from: int = 0
    notices: tuple[int, ...] = (80, 100)

    @property
    def picos(self) -> int:
        return int(self.limit)

    @property
    def binding(self) -> bool:
        """Whether calls may be refused for its sake."""
        return self.mode is not Mode.SOFT


class Window(msgspec.Struct, frozen=True):
    """Calls opened in ``[start, end)`` draw on the same amount. It counts against the limit until ``until``.

    Of a period that begins anew there is one window, and ``until`` is its end. A rolling period has a window for every
    step, and at each instant the limit is for the sum of those that still count.
    """

    start: int
    end: int
    until: int


def window_at(budget: Budget, at: int) -> Window:
    """The window that a call opened at ``at`` draws on."""
    if budget.period is Period.TOTAL:
        return Window(0, FOREVER, FOREVER)
    if budget.period is Period.ROLLING:
        step = -(-budget.span // STEPS)
        start = at - at % step
        return Window(start, start + step, start + step + budget.span)
    zone = ZoneInfo(budget.zone)
    today = datetime.fromtimestamp(at // SECOND, zone).date()
    if budget.period is Period.DAY:
        first, after = today, today + timedelta(days=1)
    elif budget.period is Period.WEEK:
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    start, end = (_instant(datetime(day.year, day.month, day.day, tzinfo=zone)) for day in (first, after))
    return Window(start, end, end)


def _instant(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
