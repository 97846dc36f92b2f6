"""The gateway lives through scenarios in virtual time: routes go on answering, costs are what the vendors charge."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from rehearsed import Exchange, Rehearsal

from fenli.clock import SECOND
from fenli.market.bills import Bills
from fenli.market.offsets import format_offset, parse_offset
from fenli.market.scenario_files import load_scenario, read_scenario, shipped
from fenli.market.scenario_prices import scenario_rows
from fenli.market.timeline import Timeline
from fenli.prices.book import PriceBook
from fenli.routing.snapshot import Route
from fenli.sim.kernel import START

BOOK = PriceBook.load()


class Play:
    """A scenario in its own time, and the gateway with a route over all of its vendors' chat models."""

    def __init__(self, scenario: str, *targets: str) -> None:
        named = scenario in shipped()
        read = load_scenario(scenario, BOOK) if named else read_scenario("x", f'title = "x"\n{scenario}', BOOK)
        self.timeline = Timeline(read, START, 1)
        self.book = BOOK.with_rows(scenario_rows(self.timeline, BOOK))
        vendors = tuple(dict.fromkeys(target.partition("/")[0] for target in targets))
        self.gateway = Rehearsal(
            vendors,
            routes=(Route("chat", targets),),
            offers={vendor: self.book.offers(vendor) for vendor in vendors},
            timeline=self.timeline,
            bills=Bills(self.book),
        )

    def at(self, offset: str, model: str = "chat", **fields: object) -> Exchange:
        """Asks once it is that late, or later."""
        span = parse_offset(offset)
        assert span is not None
        self.gateway.sim.run(until=max(self.timeline.instant(span), self.gateway.sim.now()))
        return self.gateway.ask(model, cost=True, **fields)

    def agrees(self, answer: Exchange) -> None:
        """What the caller is told that it cost is what the vendor that answered charges."""
        usage = usage_of(answer)
        [served] = [each for each in self.gateway.served if each.id == answer.parts[0]["id"]]
        assert served.cost is not None
        assert (usage["cost"], usage["cost_details"]["offer"]) == (Decimal(served.cost), served.price)


def test_kimi_exits_at_noon_and_nobody_who_asks_a_route_notices() -> None:
    play = Play("kimi-exits-at-noon", "moonshot/kimi-k2.6", "zhipu/glm-4.7")
    answered = []
    for step in range(80):
        answer = play.at(format_offset(step * 30 * SECOND), stream=step % 2 == 0)
        assert answer.status == 200
        if step % 2 or b"[DONE]" in answer.got:  # a stream that broke off is told so, and ends without its end mark
            answered.append(answer.header("x-fenli-vendor"))
            play.agrees(answer)
        else:
            assert 22 * 60 <= step * 30 < 30 * 60
            assert any("error" in part for part in answer.parts)
    assert answered[:10] == ["moonshot"] * 10
    assert answered[-15:] == ["zhipu"] * 15
    assert {"moonshot", "zhipu"} == set(answered[20:50])


def test_the_war_of_may_2024_day_by_day() -> None:
    play = Play(
        "may-2024-price-war", "alibaba/qwen-max", "alibaba/qwen-turbo", "tencent/hunyuan-lite", "zhipu/glm-3-turbo"
    )
    paid: dict[str, list[Decimal]] = {}
    for day in range(18):
        for model in play.gateway.app.snapshots.directory.snapshot.routes[0].targets:
            answer = play.at(f"{day}d", model)
            play.agrees(answer)
            usage = usage_of(answer)
            tokens = usage["prompt_tokens"] + usage["completion_tokens"]
            paid.setdefault(model, []).append(usage["cost"] / tokens)
    million = Decimal(10) ** 6
    assert {cost * million for cost in paid["zhipu/glm-3-turbo"]} == {5, 1}
    assert paid["zhipu/glm-3-turbo"].index(1 / million) == 5
    assert [cost > 0 for cost in paid["tencent/hunyuan-lite"]] == [True] * 16 + [False] * 2
    assert [cost * million for cost in paid["alibaba/qwen-max"][:15]] == [120] * 15
    assert all(cost * million < 120 for cost in paid["alibaba/qwen-max"][15:])


def usage_of(answer: Exchange) -> dict[str, Any]:
    """Its numbers to the last digit."""
    lines = [line[5:] for line in answer.got.split(b"\n") if line.startswith(b"data: {")] or [answer.got]
    parts = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    return next(part["usage"] for part in parts if "cost" in (part.get("usage") or ()))


EXIT = '[[events]]\nat = "1m"\nkind = "exit"\nhow = "{how}"\nvendor = "moonshot"\n'


@pytest.mark.parametrize("how", ["refused", "no_dns", "gone", "no_balance"])
def test_however_a_vendor_leaves_the_next_one_answers(how: str) -> None:
    play = Play(EXIT.format(how=how), "moonshot/kimi-k2.6", "zhipu/glm-4.7")
    assert play.at("59s").header("x-fenli-vendor") == "moonshot"
    answer = play.at("1m")
    assert answer.header("x-fenli-vendor") == "zhipu"
    play.agrees(answer)
    alone = play.at("1m10s", "moonshot/kimi-k2.6")
    assert alone.status == (410 if how == "gone" else 502)


def test_a_limit_is_kept_from_the_caller_by_the_next_target() -> None:
    limit = '[[events]]\nat = "0s"\nkind = "rate_limit"\nrequests_per_minute = 2\nvendor = "moonshot"\n'
    play = Play(limit, "moonshot/kimi-k2.6", "zhipu/glm-4.7")
    answered = [play.at(f"{second}s").header("x-fenli-vendor") for second in (0, 1, 2, 3, 61, 62)]
    assert answered == ["moonshot", "moonshot", "zhipu", "zhipu", "moonshot", "moonshot"]
