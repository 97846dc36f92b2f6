from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.prices.calendars import Calendar
from fenli.prices.offers import Window
from fenli.prices.windows import Hours, disjoint, span_minutes
from fenli.values import parse_instant
from fenli.values.instants import instant_of, moment_of

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri")
CALENDAR = Calendar(
    "cn", "Asia/Shanghai", "weekend", frozenset({2026}), frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)})
)
times = st.integers(parse_instant("2025-01-01T00:00:00Z"), parse_instant("2026-12-30T00:00:00Z"))
windows = st.sampled_from(
    [
        Window(("00:30-08:30",), "Asia/Shanghai"),
        Window(("16:30-00:30",), "UTC"),
        Window(("09:00-12:00", "14:00-18:00"), "Asia/Shanghai", WEEK),
        Window(("22:00-06:00",), "Europe/Berlin", ("Fri",)),
        Window(("00:00-08:00",), "Asia/Shanghai", outside=True),
        Window(("08:00-24:00",), "Asia/Shanghai"),
    ]
)


@settings(max_examples=200, deadline=None)
@given(windows, times)
def test_a_window_is_what_the_wall_clock_says(window, instant):
    local = moment_of(instant, ZoneInfo(window.zone))
    minute = local.hour * 60 + local.minute
    held = False
    for span in window.spans:
        first, last = span_minutes(span)
        for began, clock in ((local, minute), (local - timedelta(days=1), minute + 1440)):
            if first <= clock < last and (not window.days or began.strftime("%a") in window.days):
                held = True

    assert Hours(window).at(instant)[0] is (held is not window.outside)


@settings(max_examples=200, deadline=None)
@given(windows, times, st.data())
def test_the_answer_holds_over_the_interval_it_names(window, instant, data):
    hours = Hours(window)
    held, start, end = hours.at(instant)

    assert start <= instant < end
    other = data.draw(st.integers(start, end - 1))
    assert hours.at(other)[0] is held


@settings(max_examples=100, deadline=None)
@given(times)
def test_the_two_deepseek_windows_of_2025_are_one(instant):
    beijing, utc = Window(("00:30-08:30",), "Asia/Shanghai"), Window(("16:30-00:30",), "UTC")

    assert Hours(beijing).at(instant)[0] is Hours(utc).at(instant)[0]


def at(text: str) -> int:
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")))


@pytest.mark.parametrize(
    ("counts_as", "when", "held"),
    [
        ("weekend", "2026-09-30T10:00", True),
        ("weekend", "2026-10-01T10:00", False),
        ("weekend", "2026-10-10T10:00", False),
        ("weekday", "2026-10-10T10:00", True),
        ("weekday", "2026-10-11T10:00", False),
        ("weekday", "2026-10-01T10:00", False),
        ("weekend", "2027-01-04T10:00", None),  # a Monday of a year that nobody has announced
        ("weekend", "2027-01-02T10:00", False),  # a Saturday is no weekday in any year
        ("weekday", "2027-01-02T10:00", None),  # unless it may be a make-up day
        ("weekend", "2027-01-04T08:00", False),  # no holiday changes what is out of hours
    ],
)
def test_holidays_and_make_up_days(counts_as, when, held):
    calendar = Calendar("cn", "Asia/Shanghai", counts_as, CALENDAR.years, CALENDAR.holidays, CALENDAR.makeup_days)
    window = Window(("09:00-12:00",), "Asia/Shanghai", WEEK, calendar)

    assert Hours(window).at(at(when))[0] is held


def test_a_calendar_counts_days_in_its_own_zone():
    night = Window(("16:00-20:00",), "UTC", calendar=CALENDAR)
    eve = instant_of(datetime(2026, 9, 30, 17, tzinfo=UTC))  # already National Day in Beijing

    assert Hours(night).at(eve)[0] is False


@pytest.mark.parametrize("span", ["9:00-12:00", "09:00", "24:00-01:00", "09:60-10:00", "ab:cd-10:00", "00:00-24:01"])
def test_spans_that_are_none(span):
    with pytest.raises(ValueError, match=r"is not HH:MM|24:00-01:00"):
        span_minutes(span)


def test_spans_in_minutes():
    assert span_minutes("16:30-00:30") == (990, 1470)
    assert span_minutes("00:00-24:00") == (0, 1440)


def test_disjoint_windows():
    day, night = Window(("08:00-24:00",), "Asia/Shanghai"), Window(("00:00-08:00",), "Asia/Shanghai")
    peak = Window(("09:00-12:00",), "Asia/Shanghai", WEEK)
    with_calendar = Window(("09:00-12:00",), "Asia/Shanghai", WEEK, CALENDAR)

    assert disjoint(day, night)
    assert disjoint(peak, Window(peak.spans, peak.zone, peak.days, outside=True))
    assert disjoint(peak, Window(peak.spans, peak.zone, ("Sat", "Sun")))
    assert not disjoint(peak, Window(peak.spans, peak.zone, ("Fri", "Sat")))
    assert not disjoint(with_calendar, Window(peak.spans, peak.zone, peak.days, outside=True))
    assert not disjoint(day, Window(("00:00-08:00",), "UTC"))
    assert not disjoint(day, None)
    assert not disjoint(day, day)
    assert not disjoint(night, Window(("07:00-09:00",), "Asia/Shanghai"))
    assert not disjoint(Window(("09:00-12:00",), "UTC", outside=True), Window(("01:00-02:00",), "UTC"))
