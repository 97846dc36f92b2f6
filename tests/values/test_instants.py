from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import InstantError
from fenli.values import format_instant, parse_instant
from fenli.values.instants import instant_of, moment_of

MILLISECOND = 10**6
instants = st.integers(0, 4_000_000_000_000).map(lambda ms: ms * MILLISECOND)


@given(instants)
def test_format_then_parse_is_exact_to_the_millisecond(instant):
    assert parse_instant(format_instant(instant)) == instant
    assert parse_instant(format_instant(instant, ZoneInfo("Asia/Shanghai"))) == instant


@given(instants, st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_in_every_zone(instant, minutes):
    zone = timezone(timedelta(minutes=minutes))

    assert instant_of(moment_of(instant, zone)) == instant


@given(instants, instants)
def test_utc_texts_sort_like_instants(one, other):
    assert (one < other) is (format_instant(one) < format_instant(other))


def test_the_same_instant_three_ways():
    texts = ("2024-10-01T00:00:00+08:00", "2024-09-30T16:00:00Z", "2024-09-30T16:00:00+00:00")

    assert {parse_instant(text) for text in texts} == {1_727_712_000 * 10**9}
    assert format_instant(1_727_712_000 * 10**9) == "2024-09-30T16:00:00.000Z"


def test_no_float_on_the_way():
    far = datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

    assert instant_of(far) % 10**9 == 999_999_000


@pytest.mark.parametrize("text", ["2024-10-01", "2024-10-01T00:00:00"])
def test_a_date_without_a_zone(text):
    with pytest.raises(InstantError, match="has no zone: add Z or an offset"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01T00:00:00Z", "1727712000"])
def test_what_is_not_an_instant(text):
    with pytest.raises(InstantError, match="is not an instant: write one such as"):
        parse_instant(text)
