"""Windows compiled to instants: is a row in its hours now, and until when does that answer hold?"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fenli.prices.offers import Window
from fenli.values.instants import instant_of, moment_of

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES: Final = 24 * 60
_DAY: Final = timedelta(days=1)
_CLOCK: Final = re.compile("(?=24:00|[01][0-9]|2[0-3])([0-9]{2}):([0-5][0-9])")


class Hours:
    """One `Window`, ready to be asked."""

    __slots__ = ("_calendar", "_calendar_zone", "_days", "_outside", "_spans", "_zone")

    def __init__(self, window: Window) -> None:
        self._zone = ZoneInfo(window.zone)
        self._spans = tuple(span_minutes(span) for span in window.spans)
        self._days = frozenset(WEEKDAYS.index(day) for day in window.days) or frozenset(range(7))
        self._calendar = window.calendar
        self._calendar_zone = ZoneInfo(window.calendar.zone) if window.calendar else self._zone
        self._outside = window.outside

    def at(self, instant: int) -> tuple[bool | None, int, int]:
        """Whether the row holds at ``instant``, and the interval ``[start, end)`` over which the answer stays the same.

        None: it hangs on a holiday calendar that does not reach this day. An interval never spans two local days.
        """
        today = moment_of(instant, self._zone).date()
        start, end = self._instant(today, 0), self._instant(today + _DAY, 0)
        inside: bool | None = False
        for day in (today - _DAY, today):
            for first, last in self._spans:
                opens, closes = self._instant(day, first), self._instant(day, last)
                if instant < opens:
                    end = min(end, opens)
                elif instant >= closes:
                    start = max(start, closes)
                else:
                    start, end = max(start, opens), min(end, closes)
                    runs = self._runs(day, opens)
                    inside = True if inside or runs else (None if inside is None or runs is None else False)
        return (None if inside is None else inside is not self._outside), start, end

    def _runs(self, day: date, opens: int) -> bool | None:
        listed = day.weekday() in self._days
        if self._calendar is None:
            return listed
        return self._calendar.runs(moment_of(opens, self._calendar_zone).date(), listed)

    def _instant(self, day: date, minute: int) -> int:
        days, minute = divmod(minute, DAY_MINUTES)
        day += days * _DAY
        return instant_of(datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self._zone))


def span_minutes(span: str) -> tuple[int, int]:
    """``"16:30-00:30"`` as minutes from the start of the day on which it begins: ``(990, 1470)``. Raises ValueError."""
    opens, _, closes = span.partition("-")
    first, last = _minute(opens), _minute(closes)
    if first == DAY_MINUTES:
        raise ValueError(span)
    return first, last if last > first else last + DAY_MINUTES


def disjoint(one: Window | None, other: Window | None) -> bool:
    """Whether it is certain that no instant lies in both. Windows of two zones are never certain."""
    if one is None or other is None or one.zone != other.zone:
        return False
    if (one.spans, one.days, one.calendar) == (other.spans, other.days, other.calendar):
        return one.outside is not other.outside
    if one.outside or other.outside:
        return False
    ours, theirs = _minutes(one), _minutes(other)
    if not ours & theirs:
        return True
    wraps = any(span_minutes(span)[1] > DAY_MINUTES for span in (*one.spans, *other.spans))
    apart = bool(one.days) and bool(other.days) and not set(one.days) & set(other.days)
    return apart and not wraps and one.calendar is None and other.calendar is None


def _minutes(window: Window) -> set[int]:
    return {minute % DAY_MINUTES for span in window.spans for minute in range(*span_minutes(span))}


def _minute(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(f"{clock!r} is not HH:MM")
    return int(found[1]) * 60 + int(found[2])
