"""The office lends what there is of budgets to gateways: over the real socket, out of the real store."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from books import NOON, SECOND, StoppedClock, Worker, held, post_all, settled
from lease_client import Gateway
from sqlalchemy import insert, select

from fenli.budgets import Mode, Period, Scope, window_at
from fenli.budgets.messages import Ask, Granted, encode
from fenli.office.budget_counts import create_budget, set_limit
from fenli.office.budgets import NewBudget, find_budget, remove_budget
from fenli.office.leases import LeaseServer
from fenli.office.posting import Posting
from fenli.office.recalls import WAIT_S
from fenli.office.tables import SCHEMA, leases
from fenli.prices.rates import Rates
from fenli.store import Database

YUAN = 10**12
LATER = NOON + 60 * SECOND


class House:
    """A data directory with one budget of 5 yuan a day, and the office's lending of it."""

    def __init__(self, data: Path, database: Database) -> None:
        self.data = data
        self.database = database
        self.clock = StoppedClock(NOON)
        self.gateways: list[Gateway] = []
        self.budget = self.create()
        self.clock.instant = LATER
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._store: Database | None = None

    def create(self, name: str = "everything", **changed: Any) -> str:
        values: dict[str, Any] = {"scope": Scope.ORGANISATION, "limit": "5", "currency": "CNY", "period": Period.DAY}
        wanted = NewBudget(name=name, **values | changed)
        return create_budget(self.database, wanted, Rates(), set(), self.clock).id

    async def open(self) -> LeaseServer:
        self._stop = asyncio.Event()
        self._store = Database(self.data / "fenli.db", SCHEMA)
        server = LeaseServer(self._store, self.data, self.clock)
        self._serving = asyncio.ensure_future(server.serve(self._stop))
        return server

    async def close(self) -> None:
        self._stop.set()
        if self._serving is not None:
            await self._serving
            self._serving = None
        if self._store is not None:
            self._store.close()

    async def gateway(self, run: str = "one") -> Gateway:
        made = await Gateway(self.data, run).connect()
        self.gateways.append(made)
        return made

    def windows(self) -> set[int]:
        with self.database.read() as connection:
            return set(connection.execute(select(leases.c.window_start)).scalars())

    def stored(self) -> dict[str, int]:
        with self.database.read() as connection:
            return {row.run: row.total for row in connection.execute(select(leases))}


def story(tell: Callable[[House], Awaitable[None]]) -> Callable[[Path, Database], None]:
    """A test in an event loop of its own, with an office that is open."""

    def test(data: Path, database: Database) -> None:
        async def run() -> None:
            async with _house(data, database) as house:
                await tell(house)

        uvloop.run(run())

    test.__name__, test.__doc__ = tell.__name__, tell.__doc__
    return test


@asynccontextmanager
async def _house(data: Path, database: Database) -> AsyncIterator[House]:
    house = House(data, database)
    await house.open()
    try:
        yield house
    finally:
        for gateway in house.gateways:
            gateway.hang_up()
        await house.close()


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it never came true"
        await asyncio.sleep(0.01)


