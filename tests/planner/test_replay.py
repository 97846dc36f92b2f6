"""Replays as stories, with amounts worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from priced_calls import DAY, HOUR, NOON, SECOND, archived, book, offer, row

from fenli.errors import BooksError, NoOffer, NoRate, ValueRefused
from fenli.planner.archive import read_manifest
from fenli.planner.exchange import converted
from fenli.planner.parquet import engine
from fenli.planner.replay import Replayer
from fenli.planner.report import Doubted, DoubtfulAttempt, Replay, Served, Sums
from fenli.planner.scenario import Contract, Scenario, parse_swaps
from fenli.planner.selection import Selection
from fenli.planner.traffic import ArchivedTraffic
from fenli.prices import PriceBook, TokenRange, Window
from fenli.prices.rates import Rate, Rates, parse_value
from fenli.values import parse_instant

ONE = Served("acme", "one", "acme", "one", "CNY", "CNY")
Rows = list[dict[str, Any]]


@pytest.fixture
def replayed(tmp_path: Path) -> Callable[..., Replay]:
    """Archives the rows and replays them: ``replayed(rows, prices, as_of=..., swaps=[...], key=..., zone=...)``."""

    def run(rows: Rows, prices: PriceBook, **options: Any) -> Replay:
        archive = archived(tmp_path / "archive", rows)
        chosen = {name: options.pop(name) for name in Selection.__struct_fields__ if name in options}
        scenario = Scenario(
            prices,
            as_of=options.pop("as_of", None),
            swaps=parse_swaps(options.pop("swaps", ()), prices),
            contracts=options.pop("contracts", None),
            before=options.pop("before", None),
        )
        selection = Selection(**chosen)
        with engine(tmp_path / "spill", threads=1) as connection:
            replayer = Replayer(connection, scenario, selection, zone=options.pop("zone", UTC), **options)
            return replayer.run([ArchivedTraffic(archive, read_manifest(archive), selection)])

    return run


def only(replay: Replay) -> Sums:
    [sums] = replay.by_model().values()
    return sums


def test_what_was_paid_and_what_it_costs_now_stand_side_by_side(replayed):
    rows = [row(1, {"input": 100, "output": 10}, picos=250), row(2, {"input": 7}, picos=14)]
    sums = only(replayed(rows, book(offer(input=1, output=5))))
    assert (sums.attempts, sums.calls, sums.prompt, sums.completion) == (2, 2, 107, 10)
    assert (sums.picos, sums.paid, sums.difference) == (100 + 50 + 7, 250 + 14, 157 - 264)


def test_a_price_that_fell_counts_from_its_own_instant(replayed):
    prices = book(offer(end=NOON, input=10), offer(start=NOON, input=1))
    rows = [row(1, {"input": 3}, NOON - 1, took=0), row(2, {"input": 3}, NOON, took=0)]
    assert only(replayed(rows, prices)).picos == 30 + 3
    assert only(replayed(rows, prices, as_of=NOON - 1)).picos == 60
    assert only(replayed(rows, prices, as_of=NOON)).picos == 6


def test_as_of_a_date_every_call_keeps_its_own_hour_and_weekday(replayed):
    """Dear on weekdays from nine to noon in Beijing, since October; flat before."""
    peak = Window(("09:00-12:00",), "Asia/Shanghai", ("Mon", "Tue", "Wed", "Thu", "Fri"))
    rest = Window(peak.spans, peak.zone, peak.days, outside=True)
    october = parse_instant("2026-10-01T00:00:00+08:00")
    prices = book(
        offer(end=october, input=1),
        offer(start=october, input=100, window=peak),
        offer(start=october, input=10, window=rest),
    )
    hours = ["2026-09-18T10:00:00+08:00", "2026-09-18T12:00:00+08:00", "2026-09-19T10:00:00+08:00"]  # Fri, Fri, Sat
    rows = [row(number, {"input": 1}, parse_instant(at), took=SECOND) for number, at in enumerate(hours, start=1)]
    assert only(replayed(rows, prices)).picos == 3
    assert only(replayed(rows, prices, as_of=october)).picos == 100 + 10 + 10


@pytest.mark.parametrize(("bound", "cheap"), [(TokenRange(le=32_000), 32_000), (TokenRange(lt=32_000), 31_999)])
def test_a_tier_reprices_the_whole_request_at_its_own_closure(replayed, bound, cheap):
    above = TokenRange(gt=32_000) if bound.le else TokenRange(ge=32_000)
    prices = book(offer(input=1, prompt_tokens=bound), offer(input=3, prompt_tokens=above))
    rows = [row(1, {"input": cheap - 5, "cached_input": 5}), row(2, {"input": cheap - 4, "cached_input": 5})]
    assert only(replayed(rows, prices)).picos == cheap + 3 * (cheap + 1)


def test_included_units_minimums_and_prices_for_several_units_round_once_a_call(replayed):
    prices = book(offer(searches=100, per={"searches": 3}, included={"searches": 2}, minimum={"searches": 4}))
    rows = [row(1, {"searches": 2}), row(2, {"searches": 3}), row(3, {"searches": 7})]
    # 0, then 4 (the least) at 100/3: 133.3 -> 133, then 5 at 100/3: 166.7 -> 167
    assert only(replayed(rows, prices)).picos == 0 + 133 + 167


def test_another_model_s_prices_count_with_its_own_instant(replayed):
    slow = book(
        offer(input=2),
        offer(vendor="other", model="two", end=NOON, input=7),
        offer(vendor="other", model="two", start=NOON, input=5),
        basis="end",
    )
    rows = [row(1, {"input": 10}, NOON - SECOND // 2)]
    replay = replayed(rows, slow, swaps=["one=two"])
    assert replay.by_model().keys() == {Served("acme", "one", "other", "two", "CNY", "CNY")}
    assert only(replay).picos == 50
    [(doubted, sums)] = replay.doubts().items()
    assert (doubted.reason, sums.picos, sums.otherwise) == ("instant", 50, 70)


def test_a_swap_is_made_whole_or_not_at_all(replayed):
    prices = book(
        offer(input=2),
        offer(vendor="other", model="two", start=NOON, input=5),
        offer(vendor="third", model="two", input=1),
    )
    rows = [row(1, {"input": 10}, NOON - DAY), row(2, {"input": 10}, NOON + DAY)]
    for swaps, error, words in (
        (["one=xyz"], NoOffer, "xyz has no price: give it one.*--prices"),
        (["one=tw"], NoOffer, "tw has no price: did you mean two"),
        (["one=other/none"], NoOffer, "other/none has no price in CNY"),
        (["one=two"], ValueRefused, "2 vendors sell two.*other/two, third/two"),
        (["one"], ValueRefused, "write what was served"),
        (["=two"], ValueRefused, "write what was served"),
        (["one=other/two", "one=third/two"], ValueRefused, "swapped for other/two already"),
        (["ones=third/two"], ValueRefused, "nothing in this time was served by ones.*did you mean one"),
        (["one=other/two"], NoOffer, "no price at 2026-11-19T12:00:00.000Z.*--as-of"),
    ):
        with pytest.raises(error, match=words):
            replayed(rows, prices, swaps=swaps)
    with pytest.raises(NoOffer, match="no price at 2026-11-19"):
        replayed(rows, prices, swaps=["one=other/two"], as_of=NOON - DAY)
    assert only(replayed(rows, prices, swaps=["one=other/two"], as_of=NOON)).picos == 100
    assert only(replayed(rows, prices, swaps=["acme/one=third/two"])).picos == 20


def test_facts_between_a_request_and_its_vendor_do_not_go_to_another(replayed):
    prices = book(offer(input=2, service_tier="flex"), offer(vendor="other", model="two", input=5))
    assert only(replayed([row(1, {"input": 1}, facts={"service_tier": "flex"})], prices)).picos == 2
    assert only(replayed([row(1, {"input": 1}, facts={"service_tier": "flex"})], prices, swaps=["one=two"])).picos == 5
    batched = replayed([row(1, {"input": 1}, facts={"batch": True})], prices, swaps=["one=two"])
    assert [doubted.reason for doubted in batched.doubts()] == ["no_row"]


def test_a_call_over_a_change_of_price_is_told_with_both_amounts(replayed):
    prices = book(offer(end=NOON, input=10), offer(start=NOON, input=1))
    rows = [row(1, {"input": 3}, NOON - HOUR, took=2 * HOUR), row(2, {"input": 3}, NOON - HOUR, took=HOUR - 1)]
    told: list[DoubtfulAttempt] = []
    replay = replayed(rows, prices, doubtful=told.append)
    assert only(replay).picos == 60
    [(doubted, sums)] = replay.doubts().items()
    assert doubted == Doubted("instant", ONE)
    assert (sums.attempts, sums.picos, sums.otherwise, sums.examples) == (1, 30, 3, ("call_00000001",))
    assert told == [DoubtfulAttempt("instant", ONE, "call_00000001", 1, NOON - HOUR, 30, 3)]


def test_midnight_within_one_price_is_no_doubt(replayed):
    night = Window(("22:00-06:00",), "UTC")
    prices = book(offer(input=1, window=night), offer(input=2, window=Window(night.spans, "UTC", outside=True)))
    rows = [row(1, {"input": 1}, NOON + 11 * HOUR, took=2 * HOUR)]
    replay = replayed(rows, prices)
    assert (only(replay).picos, replay.doubts()) == (1, {})


def test_a_flag_that_nobody_had_to_note_is_a_doubt_and_one_that_was_noted_is_none(replayed):
    then = book(offer(input=2))
    now = book(offer(input=3, thinking=False), offer(input=30, thinking=True))
    rows = [row(1, {"input": 1}), row(2, {"input": 1}, facts={"thinking": True})]
    replay = replayed(rows, now, before=then)
    assert only(replay).picos == 33
    [(doubted, sums)] = replay.doubts().items()
    assert (doubted.reason, sums.attempts, sums.picos, sums.otherwise) == ("thinking", 1, 3, 30)
    assert replayed(rows, now).doubts() == {}  # these prices asked for it all along


def test_what_cannot_be_rated_is_named_and_counts_as_nothing(replayed):
    prices = book(
        offer(input=1, prompt_tokens=TokenRange(le=10)),
        offer(input=1, prompt_tokens=TokenRange(gt=20)),
        offer(input=2, prompt_tokens=TokenRange(gt=30)),
    )
    rows = [
        row(1, {"input": 5}),
        row(2, {"input": 15}),
        row(3, {"input": 35}),
        row(4, {"input": 5, "output": 1}),
        row(5, None, grade="unknown", picos=None),
        row(6, {"input": 5}, model="new"),
        row(7, None, grade="none", picos=None, currency="CNY"),
    ]
    replay = replayed(rows, prices)
    assert {doubted.reason: sums.examples for doubted, sums in replay.doubts().items()} == {
        "no_row": ("call_00000002",),
        "two_rows": ("call_00000003",),
        "meter_unpriced": ("call_00000004",),
        "no_usage": ("call_00000005",),
        "no_price": ("call_00000006",),
    }
    [sums] = replay.totals().values()
    assert (sums.attempts, sums.rated, sums.picos, sums.known, sums.paid) == (6, 1, 5, 5, 35)
    assert (sums.both, sums.both_paid, sums.difference) == (1, 7, -2)


def test_currencies_are_kept_apart_until_a_rate_is_stated(replayed):
    prices = book(offer(input=2), offer(vendor="other", model="two", currency="USD", input=10))
    rows = [row(1, {"input": 5}, NOON - HOUR), row(2, {"input": 5}, NOON + HOUR)]
    replay = replayed(rows, prices, swaps=["one=two"], cuts=[NOON])
    assert replay.totals().keys() == {("CNY", "USD")}
    rate = (
        Rate("USD", "CNY", parse_value("7.5"), NOON - DAY, "a bank"),
        Rate("USD", "CNY", parse_value("7"), NOON, "a bank"),
    )
    in_yuan = converted(replay, Rates(rate), "CNY")
    [(pair, sums)] = in_yuan.replay.totals().items()
    assert (pair, sums.paid, sums.picos, sums.difference) == (("CNY", "CNY"), 14, 375 + 350, 725 - 14)
    assert in_yuan.rates == list(rate)
    with pytest.raises(NoRate, match="USD/CNY"):
        converted(replay, Rates(rate[1:]), "CNY")


def test_days_are_those_of_the_zone_also_when_its_clocks_change(replayed):
    new_york = ZoneInfo("America/New_York")
    hours = [
        "2026-10-31T23:59:00-04:00",
        "2026-11-01T00:00:00-04:00",
        "2026-11-01T23:59:00-05:00",
        "2026-11-02T00:00:00-05:00",
    ]
    rows = [row(number, {"input": 1}, parse_instant(at)) for number, at in enumerate(hours, start=1)]
    days = replayed(rows, book(offer(input=1)), zone=new_york).by_day()
    assert {day: sums.attempts for (day, _, _), sums in days.items()} == {
        date(2026, 10, 31): 1, date(2026, 11, 1): 2, date(2026, 11, 2): 1,
    }  # fmt: skip


def test_only_what_is_selected_counts(replayed):
    rows = [
        row(1, {"input": 1}),
        row(2, {"input": 10}, key="key_2"),
        row(3, {"input": 100}, project="p"),
        row(4, {"input": 1000}, customer="c"),
        row(5, {"input": 10_000}, route="smart"),
        row(6, {"input": 100_000}, NOON + DAY),
    ]
    prices = book(offer(input=1))
    for chosen, picos in (
        ({}, 111_111), ({"key": "key_2"}, 10), ({"project": "p"}, 100), ({"customer": "c"}, 1000),
        ({"route": "smart"}, 10_000), ({"since": NOON + 1}, 100_000), ({"until": NOON + DAY}, 11_111),
        ({"model": "one"}, 111_111), ({"model": "acme/one", "key": "key_2"}, 10), ({"vendor": "acme"}, 111_111),
    ):  # fmt: skip
        assert only(replayed(rows, prices, **chosen)).picos == picos, chosen
    assert replayed(rows, prices, vendor="other").by_model() == {}
    assert replayed(rows, prices, key="' OR TRUE --").first is None


def test_a_corrected_cost_is_what_was_paid(replayed):
    rows = [row(1, {"input": 5}, picos=None, grade="unknown"), row(2, {"input": 5}, picos=9)]
    sums = only(replayed(rows, book(offer(input=1)), corrections={1: ("CNY", 4)}))
    assert (sums.known, sums.paid, sums.picos) == (2, 13, 10)


def test_a_vendor_of_one_s_own_has_the_prices_of_the_one_it_stands_for(replayed):
    rows = [row(1, {"input": 5}, vendor="acme-two")]
    prices = book(offer(input=3), offer(currency="USD", input=4))
    assert only(replayed(rows, prices, contracts={"acme-two": Contract("acme")})).picos == 15
    assert only(replayed(rows, prices)).rated == 0
    unpriced = [row(1, {"input": 5}, currency=None, picos=None)]
    in_dollars = replayed(unpriced, prices, contracts={"acme": Contract("acme", "USD")})
    assert {pair: sums.picos for pair, sums in in_dollars.totals().items()} == {("USD", "USD"): 20}


def test_an_amount_beyond_all_bounds_is_an_error_and_no_wrong_amount(replayed):
    rows = [row(1, {"input": 2**64 - 1}), row(2, {"input": 2**64 - 1})]
    assert only(replayed(rows, book(offer(input=2**62)))).picos == 2 * (2**64 - 1) * 2**62
    with pytest.raises(BooksError, match="beyond 38 digits"):
        replayed(rows, book(offer(input=2**63)))


def test_nothing_archived_is_nothing_and_no_error(replayed):
    replay = replayed([], book(offer(input=1)))
    assert (replay.first, replay.totals(), replay.doubts()) == (None, {}, {})
