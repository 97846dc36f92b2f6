"""What emulated vendors tell of their limits, in headers, as their adapters read it."""

from __future__ import annotations

import msgspec
import pytest
from faces import PATIENT, Heard, says
from hypothesis import given
from hypothesis import strategies as st
from staged import Stage

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import Kind
from fenli.market.limits import Allowance, Standing, limit_lines
from fenli.market.market import market_key
from fenli.market.usage import Count
from fenli.vendors.catalog import VENDORS
from fenli.vendors.limits import LimitHeaders, Reset, Room, rooms, wait_ms
from fenli.wire.openai_chat import parse_request

NOW = 1_760_000_000 * SECOND
TELLING = [name for name, vendor in VENDORS.items() if vendor.limits]


def told(stage: Stage, vendor: str) -> tuple[int, dict[str, Room], int | None]:
    """The status, what is told of each limit, and how long a refused caller had better wait (ms)."""
    speaker, heard = VENDORS[vendor], Heard()
    address = speaker.address(speaker.base_url, market_key(vendor), speaker.models[0].id)
    ask = parse_request(msgspec.json.encode({"model": "any", **says("hi there")}))
    stage.transport.send(speaker.request(address, ask, stage.sim.now()), PATIENT, heard)
    stage.sim.run()
    headers, limits = list(heard.headers.items()), VENDORS[vendor].limits
    now = stage.sim.now()
    return heard.status, {room.of: room for room in rooms(limits, headers, now)}, wait_ms(limits, headers, now)


@pytest.mark.parametrize("vendor", TELLING)
def test_a_limit_can_be_seen_to_run_out(vendor: str) -> None:
    limit = f'[[events]]\nvendor = "{vendor}"\nat = "0s"\nkind = "rate_limit"\nrequests_per_minute = 2'
    stage = Stage(limit, vendor)
    seen = [told(stage, vendor) for _ in range(3)]
    assert [status for status, _, _ in seen] == [200, 200, 429]
    assert [told["requests"].limit for _, told, _ in seen] == [2, 2, 2]
    assert [told["requests"].remaining for _, told, _ in seen] == [1, 0, 0]
    wait = seen[-1][2]
    if VENDORS[vendor].limits[0].reset:
        assert wait is not None
        assert 50_000 < wait <= 60_000
        stage.sim.run(until=stage.sim.now() + wait * MILLISECOND)
        assert told(stage, vendor)[0] == 200
    else:
        assert wait is None


def test_without_a_limit_there_is_plenty_and_tokens_are_counted() -> None:
    stage = Stage('[[events]]\nvendor = "anthropic"\nat = "1h"\nkind = "exit"\nhow = "gone"', "anthropic")
    before, after = told(stage, "anthropic")[1], told(stage, "anthropic")[1]
    assert set(after) == {"requests", "tokens", "input_tokens", "output_tokens"}
    for of, room in after.items():
        assert room.remaining is not None
        assert 0 < room.remaining < (before[of].remaining or 0), of


def test_who_has_no_such_headers_sends_none() -> None:
    stage = Stage(
        '[[events]]\nvendor = "deepseek"\nat = "0s"\nkind = "rate_limit"\nrequests_per_minute = 1', "deepseek"
    )
    stage.ask("deepseek")
    refused = stage.ask("deepseek")
    assert VENDORS["deepseek"].classify(refused.status, [], refused.body).kind is Kind.RATE_LIMITED
    assert not [name for name in refused.headers if b"limit" in name]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**7), st.sampled_from(Reset))
def test_whatever_is_told_is_understood(whole: int, left: int, span_ms: int, form: Reset) -> None:
    limits = (LimitHeaders("requests", "x-limit", "x-left", "x-reset", form),)
    lines = limit_lines(limits, {"requests": Standing(whole, left, span_ms * MILLISECOND)}, NOW)
    exact = form is not Reset.SECONDS
    span = span_ms * MILLISECOND if exact else -(-span_ms // 1000) * SECOND
    assert rooms(limits, lines, NOW) == [Room("requests", whole, left, span)]


def test_an_allowance_is_whole_again_a_minute_after_it_began() -> None:
    allowance = Allowance()
    first = allowance.after(Count(10, completion=5), NOW)
    second = allowance.after(Count(10, completion=5), NOW + 59 * SECOND)
    third = allowance.after(Count(1), NOW + 60 * SECOND)
    assert first["tokens"].whole - first["tokens"].left == 15
    assert second["tokens"].whole - second["tokens"].left == 30
    assert (second["requests"].reset, third["requests"].reset) == (SECOND, 60 * SECOND)
    assert third["tokens"].whole - third["tokens"].left == 1