@story
async def test_nobody_is_told_before_the_store_has_it(house: House) -> None:
    one = await house.gateway()
    granted = await one.ask(house.budget, LATER, YUAN)
    assert granted.more == YUAN
    assert YUAN <= house.stored()["one"] <= 5 * YUAN
    commits = house.database.data_version()
    for _ in range(100):
        assert (await one.ask(house.budget, LATER, YUAN // 1000)).more == YUAN // 1000
    assert house.database.data_version() == commits, "the store's reserve covers them"


@story
async def test_the_store_is_ready_before_anybody_asks(house: House) -> None:
    one = await house.gateway()
    await until(lambda: house.stored() == {"one": 5 * YUAN // 2})
    await asyncio.sleep(0.1)
    commits = house.database.data_version()
    assert (await one.ask(house.budget, LATER, YUAN)).more == YUAN
    assert house.database.data_version() == commits


@story
async def test_two_gateways_share_what_there_is(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    one.generous = False
    assert (await one.ask(house.budget, LATER, 3 * YUAN)).more == 3 * YUAN
    began = time.monotonic()
    short = await two.ask(house.budget, LATER, 3 * YUAN)
    assert time.monotonic() - began >= WAIT_S * 0.9
    assert (short.more, short.spent, short.elsewhere) == (2 * YUAN, "0", str(3 * YUAN))


@story
async def test_what_lies_idle_elsewhere_is_taken_back_at_once(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    window = (await one.ask(house.budget, LATER, 5 * YUAN)).window
    one.spend(house.budget, window, 2 * YUAN)
    assert (await two.ask(house.budget, LATER, 3 * YUAN)).more == 3 * YUAN  # who has to wait in vain gets less
    for _ in range(50):
        assert (await two.ask(house.budget, LATER, YUAN)).more == 0
    assert one.recalled <= 3, "who has nothing to spare is not asked again and again"


@story
async def test_two_that_need_more_at_once_do_not_wait_for_each_other(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    for each in (one, two):
        await each.ask(house.budget, LATER, YUAN)
    answers = await asyncio.gather(one.ask(house.budget, LATER, 4 * YUAN), two.ask(house.budget, LATER, 4 * YUAN))
    assert sorted(answer.more for answer in answers)[1] == 4 * YUAN
    assert sum(one.totals.values()) + sum(two.totals.values()) <= 5 * YUAN


@story
async def test_answers_come_in_the_order_of_the_questions(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    two.generous = False
    await two.ask(house.budget, LATER, 4 * YUAN)
    one.say(*(Ask(house.budget, LATER, need, need) for need in (2 * YUAN, 7, 8)))
    answers = [await asyncio.wait_for(one.words.get(), 5) for _ in range(3)]
    assert [answer.more for answer in answers if isinstance(answer, Granted)] == [YUAN, 0, 0]


@story
async def test_a_budget_made_a_moment_ago_can_be_asked_for(house: House) -> None:
    one = await house.gateway()
    fresh = house.create("fresh", scope=Scope.ORGANISATION, limit="2", period=Period.TOTAL)
    assert (await one.ask(fresh, LATER, 3 * YUAN)).more == 2 * YUAN
    assert (await one.ask("bud_never", LATER, 1)) == Granted("bud_never", 0, 0, "0", "0", None)


@story
async def test_a_limit_that_is_lowered_calls_idle_amounts_back(house: House) -> None:
    one = await house.gateway()
    await one.ask(house.budget, LATER, 4 * YUAN)
    set_limit(house.database, house.budget, "1", house.clock)
    await until(lambda: one.recalled > 0)
    two = await house.gateway("two")
    assert (await two.ask(house.budget, LATER, 2 * YUAN)).more == YUAN
    remove_budget(house.database, house.budget, now=LATER)
    await until(lambda: house.stored() == {})


@story
async def test_a_dead_run_keeps_what_it_drew(house: House) -> None:
    worker, posting = Worker(house.data, "one"), Posting(house.database, house.data / "journal", house.clock)
    one, two = await house.gateway("one"), await house.gateway("two")
    await one.ask(house.budget, LATER, 5 * YUAN)
    worker.write(held(1, at=LATER), settled(1, picos=YUAN))
    one.hang_up()
    assert (await two.ask(house.budget, LATER, YUAN)).more == 0
    worker.die()
    post_all(posting)
    await until(lambda: "one" not in house.stored())
    granted = await two.ask(house.budget, LATER, 5 * YUAN)
    assert (granted.more, granted.spent) == (4 * YUAN, str(YUAN))


@story
async def test_what_calls_still_hold_that_were_there_before_the_budget_is_not_lent(house: House) -> None:
    worker, posting = Worker(house.data, "one"), Posting(house.database, house.data / "journal", house.clock)
    worker.write(held(1, at=NOON, picos=2 * YUAN), held(2, at=LATER, picos=YUAN))
    post_all(posting)
    two = await house.gateway("two")
    two.generous = False
    assert (await two.ask(house.budget, LATER, 5 * YUAN)).more == 3 * YUAN, "the second call has a lease of its own"
    worker.write(settled(1, picos=YUAN))
    post_all(posting)
    await asyncio.sleep(0.06)
    assert (await two.ask(house.budget, LATER, 5 * YUAN)).more == YUAN


@story
async def test_a_run_that_died_before_it_wrote_anything_is_no_burden(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    await one.ask(house.budget, LATER, 5 * YUAN)
    one.hang_up()
    await until(lambda: "one" not in house.stored())
    assert (await two.ask(house.budget, LATER, 5 * YUAN)).more == 5 * YUAN


@story
async def test_a_run_whose_journal_is_damaged_has_spent_its_lease(house: House) -> None:
    worker, posting = Worker(house.data, "one"), Posting(house.database, house.data / "journal", house.clock)
    one, two = await house.gateway("one"), await house.gateway("two")
    await one.ask(house.budget, LATER, 3 * YUAN)
    worker.write(held(1, at=LATER), settled(1, picos=YUAN))
    with worker.path.open("ab") as file:
        file.write(b"\xff" * 100)
    one.hang_up()
    worker.die()
    post_all(posting)
    await asyncio.sleep(0.6)
    assert (await two.ask(house.budget, LATER, 5 * YUAN)).more == 2 * YUAN


@story
async def test_an_office_that_was_away_waits_for_those_who_were_there(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    await one.ask(house.budget, LATER, YUAN)
    assert house.stored()["one"] > YUAN, "more is in reserve"
    await house.close()
    living = [Worker(house.data, run) for run in ("one", "two")]
    await house.open()
    await two.connect()
    asking = asyncio.ensure_future(two.ask(house.budget, LATER, 4 * YUAN))
    await asyncio.sleep(0.05)
    await one.connect()
    assert (await asking).more == 4 * YUAN
    assert living


@story
async def test_the_connection_that_said_hello_last_is_the_one(house: House) -> None:
    old = await house.gateway("one")
    await old.ask(house.budget, LATER, YUAN)
    new = Gateway(house.data, "one")
    house.gateways.append(new)
    new.totals = dict(old.totals)
    await new.connect()
    await new.ask(house.budget, LATER, YUAN)
    old.give_back(house.budget)
    two = await house.gateway("two")
    new.generous = False
    assert (await two.ask(house.budget, LATER, 5 * YUAN)).more == 3 * YUAN


@story
async def test_garbage_ends_a_connection_and_nothing_else(house: House) -> None:
    one, two = await house.gateway("one"), await house.gateway("two")
    for rubbish in (b"\x00\x00\x00\x01\xc1", b"\xff\xff\xff\xff", encode(Granted("b", 0, 1, "", "", None))):
        one.tell(rubbish)
        await until(lambda: one._reading is not None and one._reading.done())
        await one.connect()
    assert (await one.ask(house.budget, LATER, YUAN)).more == YUAN
    assert (await two.ask(house.budget, LATER, YUAN)).more == YUAN


@story
async def test_what_the_store_cannot_take_is_not_granted(house: House) -> None:
    one = await house.gateway()
    await one.ask(house.budget, LATER, YUAN)
    assert house._store is not None
    with sqlite3.connect(house.data / "fenli.db") as connection:
        connection.execute("CREATE TRIGGER full BEFORE UPDATE ON leases BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    reserve = house.stored()["one"]
    assert (await one.ask(house.budget, LATER, 4 * YUAN)).more == 0
    assert (await one.ask(house.budget, LATER, reserve - YUAN)).more == reserve - YUAN
    with sqlite3.connect(house.data / "fenli.db") as connection:
        connection.execute("DROP TRIGGER full")
    assert (await one.ask(house.budget, LATER, 5 * YUAN - reserve)).more == 5 * YUAN - reserve


@story
async def test_leases_of_windows_long_past_leave_the_store(house: House) -> None:
    one = await house.gateway()
    window = (await one.ask(house.budget, LATER, YUAN)).window
    house.clock.instant += 26 * 3600 * SECOND
    house.create("touches the store")
    await until(lambda: window not in house.windows())


@story
async def test_soft_budgets_bind_nobody(house: House) -> None:
    soft = house.create("soft", mode=Mode.SOFT)
    one = await house.gateway()
    assert (await one.ask(soft, LATER, 1)).more == 0


def test_leases_of_runs_that_ended_while_the_office_was_away_are_dropped(data: Path, database: Database) -> None:
    async def run() -> None:
        house = House(data, database)
        with database.read() as connection:
            window = window_at(find_budget(connection, house.budget), LATER).start
        with database.write() as connection:
            connection.execute(
                insert(leases), {"budget": house.budget, "window_start": window, "run": "old", "total": 5 * YUAN}
            )
        worker, posting = Worker(data, "old"), Posting(database, data / "journal", house.clock)
        worker.write(held(1, at=LATER), settled(1, picos=YUAN))
        worker.die()
        post_all(posting)
        with database.write() as connection:  # as if the office had died between posting and lending
            connection.execute(
                insert(leases), {"budget": house.budget, "window_start": window, "run": "old", "total": 5 * YUAN}
            )
        await house.open()
        one = await house.gateway()
        assert (await one.ask(house.budget, LATER, 5 * YUAN)).more == 4 * YUAN
        assert set(house.stored()) == {"one"}
        one.hang_up()
        await house.close()

    uvloop.run(run())


@pytest.mark.parametrize("depth", [12])
def test_a_data_directory_may_lie_deep(tmp_path: Path, empty_books: Path, depth: int) -> None:
    data = tmp_path.joinpath(*["a-folder-of-mine"] * depth)
    data.mkdir(parents=True)
    (data / "fenli.db").write_bytes(empty_books.read_bytes())

    async def run(database: Database) -> None:
        async with _house(data, database) as house:
            assert (await (await house.gateway()).ask(house.budget, LATER, YUAN)).more == YUAN

    with Database(data / "fenli.db", SCHEMA) as database:
        uvloop.run(run(database))
