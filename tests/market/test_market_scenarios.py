"""Every kind of event, lived through in virtual time and seen by a caller."""

from __future__ import annotations

import json

import pytest
from faces import MODELS, PATIENT, Heard, ask_of
from staged import BOOK, Stage

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectFailed, ConnectionLost, Kind
from fenli.market.offsets import format_offset
from fenli.market.scenario import Event, Exit, Price, Way
from fenli.market.scenario_files import load_scenario, shipped
from fenli.sim.kernel import Simulation
from fenli.values.money import PICO, decimal_of, picos_of
from fenli.vendors.catalog import VENDORS


def event(text: str, vendor: str = "moonshot") -> str:
    return f'[[events]]\nvendor = "{vendor}"\n{text}\n'


def whole(heard: Heard) -> bool:
    return (heard.status, heard.end) == (200, "completed")


def took(stage: Stage, vendor: str, **more: object) -> int:
    before = stage.sim.now()
    assert whole(stage.ask(vendor, **more))
    return stage.sim.now() - before


def test_before_and_after_an_event_all_is_as_ever() -> None:
    stage = Stage(event('at = "1m"\nfor = "1m"\nkind = "exit"\nhow = "gone"'), "moonshot", "deepseek")
    assert whole(stage.ask("moonshot"))
    assert whole(stage.go_to("59s").ask("moonshot"))
    assert stage.go_to("1m").ask("moonshot").status == 410
    assert whole(stage.ask("deepseek"))
    assert stage.go_to("1m59s").ask("moonshot").status == 410
    assert whole(stage.go_to("2m").ask("moonshot"))


def test_speed_brings_events_forward() -> None:
    stage = Stage(event('at = "1h"\nkind = "exit"\nhow = "gone"'), speed="60")
    begin = stage.timeline.begin
    stage.sim.run(until=begin + 59 * SECOND)
    assert whole(stage.ask("moonshot"))
    stage.sim.run(until=begin + 60 * SECOND)
    assert stage.ask("moonshot").status == 410


