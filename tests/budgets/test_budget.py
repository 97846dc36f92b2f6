"""When a budget begins anew, and for how long what was spent counts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.budgets.budget import FOREVER, STEPS, Budget, Mode, Period, Scope, window_at
from fenli.clock import SECOND

HOUR = 3600 * SECOND


def budget(period: Period, zone: str = "Asia/Shanghai", span: int = 0) -> Budget:
    return Budget("b", "b", Scope.KEY, "k", "CNY", "1", period, Mode.HARD, zone, span)


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("period", "moment", "start", "end"),
    [
        (Period.DAY, "2026-11-23T00:00:00", "2026-11-23T00:00:00", "2026-11-24T00:00:00"),
        (Period.DAY, "2026-11-23T23:59:59", "2026-11-23T00:00:00", "2026-11-24T00:00:00"),
        (Period.WEEK, "2026-11-23T00:00:00", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        (Period.WEEK, "2026-11-29T23:59:59", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        (Period.MONTH, "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        (Period.MONTH, "2028-02-29T12:00:00", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_periods_begin_at_midnight_where_the_budget_lives(period, moment, start, end):
    window = window_at(budget(period), at(moment))
    assert (window.start, window.end, window.until) == (at(start), at(end), at(end))


def test_a_day_has_as_many_hours_as_it_has_there():
    zone = "America/New_York"
    spring = window_at(budget(Period.DAY, zone), at("2026-03-08T12:00:00", zone))
    autumn = window_at(budget(Period.DAY, zone), at("2026-11-01T12:00:00", zone))
    assert (spring.end - spring.start, autumn.end - autumn.start) == (23 * HOUR, 25 * HOUR)


def test_a_total_never_begins_anew():
    assert window_at(budget(Period.TOTAL), at("2026-11-23T00:00:00")).until == FOREVER


@given(st.integers(1, 40 * 24 * HOUR), st.integers(0, 2**62))
def test_what_is_spent_in_a_rolling_period_counts_until_all_of_it_is_out(span, now):
    window = window_at(budget(Period.ROLLING, span=span), now)
    assert window.start <= now < window.end
    assert window.end - window.start <= span // STEPS + 1
    assert window.until - window.end == span


@given(st.sampled_from(list(Period)), st.integers(0, 4 * 10**18))
def test_windows_follow_each_other_without_a_gap(period, now):
    one = budget(period, span=HOUR)
    window = window_at(one, now)
    if window.end < FOREVER:
        assert window_at(one, window.end).start == window.end
        assert window_at(one, window.end - 1) == window
