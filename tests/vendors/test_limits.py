from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.clock import MILLISECOND, SECOND
from fenli.values.instants import format_instant
from fenli.vendors.catalog import VENDORS
from fenli.vendors.limits import LimitHeaders, Reset, Room, rooms, span, until_date_ms, wait_ms

NOW = 1_760_000_000 * SECOND
LIMITS = (
    LimitHeaders("requests", "x-limit-requests", "x-left-requests", "x-reset-requests", Reset.DURATION),
    LimitHeaders("tokens", "x-limit-tokens", "x-left-tokens", "x-reset-tokens", Reset.SECONDS),
    LimitHeaders("images", remaining="x-left-images"),
)


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (Reset.SECONDS, "30", 30 * SECOND),
        (Reset.SECONDS, "0.25", 250 * MILLISECOND),
        (Reset.DURATION, "6m0s", 360 * SECOND),
        (Reset.DURATION, "1s", SECOND),
        (Reset.DURATION, "12ms", 12 * MILLISECOND),
        (Reset.DURATION, "1h2m3.5s", 3_723_500 * MILLISECOND),
        (Reset.DURATION, "7.66s", 7_660 * MILLISECOND),
        (Reset.DURATION, "0s", 0),
        (Reset.INSTANT, format_instant(NOW + 90 * SECOND), 90 * SECOND),
        (Reset.INSTANT, "2001-01-01T00:00:00Z", 0),
        (Reset.EPOCH_MS, str(NOW // MILLISECOND + 1_500), 1_500 * MILLISECOND),
        (Reset.EPOCH_MS, "1", 0),
    ],
)
def test_each_form_of_a_reset(form: Reset, text: str, expected: int) -> None:
    assert span(text.encode(), form, NOW) == expected


@pytest.mark.parametrize("form", Reset)
@pytest.mark.parametrize(
    "text", ["", "soon", "-1", "1e3", "6x", "s", "5m5h", "1.5.5", "１", "9" * 400, "2026-01-01", "1 s"]
)
def test_what_is_of_no_form_tells_nothing(form: Reset, text: str) -> None:
    assert span(text.encode(), form, NOW) is None


@given(st.binary(max_size=40), st.sampled_from(Reset))
def test_whatever_stands_there_is_a_span_or_nothing(value: bytes, form: Reset) -> None:
    told = span(value, form, NOW)
    assert told is None or told >= 0


@given(st.integers(0, 400), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    whole = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds) // timedelta(
        milliseconds=1
    )
    for text in (
        f"{hours}h{minutes}m{seconds}.{milliseconds:03d}s",
        f"{hours}h{minutes}m{seconds}s{milliseconds}ms",
        f"{hours * 60 + minutes}m{seconds}s{milliseconds}ms",
        f"{whole}ms",
    ):
        assert span(text.encode(), Reset.DURATION, NOW) == whole * MILLISECOND


@given(st.integers(-(10**9), 10**9))
def test_the_same_instant_in_either_form(later_ms: int) -> None:
    instant = NOW + later_ms * MILLISECOND
    wait = max(0, later_ms) * MILLISECOND
    assert span(format_instant(instant).encode(), Reset.INSTANT, NOW) == wait
    assert span(str(instant // MILLISECOND).encode(), Reset.EPOCH_MS, NOW) == wait


def test_what_headers_tell_of_each_limit_in_whatever_case() -> None:
    told = headers(X_Limit_Requests="500", X_LEFT_REQUESTS="3", x_reset_requests="6m0s", x_left_tokens="0", other="1")
    assert rooms(LIMITS, told, NOW) == [
        Room("requests", 500, 3, 360 * SECOND),
        Room("tokens", None, 0, None),
    ]


def test_what_is_no_number_is_not_told_at_all() -> None:
    told = headers(x_limit_requests="many", x_left_requests="-1", x_reset_requests="soon", x_left_images="4.5")
    assert rooms(LIMITS, told, NOW) == []


def test_a_wait_lasts_until_every_limit_is_whole_of_which_nothing_is_left() -> None:
    spent = headers(x_left_requests="0", x_reset_requests="1.5s", x_left_tokens="0", x_reset_tokens="4")
    assert wait_ms(LIMITS, spent, NOW) == 4_000
    assert wait_ms(LIMITS, headers(x_left_requests="0", x_reset_requests="1.0001s"), NOW) == 1_001
    assert wait_ms(LIMITS, headers(x_left_requests="2", x_reset_requests="60s"), NOW) is None
    assert wait_ms(LIMITS, headers(x_left_tokens="0"), NOW) is None
    assert wait_ms((), spent, NOW) is None


@given(st.integers(0, 10**6))
def test_a_date_in_the_place_of_seconds(later: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW // SECOND + later, UTC), usegmt=True).encode()
    assert until_date_ms(date, NOW) == later * 1000
    assert until_date_ms(date, NOW + later * SECOND + 7 * SECOND) == 0


@pytest.mark.parametrize(
    "value", [b"", b"7", b"tomorrow", b"Wed, 21 Okt 2026 07:28:00 GMT", b"Wed, 99 Oct 2026 07:28:00 GMT"]
)
def test_what_is_no_date_is_no_wait(value: bytes) -> None:
    assert until_date_ms(value, NOW) is None


def test_vendors_name_their_headers_in_lower_case_and_each_limit_once() -> None:
    for vendor in VENDORS.values():
        names = [name for each in vendor.limits for name in (each.limit, each.remaining, each.reset) if name]
        assert names == [name.lower() for name in names]
        assert len(names) == len(set(names))
        assert len({each.of for each in vendor.limits}) == len(vendor.limits)
    assert {name for name, vendor in VENDORS.items() if vendor.limits} >= {"openai", "anthropic", "baidu"}