def test_latency() -> None:
    stage = Stage(event('at = "1m"\nkind = "latency"\nfirst_token = "3s"\ntoken = "500ms"\nmodel = "kimi-k2.6"'))
    usual = took(stage, "moonshot")
    stage.go_to("1m")
    assert took(stage, "moonshot", model="kimi-k2.5") < 2 * usual
    tokens = stage.last().completion_tokens
    assert 0 <= took(stage, "moonshot") - (3 * SECOND + tokens * SECOND // 2) < 50 * MILLISECOND


def test_what_is_not_chat_is_slow_too_and_charged() -> None:
    stage = Stage(event('at = "1m"\nkind = "latency"\nfirst_token = "3s"', "zhipu"))
    body = b'{"model": "embedding-3", "input": "four four"}'
    spans = []
    for offset in ("0s", "1m"):
        before, heard = stage.go_to(offset).sim.now(), Heard()
        stage.transport.send(ask_of("zhipu", body, path="/embeddings"), PATIENT, heard)
        stage.sim.run()
        assert whole(heard)
        spans.append(stage.sim.now() - before)
    assert spans[0] < SECOND < 3 * SECOND <= spans[1]
    charged = stage.last()
    assert charged.cost == decimal_of(charged.prompt_tokens * PICO // 2 // 10**6)  # half a yuan for a million


def test_errors_by_kind_in_their_shares() -> None:
    stage = Stage(event('at = "0s"\nkind = "errors"\nshares = { overloaded = 0.5, "html@502" = 0.25 }'))
    seen: dict[str, int] = {}
    for _ in range(400):
        heard = stage.ask("moonshot")
        kind = "whole" if whole(heard) else "html" if heard.status == 502 else "refused"
        seen[kind] = seen.get(kind, 0) + 1
        if kind == "refused":
            assert VENDORS["moonshot"].classify(heard.status, [], heard.body).kind is Kind.OVERLOADED
    assert abs(seen["refused"] - 200) < 45
    assert abs(seen["html"] - 100) < 40
    assert sum(seen.values()) == 400


def test_all_of_the_requests() -> None:
    stage = Stage(event('at = "0s"\nkind = "errors"\nshares = { rate_limited = 0.5, server_error = 0.5 }'))
    assert {stage.failure("moonshot").kind for _ in range(40)} == {Kind.RATE_LIMITED, Kind.SERVER_ERROR}


def test_a_brown_out_is_slow_and_turns_some_away() -> None:
    stage = Stage(event('at = "0s"\nfor = "1h"\nkind = "brown_out"\nshare = 0.5\nfirst_token = "2s"'))
    statuses = []
    for _ in range(60):
        before, heard = stage.sim.now(), stage.ask("moonshot")
        statuses.append(heard.status)
        if heard.status == 200:
            assert stage.sim.now() - before > 2 * SECOND
    assert 15 < statuses.count(200) < 45
    stage.go_to("1h")
    assert took(stage, "moonshot") < SECOND


def test_cuts_break_answers_off() -> None:
    stage = Stage(event('at = "0s"\nkind = "cuts"\nshare = 1\nafter_bytes = 300'))
    heard = stage.ask("moonshot", "a long story " * 20, stream=True)
    assert isinstance(heard.end, ConnectionLost)
    assert len(heard.body) == 300
    assert stage.last().outcome == "cut"


def test_requests_per_minute() -> None:
    stage = Stage(event('at = "0s"\nkind = "rate_limit"\nrequests_per_minute = 3'))
    assert [whole(stage.ask("moonshot")) for _ in range(3)] == [True] * 3
    refused = stage.failure("moonshot")
    assert (refused.kind, refused.retry_after_ms) == (Kind.RATE_LIMITED, 60_000)
    stage.sim.run(until=stage.sim.now() + 61 * SECOND)
    assert whole(stage.ask("moonshot"))


def test_tokens_per_minute() -> None:
    stage = Stage(event('at = "0s"\nkind = "rate_limit"\ntokens_per_minute = 100'))
    assert whole(stage.ask("moonshot", "four" * 30))
    assert whole(stage.ask("moonshot", "four" * 30))
    refused = stage.failure("moonshot")
    assert refused.kind is Kind.RATE_LIMITED
    stage.sim.run(until=stage.sim.now() + 61 * SECOND)
    assert whole(stage.ask("moonshot"))


def test_concurrency_of_each_model_that_is_named() -> None:
    stage = Stage(event('at = "0s"\nkind = "rate_limit"\nconcurrency = 2\nmodels = ["kimi-k2.5", "kimi-k2.6"]'))
    asked = [stage.send("moonshot", "long " * 50) for _ in range(3)]
    asked += [stage.send("moonshot", "long " * 50, model="kimi-k2.5") for _ in range(2)]
    asked += [stage.send("moonshot", "long " * 50, model="kimi-k3") for _ in range(3)]
    stage.sim.run()
    refused = [heard.status for heard in asked if not whole(heard)]
    assert refused == [429]
    assert all(whole(heard) for heard in asked[3:])
    assert whole(stage.ask("moonshot"))


@pytest.mark.parametrize(("vendor", "kind"), [("stepfun", Kind.NO_BALANCE), ("baidu", Kind.QUOTA_EXHAUSTED)])
def test_a_quota_ends(vendor: str, kind: Kind) -> None:
    stage = Stage(event('at = "1m"\nkind = "quota_end"\ntokens = 10', vendor))
    assert whole(stage.ask(vendor, "four" * 100))
    stage.go_to("1m")
    assert whole(stage.ask(vendor, "four" * 3))
    assert whole(stage.ask(vendor, "four" * 3))
    assert stage.failure(vendor).kind is kind
    assert stage.last().outcome == "refused"


def test_a_quota_that_ends_at_once() -> None:
    stage = Stage(event('at = "1m"\nkind = "quota_end"', "zhipu"))
    assert whole(stage.ask("zhipu"))
    assert not whole(stage.go_to("1m").ask("zhipu"))


def test_a_retired_model_is_neither_served_nor_listed() -> None:
    stage = Stage(event('at = "1m"\nkind = "retired"\nmodel = "kimi-k2.5"'))

    def listed() -> set[str]:
        heard = Heard()
        stage.transport.send(ask_of("moonshot", b"", method=b"GET", path="/models"), PATIENT, heard)
        stage.sim.run()
        return {model["id"] for model in json.loads(heard.body)["data"]}

    assert whole(stage.ask("moonshot", model="kimi-k2.5"))
    assert "kimi-k2.5" in listed()
    stage.go_to("1m")
    assert stage.failure("moonshot", model="kimi-k2.5").kind is Kind.MODEL_NOT_FOUND
    assert "kimi-k2.5" not in listed()
    assert whole(stage.ask("moonshot", model="kimi-k2.6"))


@pytest.mark.parametrize(("how", "told"), [("refused", "refused"), ("no_dns", "does not resolve")])
def test_a_vendor_that_cannot_be_connected_to(how: str, told: str) -> None:
    stage = Stage(event(f'at = "1m"\nkind = "exit"\nhow = "{how}"') + event('at = "2m"\nkind = "back"'))
    assert whole(stage.ask("moonshot"))
    entries = len(stage.market.book)
    heard = stage.go_to("1m").ask("moonshot")
    assert isinstance(heard.end, ConnectFailed)
    assert told in str(heard.end)
    assert heard.end.sent is False
    assert len(stage.market.book) == entries
    assert whole(stage.go_to("2m").ask("moonshot"))


@pytest.mark.parametrize("vendor", sorted(MODELS))
def test_every_vendor_can_be_gone_for_good(vendor: str) -> None:
    stage = Stage(event('at = "0s"\nkind = "exit"\nhow = "gone"', vendor))
    failure = stage.failure(vendor)
    assert failure.status == 410
    assert "discontinued" in failure.message


@pytest.mark.parametrize("vendor", ["deepseek", "moonshot", "stepfun", "zhipu"])
def test_an_empty_balance(vendor: str) -> None:
    stage = Stage(event('at = "1m"\nfor = "1m"\nkind = "exit"\nhow = "no_balance"', vendor))
    path = VENDORS[vendor].balance and VENDORS[vendor].balance.path

    def left() -> int:
        heard = Heard()
        stage.transport.send(ask_of(vendor, b"", method=b"GET", path=path), PATIENT, heard)
        stage.sim.run()
        assert VENDORS[vendor].balance is not None
        return VENDORS[vendor].balance.read(heard.body, "CNY").holdings[0].picos

    assert path is None or left() == 1010 * PICO
    stage.go_to("1m")
    assert stage.failure(vendor).kind is Kind.NO_BALANCE
    assert path is None or left() == 0
    stage.go_to("2m")
    assert path is None or left() == 1010 * PICO
    assert whole(stage.ask(vendor))


def price(at: str, amounts: str, vendor: str = "moonshot", model: str = "kimi-k2.6") -> str:
    return event(f'at = "{at}"\nkind = "price"\nmodel = "{model}"\nprices = {{ {amounts} }}', vendor)


def test_a_price_holds_from_its_instant_on_in_the_book_and_in_the_account() -> None:
    stage = Stage(
        price("0s", 'input = "3", output = "10", cached_input = "1"') + price("1m", 'input = "7", output = "20"')
    )
    account = stage.market.vendors["moonshot"].account
    assert account is not None
    for offset, prices in (("59s", (3, 10, 1)), ("1m", (7, 20, 7))):
        stage.go_to(offset)
        for _ in range(2):  # the second prompt is cached
            left = account.left
            assert whole(stage.ask("moonshot", "four" * 200))
            entry = stage.last()
            uncached = entry.prompt_tokens - entry.cached_tokens
            per_million = uncached * prices[0] + entry.completion_tokens * prices[1] + entry.cached_tokens * prices[2]
            picos = per_million * PICO // 10**6
            assert entry.currency == "CNY"
            assert entry.cost == decimal_of(picos)
            assert left - account.left == picos
        assert entry.cached_tokens > 0


def test_what_has_no_price_costs_nobody_knows_what() -> None:
    stage = Stage(
        event('at = "1m"\nkind = "back"', "metaso") + event('at = "0s"\nkind = "exit"\nhow = "gone"', "metaso")
    )
    stage.go_to("1m").ask("metaso")
    assert (stage.last().outcome, stage.last().cost) == ("whole", None)


def test_refusals_cost_nothing() -> None:
    stage = Stage(
        price("0s", 'input = "3", output = "10"') + event('at = "0s"\nkind = "errors"\nshares = { overloaded = 1 }')
    )
    stage.ask("moonshot")
    assert (stage.last().outcome, stage.last().cost) == ("refused", None)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_scenario_that_comes_with_fenli_from_end_to_end(name: str) -> None:
    """Each of its vendors is asked for what it is about, before and after everything that happens."""
    stage = Stage(name)
    scenario = load_scenario(name, BOOK)
    edges = sorted({0, *(event.at for event in scenario.events), scenario.length + 60 * SECOND})
    for offset in edges:
        stage.go_to(format_offset(offset))
        for vendor in scenario.vendors:
            heard = stage.ask(vendor, model=_model(scenario.events, vendor, offset))
            assert heard.end is not None
    left = {vendor: what.how for each in scenario.events for vendor in each.vendors
            if isinstance(what := each.what, Exit)}  # fmt: skip
    for vendor in scenario.vendors:
        heard = stage.ask(vendor, model=_model(scenario.events, vendor, scenario.length))
        if left.get(vendor) in (Way.REFUSED, Way.NO_DNS):
            assert isinstance(heard.end, ConnectFailed)
        elif left.get(vendor) is Way.GONE:
            assert heard.status == 410
        else:
            assert whole(heard)
            charged = stage.last()
            assert charged.cost is not None
            [row] = [row for row in stage.book.every() if row.id == charged.price]
            priced = {"input": charged.prompt_tokens - charged.cached_tokens, "output": charged.completion_tokens,
                      "cached_input": charged.cached_tokens}  # fmt: skip
            picos = sum(
                units * row.prices[meter if meter in row.prices else "input"] for meter, units in priced.items()
            )
            assert picos_of(charged.cost) == picos


def _model(events: tuple[Event, ...], vendor: str, offset: int) -> str:
    """What requests call the model that was last said to have another price there, else the usual one."""
    named = [
        event.models[0]
        for event in events
        if vendor in event.vendors and isinstance(event.what, Price) and event.at <= offset
    ]
    model = named[-1] if named else MODELS.get(vendor, "kimi-k2.6")
    return next((known.sent_as or model for known in VENDORS[vendor].models if known.id == model), model)


def test_without_a_scenario_nothing_is_drawn_differently() -> None:
    plain, staged = Stage(event('at = "9h"\nkind = "exit"\nhow = "gone"', "zhipu")), Simulation()
    assert plain.sim.now() == staged.now()
    first = plain.ask("zhipu").body
    assert Stage(event('at = "9h"\nkind = "cuts"\nshare = 1', "zhipu")).ask("zhipu").body == first
