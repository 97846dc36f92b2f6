"""Scenario files: what they may say, and how what they may not say is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fenli.clock import SECOND
from fenli.errors import ConfigError, Kind
from fenli.market.faults import Fault
from fenli.market.offsets import format_offset, parse_offset
from fenli.market.scenario import (
    KINDS,
    BrownOut,
    Cuts,
    Errors,
    Exit,
    Latency,
    Price,
    QuotaEnd,
    RateLimit,
    Retired,
    Scenario,
    Way,
)
from fenli.market.scenario_files import load_scenario, read_scenario, shipped
from fenli.prices.book import PriceBook

BOOK = PriceBook.load()


def scenario(*events: str, head: str = 'title = "A day"') -> Scenario:
    tables = "".join(f"\n[[events]]\n{event}\n" for event in events)
    return read_scenario("day.toml", f"{head}\n{tables}", BOOK)


def refused(*events: str, head: str = 'title = "A day"') -> str:
    with pytest.raises(ConfigError) as caught:
        scenario(*events, head=head)
    return str(caught.value)


def what_of(event: str) -> object:
    [found] = scenario(f'at = "1m"\nvendor = "moonshot"\n{event}').events
    return found.what


def test_every_kind_of_event() -> None:
    events = {
        "price": 'model = "kimi-k2.6"\nprices = { input = "1", output = "2.5" }',
        "latency": 'first_token = "3s"\ntoken = "80ms"',
        "errors": 'shares = { overloaded = 0.2, "html@502" = 0.1 }',
        "brown_out": 'share = 0.5\ntoken = "1s"',
        "cuts": "share = 1\nafter_bytes = 40",
        "rate_limit": "requests_per_minute = 3\ntokens_per_minute = 9\nconcurrency = 1",
        "quota_end": "tokens = 1_000",
        "retired": 'models = ["kimi-k2.5", "kimi-k2.6"]',
        "exit": 'how = "gone"',
    }
    assert {*events, "back"} == set(KINDS)
    found = {kind: what_of(f'kind = "{kind}"\n{rest}') for kind, rest in events.items()}
    price = found.pop("price")
    assert isinstance(price, Price)
    [row] = price.rows["kimi-k2.6"]
    assert (row.currency, row.quoted("input"), row.quoted("output")) == ("CNY", "1", "2.5")
    assert found == {
        "latency": Latency(3 * SECOND, SECOND * 8 // 100),
        "errors": Errors(((Fault(Kind.OVERLOADED), 0.2), (found["errors"].shares[1][0], 0.1))),  # type: ignore[attr-defined]
        "brown_out": BrownOut(0.5, None, SECOND),
        "cuts": Cuts(1.0, 40),
        "rate_limit": RateLimit(3, 9, 1),
        "quota_end": QuotaEnd(1000),
        "retired": Retired(),
        "exit": Exit(Way.GONE),
    }
    assert str(found["errors"].shares[1][0]) == "html@502"  # type: ignore[attr-defined]


def test_a_price_can_be_that_of_a_day() -> None:
    [event] = scenario(
        'at = "1m"\nkind = "price"\nvendor = "deepseek"\nmodel = "deepseek-v4-pro"\nof = 2026-08-17T00:00:00+08:00'
    ).events
    assert isinstance(event.what, Price)
    rows = event.what.rows["deepseek-v4-pro"]
    assert sorted(row.quoted("output") for row in rows) == ["13.5", "27"]
    assert {row.conditions.window.outside for row in rows if row.conditions.window} == {True, False}


def test_events_stand_in_the_order_in_which_they_happen() -> None:
    found = scenario(
        'at = "2m"\nkind = "back"\nvendor = "zhipu"',
        'at = "1m"\nkind = "exit"\nhow = "refused"\nvendors = ["zhipu", "moonshot"]',
        'at = "10s"\nfor = "20s"\nkind = "retired"\nvendor = "deepseek"\nmodel = "deepseek-chat"',
    )
    assert [(event.number, event.kind, event.at // SECOND) for event in found.events] == [
        (3, "retired", 10), (2, "exit", 60), (1, "back", 120)]  # fmt: skip
    spells = {(spell.vendor, spell.at // SECOND, spell.until and spell.until // SECOND) for spell in found.spells()}
    assert spells == {("deepseek", 10, 30), ("zhipu", 60, 120), ("moonshot", 60, None)}
    assert found.length == 120 * SECOND


def test_the_head() -> None:
    event = 'at = "1s"\nkind = "exit"\nhow = "gone"\nvendor = "zhipu"\nsays = { en = "off", zh = "走了" }'
    found = scenario(
        event, head='title = { en = "A", zh = "甲" }\nseed = 7\nspeed = 1.5\nopens = 2026-01-01T00:00:00+08:00'
    )
    assert (found.titles, found.seed, found.speed) == ({"en": "A", "zh": "甲"}, 7, "1.5")
    assert found.opens == 1_767_196_800 * SECOND
    assert found.events[0].says == {"en": "off", "zh": "走了"}
    assert scenario(event).titles == {"en": "A day", "zh": "A day"}


@pytest.mark.parametrize(
    ("text", "span"),
    [("0s", 0), ("90s", 90 * SECOND), ("1h30m", 5400 * SECOND), ("2d", 172800 * SECOND), ("250ms", SECOND // 4),
     ("1m5s", 65 * SECOND), ("", None), ("90", None), ("1.5s", None), ("-1s", None), ("5s1m", None), (90, None)],
)  # fmt: skip
def test_offsets(text: object, span: int | None) -> None:
    assert parse_offset(text) == span
    if span is not None:
        assert parse_offset(format_offset(span)) == span


AT = 'at = "1m"\n'
GONE = 'kind = "exit"\nhow = "gone"\nvendor = "moonshot"'
KIMI = 'at = "1m"\nkind = "price"\nvendor = "moonshot"\nmodel = "kimi-k2.6"'


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ('at = "1m"\nvendor = "moonshot"', "day.toml:3: event 1: kind is missing"),
        (AT + 'kind = "exist"\nvendor = "moonshot"', "day.toml:5: event 1: kind is 'exist' (did you mean exit?)"),
        (AT + 'kind = "exit"\nhow = "gone"\nvendor = "monshot"', "day.toml:7: event 1: vendor names 'monshot', "
         "which is not emulated (did you mean moonshot?)"),
        (AT + GONE + '\nvendors = ["zhipu"]', "stands beside vendor"),
        (AT + 'kind = "exit"\nhow = "gone"', "vendor is missing"),
        (AT + 'kind = "exit"\nvendor = "moonshot"', "how is missing: write one of refused, no_dns, gone, no_balance"),
        (AT + 'kind = "exit"\nhow = "refuse"\nvendor = "moonshot"', "did you mean refused?"),
        (AT + GONE + '\nmodel = "kimi-k2.6"', "the whole vendor's; a model alone can be retired"),
        (AT + GONE + "\nnow = true", "day.toml:8: event 1: now is not known"),
        (GONE, "at is missing"),
        ('at = "soon"\n' + GONE, "day.toml:4: event 1: at is 'soon', no span of time"),
        (AT + 'until = "30s"\n' + GONE, "until is not after at"),
        (AT + 'until = "3m"\nfor = "1m"\n' + GONE, "for stands beside until"),
        (AT + 'for = "0s"\n' + GONE, "for is no time at all"),
        (AT + 'for = "1m"\nkind = "back"\nvendor = "moonshot"', "for has no meaning for back"),
        (AT + 'kind = "back"\nvendor = "moonshot"', "has nothing to come back from at 1m"),
        (AT + 'kind = "retired"\nvendor = "moonshot"', "model is missing: retired needs one"),
        (AT + 'kind = "retired"\nvendor = "moonshot"\nmodel = "kimi-k2.66"', "which is none of moonshot's (did you "
         "mean kimi-k2.6?)"),
        (AT + 'kind = "retired"\nvendor = "moonshot"\nmodels = []', "models is empty"),
        (AT + 'kind = "latency"\nvendor = "moonshot"', "first_token or token is wanted"),
        (AT + 'kind = "cuts"\nshare = 1.5\nvendor = "moonshot"', "share is 1.5"),
        (AT + 'kind = "cuts"\nshare = 0\nvendor = "moonshot"', "share is 0"),
        (AT + 'kind = "cuts"\nvendor = "moonshot"', "share is missing"),
        (AT + 'kind = "errors"\nvendor = "moonshot"', "shares is missing"),
        (AT + 'kind = "errors"\nshares = { overlode = 0.1 }\nvendor = "moonshot"', "did you mean overloaded?"),
        (AT + 'kind = "errors"\nshares = { cut = 0.7, overloaded = 0.4 }\nvendor = "moonshot"', "more than 1"),
        (AT + 'kind = "rate_limit"\nvendor = "moonshot"', "requests_per_minute or another limit is wanted"),
        (AT + 'kind = "rate_limit"\nconcurrency = 0\nvendor = "moonshot"', "0: write a whole number from 1"),
        (KIMI, "prices or of is wanted"),
        (KIMI + '\nprices = { input = 1 }', "prices.input is 1, a "
         "number that may have lost digits"),
        (KIMI + '\nprices = { inputs = "1" }', "did you mean input?"),
        (KIMI + '\nof = 2020-01-01T00:00:00Z', "of is a day on which "
         "moonshot/kimi-k2.6 had no price in CNY"),
        (AT + 'kind = "price"\nvendor = "vllm"\nmodel = "x"\nprices = { input = "1" }', "which has no price list"),
        (AT + 'kind = "price"\nvendors = ["moonshot", "zhipu"]\nof = 2026-01-01T00:00:00Z', "one vendor's"),
        (AT + GONE + "\nsays = 7", "write a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_the_next_step(event: str, why: str) -> None:
    assert why in refused(event)


def test_all_that_is_wrong_is_named_at_once() -> None:
    told = refused('at = "x"\n' + GONE, 'at = "1s"\nkind = "leave"\nvendor = "zhipu"', head='titel = "A"\nspeed = 0')
    assert all(word in told for word in ("titel", "title is missing", "speed", "event 1: at", "event 2: kind"))


def test_a_scenario_in_which_nothing_happens_is_none() -> None:
    assert "nothing happens" in refused()
    assert "is not a list of tables" in refused(head='title = "A"\nevents = 3')
    with pytest.raises(ConfigError, match=r"day\.toml: is not TOML"):
        read_scenario("day.toml", "title = ", BOOK)


LATER = 'at = "2m"\nvendor = "moonshot"\n'


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (AT + GONE, LATER + 'kind = "cuts"\nshare = 1', "is after moonshot has left (event 1 (line 3))"),
        (AT + GONE, LATER + 'kind = "exit"\nhow = "refused"', "is after moonshot has left"),
        (AT + 'kind = "retired"\nvendor = "moonshot"\nmodels = ["kimi-k2.5", "kimi-k2.6"]',
         LATER + 'kind = "latency"\ntoken = "1s"\nmodel = "kimi-k2.6"', "is after kimi-k2.6 was retired (event 1"),
        (AT + 'kind = "latency"\ntoken = "1s"\nvendor = "moonshot"', LATER + 'kind = "latency"\ntoken = "2s"',
         "settles the same at moonshot until the end"),
        (AT + 'kind = "errors"\nshares = { cut = 0.1 }\nfor = "5m"\nvendor = "moonshot"', LATER + 'kind = "brown_out"\n'
         'share = 0.1\nmodel = "kimi-k2.6"', "settles the same for kimi-k2.6 at moonshot until 6m"),
        (AT + 'kind = "price"\nfor = "5m"\nvendor = "moonshot"\nmodel = "kimi-k2.6"\nprices = { input = "1" }',
         LATER + 'kind = "price"\nmodel = "kimi-k2.6"\nprices = { input = "2" }', "sets a price for kimi-k2.6 too"),
        (LATER + 'kind = "price"\nmodel = "kimi-k2.6"\nprices = { input = "1" }',
         LATER + 'kind = "price"\nmodel = "kimi-k2.6"\nprices = { input = "2" }', "sets a price for kimi-k2.6 too"),
    ],
)  # fmt: skip
def test_events_that_cannot_both_be_are_refused(first: str, second: str, why: str) -> None:
    assert f"event 2: at {'is within' if why.startswith(('settles', 'sets')) else ''}" in refused(first, second)
    assert why in refused(first, second)


def test_what_does_not_meet_may_stand_side_by_side() -> None:
    found = scenario(
        AT + 'kind = "latency"\ntoken = "1s"\nvendor = "moonshot"\nmodel = "kimi-k2.5"',
        LATER + 'kind = "latency"\ntoken = "2s"\nmodel = "kimi-k2.6"',
        LATER + 'kind = "cuts"\nshare = 0.5',
        'at = "2m"\nkind = "latency"\ntoken = "2s"\nvendor = "zhipu"',
        'at = "3m"\nkind = "exit"\nhow = "gone"\nvendor = "moonshot"',
        'at = "4m"\nkind = "price"\nprices = { input = "2" }\nmodel = "kimi-k2.6"\nvendor = "moonshot"',
        'at = "5m"\nkind = "back"\nvendor = "moonshot"',
        'at = "5m"\nkind = "exit"\nhow = "no_dns"\nvendor = "moonshot"',
    )
    assert len(found.events) == 8


def test_scenarios_that_come_with_fenli() -> None:
    assert set(shipped()) == {
        "may-2024-price-war", "september-2024", "rises-2026", "kimi-exits-at-noon", "two-tigers-leave"}  # fmt: skip
    for name in shipped():
        found = load_scenario(name, BOOK)
        assert found.name == name
        assert found.opens is not None
        assert found.titles["en"] != found.titles["zh"]


def test_a_scenario_is_found_by_name_or_by_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "Mine"\n[[events]]\nat = "1s"\n' + GONE)
    assert load_scenario(str(file), BOOK).titles["en"] == "Mine"
    with pytest.raises(ConfigError, match=r"no scenario 'kimi-exit'.*did you mean kimi-exits-at-noon"):
        load_scenario("kimi-exit", BOOK)
    with pytest.raises(ConfigError, match="No such file"):
        load_scenario(str(tmp_path / "none.toml"), BOOK)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_scenario(str(file), BOOK)
