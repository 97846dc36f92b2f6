"""Gateways that go on while the office is killed again and again: one limit, kept to the pico."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import uvloop
from books import NOON, SECOND, StoppedClock
from lease_client import Gateway

from fenli.budgets import Period, Scope
from fenli.office.budget_counts import create_budget
from fenli.office.budgets import NewBudget
from fenli.office.leases import LeaseServer
from fenli.office.tables import SCHEMA
from fenli.prices.rates import Rates
from fenli.store import Database

LIMIT = 5 * 10**12
LATER = NOON + 60 * SECOND
GATEWAYS = 4
KILLS = 5


def lend(data: Path) -> None:
    with Database(data / "fenli.db", SCHEMA) as database:
        uvloop.run(LeaseServer(database, data, StoppedClock(LATER)).serve(asyncio.Event()))


class Office:
    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: Any = None

    def open(self) -> None:
        self._process = multiprocessing.get_context("spawn").Process(target=lend, args=(self._data,), daemon=True)
        self._process.start()

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()


async def work(gateway: Gateway, budget: str, chance: random.Random) -> None:
    """Spends until nothing is left. Of a question that the office's death left unanswered nothing is known: it asks
    again when it has connected again."""
    left = 0
    while left < 20:
        amount = chance.randrange(1, LIMIT // 1000)
        try:
            granted = await asyncio.wait_for(gateway.ask(budget, LATER, amount, amount * 8), 0.5)
        except (TimeoutError, OSError):
            await gateway.connect()
            continue
        place = budget, granted.window
        free = gateway.totals.get(place, 0) - gateway.spent.get(place, 0)
        if free:
            gateway.spend(budget, granted.window, min(free, amount))
        left = 0 if granted.more else left + 1
        await asyncio.sleep(0.002)


def test_an_office_that_is_killed_again_and_again_never_lends_too_much(data: Path, database: Database) -> None:
    wanted = NewBudget(name="all", scope=Scope.ORGANISATION, limit="5", currency="CNY", period=Period.DAY)
    budget = create_budget(database, wanted, Rates(), set(), StoppedClock(NOON)).id
    office = Office(data)
    office.open()

    async def run() -> list[Gateway]:
        gateways = [await Gateway(data, f"run{number}").connect() for number in range(GATEWAYS)]
        for gateway in gateways:  # they live: nobody takes them for dead
            (data / "journal" / gateway.run).mkdir(parents=True)
            (data / "journal" / gateway.run / "00000001.log").write_bytes(b"")
        works = [asyncio.ensure_future(work(each, budget, random.Random(each.run))) for each in gateways]
        for _ in range(KILLS):
            await asyncio.sleep(0.25)
            await asyncio.to_thread(office.kill)
            office.open()
        await asyncio.wait_for(asyncio.gather(*works), 30)
        for gateway in gateways:
            gateway.hang_up()
        return gateways

    gateways = uvloop.run(run())
    office.kill()
    assert sum(sum(each.totals.values()) for each in gateways) <= LIMIT
    assert sum(sum(each.spent.values()) for each in gateways) == LIMIT, "and everything could be spent"
