"""The server that lives through a scenario: what it tells, how it stands, and doors that shut."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from faces import Heard, ask, ask_of, says
from staged import BOOK, Stage

from fenli.clock import SECOND
from fenli.errors import ConfigError, ConnectFailed
from fenli.http.client import Client
from fenli.http.transport import Origin
from fenli.market.doors import Doors
from fenli.market.market import Market, emulate
from fenli.market.opening import serve_market
from fenli.market.options import MarketOptions, build_market
from fenli.market.replies import AT_ONCE, Echo
from fenli.market.scenario_files import read_scenario
from fenli.market.server import MarketServer
from fenli.market.status import status_of
from fenli.market.timeline import Happening, Timeline
from fenli.sim.kernel import START, Simulation
from fenli.sim.random import Chance
from fenli.sim.wall import Wall

EXIT = '[[events]]\nat = "1m"\nfor = "1m"\nkind = "exit"\nhow = "refused"\nvendor = "moonshot"\nsays = "gone"\n'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_status_tells_what_has_happened_and_what_is_to_come() -> None:
    stage = Stage(EXIT, "moonshot", "zhipu")
    told = status_of(stage.market)["scenario"]
    assert (told["at"], told["happened"], len(told["to_come"])) == ("0s", [], 2)
    stage.go_to("1m30s")
    told = json.loads(json.dumps(status_of(stage.market)))
    assert told["vendors"] == ["moonshot", "zhipu"]
    scenario = told["scenario"]
    assert scenario["at"] == "1m30s"
    [gone] = scenario["happened"]
    assert (gone["kind"], gone["ends"], gone["vendors"], gone["says"]["zh"]) == ("exit", False, ["moonshot"], "gone")
    [back] = scenario["to_come"]
    assert (back["at"], back["ends"]) == ("2m", True)


def test_without_a_scenario_there_is_none_to_tell_of() -> None:
    assert status_of(Market(Simulation(), Chance(1), [emulate("zhipu")]))["scenario"] is None


def test_a_market_tells_what_happens_as_it_happens(tmp_path: Path) -> None:
    file = tmp_path / "now.toml"
    file.write_text('title = "now"\n' + EXIT.replace('"1m"', '"0s"', 1).replace('"1m"', '"9h"'))

    async def run() -> list[str]:
        stop, told = asyncio.Event(), []

        def happened(happening: Happening) -> None:
            told.append(str(happening))
            stop.set()

        options = MarketOptions(port=0, vendors=("moonshot",), scenario=str(file))
        await asyncio.wait_for(serve_market(options, stop=stop, happened=happened), 30)
        return told

    assert asyncio.run(run()) == ["+0s moonshot exit begins"]


def test_what_was_over_before_it_opened_is_not_told_again(tmp_path: Path) -> None:
    file = tmp_path / "past.toml"
    file.write_text('title = "past"\n' + EXIT + EXIT.replace("1m", "3h").replace("moonshot", "zhipu"))
    begin = START - 2 * 3600 * SECOND
    options = MarketOptions(vendors=("moonshot", "zhipu"), scenario=str(file), begin=begin)
    market = build_market(options, Simulation())
    assert market.timeline is not None
    assert [happening.instant >= START for happening in market.timeline.happenings()] == [False, False, True, True]


def test_a_scenario_is_of_vendors_that_are_served() -> None:
    with pytest.raises(ConfigError, match="moonshot, moonshot-intl of it is not served here"):
        build_market(MarketOptions(vendors=("zhipu",), scenario="kimi-exits-at-noon"), Simulation())
    with pytest.raises(ConfigError, match="is no speed"):
        build_market(MarketOptions(scenario="kimi-exits-at-noon", speed="0"), Simulation())


def test_a_scenario_brings_its_seed_unless_another_is_asked_for() -> None:
    seeds = [build_market(MarketOptions(scenario="kimi-exits-at-noon", seed=seed), Simulation()).chance.seed
             for seed in (None, 3)]  # fmt: skip
    assert seeds == ["12", "3"]


def test_by_the_price_book_without_a_scenario() -> None:
    market = build_market(MarketOptions(vendors=("moonshot",), prices=()), Simulation())
    known = market.vendors["moonshot"].models
    assert "kimi-k2-0905-preview" in known  # of the price book, and not of the catalogue


def test_a_vendor_that_left_refuses_connections_at_its_own_door_and_comes_back() -> None:
    async def run() -> list[object]:
        sim = Simulation()
        timeline = Timeline(read_scenario("x", 'title = "x"\n' + EXIT, BOOK), sim.now())
        vendors = [emulate(name, behaviour=Echo(), pace=AT_ONCE) for name in ("moonshot", "zhipu")]
        wall = Wall(asyncio.get_running_loop())
        market = Market(wall, Chance(1), vendors)
        ports = {"moonshot": free_port(), "zhipu": free_port()}
        doors = Doors(MarketServer(market).handle, "127.0.0.1", ports)
        await doors.open(timeline, sim)
        client, seen = Client(), []

        async def call(vendor: str) -> Heard:
            request = ask_of(vendor, says("hi"), origin=Origin("http", "127.0.0.1", ports[vendor]))
            return await ask(client, request)

        for offset in (59, 60, 119, 120):
            sim.run(until=timeline.begin + offset * SECOND)
            await doors.settled()
            heard = await call("moonshot")
            seen.append(heard.status or type(heard.end))
            assert (await call("zhipu")).status == 200
        await client.close()
        await doors.close()
        wall.close()
        return seen

    assert asyncio.run(run()) == [200, ConnectFailed, ConnectFailed, 200]


def test_a_market_that_opens_in_the_middle_knows_who_has_left() -> None:
    async def run() -> bool:
        sim = Simulation()
        timeline = Timeline(read_scenario("x", 'title = "x"\n' + EXIT, BOOK), sim.now() - 90 * SECOND)
        port = free_port()
        doors = Doors(
            MarketServer(Market(sim, Chance(1), [emulate("moonshot")])).handle, "127.0.0.1", {"moonshot": port}
        )
        await doors.open(timeline, sim)
        with socket.socket() as probe:
            refused = probe.connect_ex(("127.0.0.1", port)) != 0
        await doors.close()
        return refused

    assert asyncio.run(run())
