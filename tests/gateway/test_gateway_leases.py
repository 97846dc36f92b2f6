"""The gateway's end of the office's socket, against an office that says what the story wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fenli.budgets import Budget, Mode, Period, Scope, window_at
from fenli.budgets.messages import (
    FRAME_MAX,
    Ask,
    FrameReader,
    FromOffice,
    Granted,
    Held,
    Hello,
    Keep,
    Recall,
    encode,
    from_gateway,
)
from fenli.budgets.purse import SPARE, Hold, Lease, Need, Purse, Shortage
from fenli.clock import MILLISECOND, SECOND
from fenli.gateway import leases
from fenli.gateway.leases import EXHAUSTED, UNANSWERED_MAX, Leases
from fenli.http.local_socket import listening
from fenli.ledger.records import AMOUNT_MAX
from fenli.prices.rates import Rates

NOON = 1_795_435_200_000_000_000  # 2026-11-23T12:00:00Z
DAY = 86_400 * SECOND


def budget(id: str = "b", **fields: Any) -> Budget:
    values = {"currency": "CNY", "limit": "1000000", "period": Period.DAY, "mode": Mode.HARD} | fields
    return Budget(id, id, Scope.ORGANISATION, "", **values)


TODAY = window_at(budget(), NOON).start
TOMORROW = window_at(budget(), NOON + DAY).start


class Office:
    """Hears everything, and says nothing of its own accord. ``writes``: what came in one read."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.writes: list[list[Any]] = []
        self._writer: asyncio.StreamWriter | None = None

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        frames = FrameReader()
        while data := await reader.read(65536):
            words = [from_gateway(frame) for frame in frames.feed(data)]
            self.heard += words
            self.writes.append(words)
        writer.close()

    def say(self, *words: FromOffice) -> None:
        self.send(b"".join(map(encode, words)))

    def send(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        assert self._writer is not None
        self._writer.transport.abort()

    async def hears(self, *words: Any) -> None:
        """These, in this order, and nothing else since the last time."""
        try:
            await until(lambda: len(self.heard) >= len(words))
        finally:
            assert self.heard == list(words)
            self.heard.clear()


class Gateway:
    """A purse and the client that fills it. ``instant`` is what its clock says; ``told``, what its calls were told;
    ``pending``, how many records its journal lacks, because the disk is ``failing`` or the turn is not over."""

    def __init__(self, path: Path, *budgets: Budget) -> None:
        self.instant = NOON
        self.told: list[bool | None] = []
        self.pending = 0
        self.failing: str | None = None
        self.purse = Purse()
        self.purse.update(budgets or (budget(),), Rates())
        self.leases = Leases(self.purse, path, "run-1", self, asyncio.get_running_loop(), self)

    def now(self) -> int:
        return self.instant

    def lease(self, name: str = "b") -> Lease:
        return self.purse.accounts[name].lease(self.instant)

    def hold(self, picos: int) -> Hold | list[Need]:
        held = self.purse.hold(self.purse.accounts.values(), "CNY", picos, self.instant)
        assert held is not None
        return held.needs if isinstance(held, Shortage) else held

    def ask(self, picos: int) -> None:
        """A call that needs so much of every budget, which none of them has."""
        needs = self.hold(picos)
        assert isinstance(needs, list)
        before = len(self.told)
        self.leases.ask(needs, self.told.append)
        assert len(self.told) == before, "told from inside"

    async def hears(self, *told: bool | None) -> None:
        """Sooner than the office would be given up."""
        try:
            await until(lambda: len(self.told) >= len(told), leases.ANSWER_S / 2)
        finally:
            assert self.told == list(told)
            self.told.clear()

    def turns(self, times: int) -> None:
        for _ in range(times):
            self.leases.turn()


@asynccontextmanager
async def connected(gateway: Gateway, path: Path, *hello: Held) -> AsyncIterator[Office]:
    """Both of them, once they know of each other."""
    office = Office()
    server = await asyncio.start_unix_server(office.take, sock=listening(path))
    running = asyncio.ensure_future(gateway.leases.run())
    try:
        await office.hears(Hello("run-1", hello))
        yield office
        assert not running.done()
    finally:
        running.cancel()
        server.close()


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.002)


Story = Callable[[Path], Coroutine[Any, Any, None]]


def story(told: Story) -> Callable[[Path], None]:
    """A test that runs on the gateway's own kind of loop."""

    def test(tmp_path: Path) -> None:
        uvloop.run(asyncio.wait_for(told(tmp_path / "leases.sock"), 20))

    return test


def granted(more: int, *, window: int = TODAY, id: str = "b") -> Granted:
    return Granted(id, window, more, "0", "0", None)


def asked(need: int, like: int | None = None, *, at: int = NOON, id: str = "b") -> Ask:
    return Ask(id, at, need, need * SPARE if like is None else like)


@story
async def test_a_call_that_lacks_something_asks_and_goes_on(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        await office.hears(asked(100))
        assert gateway.told == []
        office.say(granted(130))
        await gateway.hears(True)
        assert gateway.lease().total == 130
        assert isinstance(gateway.hold(120), Hold)
        gateway.ask(50)
        await office.hears(asked(40, 50 * SPARE))
        office.say(granted(40))
        await gateway.hears(True)
        assert gateway.lease().free == 50


@story
async def test_where_there_is_less_than_is_needed_the_call_is_told_and_the_next_ones_do_not_ask(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(99))
        await gateway.hears(False)
        assert gateway.lease().total == 99, "what there was is here all the same"
        gateway.ask(100)
        await gateway.hears(False)
        gateway.instant += EXHAUSTED
        gateway.ask(100)
        await office.hears(asked(100), asked(1, 100 * SPARE, at=gateway.instant))


@story
async def test_what_has_run_out_today_may_be_had_tomorrow(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.instant = TOMORROW - 1
        gateway.ask(100)
        office.say(granted(0))
        await gateway.hears(False)
        gateway.instant = TOMORROW
        gateway.ask(100)
        await office.hears(asked(100, at=TOMORROW - 1), asked(100, at=TOMORROW))


@story
async def test_an_office_that_says_nothing_is_not_waited_for_forever(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leases, "ANSWER_S", 0.1)
            gateway.ask(100)
        gateway.ask(50)
        await gateway.hears(None)
        office.say(granted(100), granted(0))
        await gateway.hears(False)
        assert gateway.lease().total == 100, "late, and not lost"


@story
async def test_an_office_that_lags_too_far_behind_is_not_asked_any_more(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        for _ in range(UNANSWERED_MAX):
            gateway.ask(100)
        gateway.ask(100)
        await gateway.hears(None)
        await office.hears(*[asked(100)] * UNANSWERED_MAX)


@story
async def test_without_an_office_calls_are_told_so_at_once(path: Path) -> None:
    gateway = Gateway(path)
    gateway.ask(100)
    await gateway.hears(None)


@story
async def test_a_connection_that_is_lost_answers_for_the_office_and_the_next_begins_with_what_there_is(
    path: Path,
) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(300))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)
        gateway.ask(201)
        gateway.ask(202)
        await office.hears(asked(100), asked(1, 201 * SPARE), asked(2, 202 * SPARE))
        office.hang_up()
        await gateway.hears(None, None)
        await office.hears(Hello("run-1", (Held("b", TODAY, 300),)))
        gateway.ask(201)
        office.say(granted(1))
        await gateway.hears(True)
        assert gateway.lease().total == 301


@story
async def test_an_office_that_starts_late_is_found(path: Path) -> None:
    gateway = Gateway(path)
    running = asyncio.ensure_future(gateway.leases.run())
    await asyncio.sleep(0.15)
    async with connected(gateway, path) as office:
        gateway.ask(1)
        await office.hears(asked(1))
    running.cancel()


@story
async def test_a_recall_brings_back_all_that_is_free_in_one_write(path: Path) -> None:
    gateway = Gateway(path, budget(), budget("other"))
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(300), granted(100, id="other"))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)
        gateway.instant += DAY
        gateway.ask(50)
        office.say(granted(80, window=TOMORROW), granted(50, window=TOMORROW, id="other"))
        await gateway.hears(True)
        await until(lambda: len(office.heard) >= 4)  # what was asked for each budget each time
        office.writes.clear()
        office.say(Recall("b"))
        await until(lambda: office.writes)
        assert office.writes == [[Keep("b", TODAY, 200), Keep("b", TOMORROW, 80)]]
        assert [lease.free for lease in gateway.purse.accounts["b"].leases.values()] == [0, 0]
        assert gateway.lease("other").free == 50


@story
async def test_a_recall_is_answered_where_all_is_held(path: Path) -> None:
    """Whoever recalls waits for the answer, and no answer would be the longest one."""
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(100))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)
        office.say(Recall("b"), Recall("no such budget"))
        await office.hears(asked(100), Keep("b", TODAY, 0))


@story
async def test_what_went_back_can_be_asked_for_again_though_more_could_not_be_had(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(1000)
        office.say(granted(300))
        await gateway.hears(False)
        office.say(Recall("b"))
        await office.hears(asked(1000), Keep("b", TODAY, 300))
        gateway.ask(100)
        await office.hears(asked(100))


@story
async def test_nothing_goes_back_before_the_journal_has_it(path: Path) -> None:
    """A hold that was ended counts as lost, and whole, until its end is written: another run could spend it again."""
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(150))
        await gateway.hears(True)
        held = gateway.hold(100)
        assert isinstance(held, Hold)
        held.release()
        gateway.pending = 1
        office.say(Recall("b"))
        gateway.turns(10)
        await asyncio.sleep(0.05)
        assert office.heard == [asked(100)]
        gateway.pending = 0
        await office.hears(asked(100), Keep("b", TODAY, 150))


@story
async def test_a_recall_is_answered_with_nothing_while_the_journal_cannot_be_written(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(150))
        await gateway.hears(True)
        gateway.pending, gateway.failing = 1, "no space left on device"
        office.say(Recall("b"))
        gateway.turns(10)
        await office.hears(asked(100), Keep("b", TODAY, 0))
        assert gateway.lease().free == 150


@story
async def test_a_grant_and_a_keep_may_cross(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(100))
        await gateway.hears(True)
        gateway.ask(150)
        await office.hears(asked(100), asked(50, 150 * SPARE))
        # The office recalls, then reads the question and grants, and the Keep is on its way meanwhile.
        office.say(Recall("b"))
        await office.hears(Keep("b", TODAY, 100))
        office.say(granted(50))
        await gateway.hears(True)
        assert gateway.lease().total == 50
        gateway.ask(150)
        await office.hears(asked(100, 150 * SPARE))


@story
async def test_a_spare_amount_is_asked_for_before_it_is_needed(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(150))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)
        assert gateway.purse.low == [gateway.lease()]
        gateway.leases.fill(gateway.purse.low)
        assert gateway.purse.low == []
        assert isinstance(gateway.hold(50), Hold)
        gateway.leases.fill(gateway.purse.low)
        await office.hears(asked(100), asked(0, 100 * SPARE))
        office.say(granted(850))
        await until(lambda: gateway.lease().total == 1000)
        assert gateway.told == []


@story
async def test_what_a_lost_office_was_asked_to_spare_the_next_one_is_asked_again(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.purse.low.append(gateway.lease())
        gateway.leases.fill(gateway.purse.low)
        await office.hears(asked(0, SPARE))
        office.hang_up()
        await office.hears(Hello("run-1", (Held("b", TODAY, 0),)))
        gateway.purse.low.append(gateway.lease())
        gateway.leases.fill(gateway.purse.low)
        await office.hears(asked(0, SPARE))


@story
async def test_where_nothing_is_to_spare_it_is_not_asked_for_again_at_once(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(100))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)
        for answer in (granted(0), None):
            gateway.purse.low.append(gateway.lease())
            gateway.leases.fill(gateway.purse.low)
            if answer is not None:
                office.say(answer)
                await until(lambda: not gateway.lease().asked)
        await office.hears(asked(100), asked(0, 100 * SPARE))
        gateway.ask(1)
        await office.hears(asked(1))
        gateway.instant += EXHAUSTED
        gateway.purse.low.append(gateway.lease())
        gateway.leases.fill(gateway.purse.low)
        await office.hears(asked(0, 100 * SPARE, at=gateway.instant))


@story
async def test_what_nobody_uses_goes_back_after_a_while(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(300))
        await gateway.hears(True)
        await office.hears(asked(100))
        gateway.turns(5)
        held = gateway.hold(100)
        gateway.turns(6)  # it was used in between
        assert office.heard == []
        assert gateway.lease().total == 300
        gateway.turns(1)
        await office.hears(Keep("b", TODAY, 200))
        assert isinstance(held, Hold)
        held.release()
        gateway.turns(7)
        await office.hears(Keep("b", TODAY, 100))
        gateway.turns(20)
        await asyncio.sleep(0.02)
        assert office.heard == []


@story
async def test_what_is_free_of_a_window_that_is_over_goes_back_at_once(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(300))
        await gateway.hears(True)
        held = gateway.hold(100)
        assert isinstance(held, Hold)
        gateway.instant = TOMORROW
        gateway.turns(1)
        await office.hears(asked(100), Keep("b", TODAY, 200))
        assert held.settle(30)
        gateway.turns(1)
        await office.hears(Keep("b", TODAY, 70))
        gateway.instant += 60 * SECOND
        gateway.turns(1)
        assert gateway.purse.accounts["b"].leases == {}
        assert gateway.lease().total == 0


@story
async def test_what_was_spent_is_told_to_a_new_office_as_long_as_it_counts(path: Path) -> None:
    """An office counts of a run that connects what it says that it has: its books may be behind."""
    rolling = budget(period=Period.ROLLING, span=24 * SECOND)  # in steps of a second
    gateway = Gateway(path, rolling)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        office.say(granted(100, window=NOON))
        await gateway.hears(True)
        held = gateway.hold(100)
        assert isinstance(held, Hold)
        assert held.settle(40)
        gateway.instant += 24 * SECOND
        gateway.turns(1)
        await office.hears(asked(100), Keep("b", NOON, 60))
        office.hang_up()
        await office.hears(Hello("run-1", (Held("b", NOON, 40),)))
        gateway.instant += 61 * SECOND
        gateway.turns(1)
        office.hang_up()
        await office.hears(Hello("run-1", ()))


@story
async def test_a_grant_of_a_window_that_has_just_begun_is_kept(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.instant = TOMORROW - 1
        needs = gateway.hold(100)
        assert isinstance(needs, list)
        gateway.instant = TOMORROW + MILLISECOND
        gateway.leases.ask(needs, gateway.told.append)
        await office.hears(asked(100, at=gateway.instant))
        office.say(granted(100, window=TOMORROW))
        await gateway.hears(True)
        assert isinstance(gateway.hold(100), Hold)


@pytest.mark.parametrize(
    "garbage",
    [(FRAME_MAX + 1).to_bytes(4, "big"), b"\0\0\0\x01\xc1", b"\0\0\0\x02\x92\x63", encode(Hello("run-2"))],
    ids=["a frame that is too long", "no msgpack", "half a message", "a message of the wrong side"],
)
def test_an_office_that_cannot_be_understood_is_connected_to_anew(garbage: bytes, tmp_path: Path) -> None:
    @story
    async def test(path: Path) -> None:
        gateway = Gateway(path)
        async with connected(gateway, path) as office:
            gateway.ask(100)
            office.send(encode(granted(200)) + garbage + encode(granted(10**9)))
            await gateway.hears(True)
            gateway.ask(300)
            await gateway.hears(None)
            await office.hears(asked(100), Hello("run-1", (Held("b", TODAY, 200),)))

    test(tmp_path)


@story
async def test_a_call_that_lacks_of_two_budgets_goes_on_when_both_have_answered(path: Path) -> None:
    gateway = Gateway(path, budget(), budget("other"))
    async with connected(gateway, path) as office:
        gateway.ask(100)
        gateway.ask(200)
        await office.hears(asked(100), asked(100, id="other"), asked(200), asked(200, id="other"))
        office.say(granted(100, id="other"))
        await until(lambda: gateway.lease("other").total == 100)
        assert gateway.told == []
        office.say(granted(100), granted(200, id="other"), granted(199))
        await gateway.hears(True, False)


@story
async def test_an_amount_that_no_record_can_carry_is_nowhere_to_be_had(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(AMOUNT_MAX + 1)
        await gateway.hears(False)
        gateway.ask(AMOUNT_MAX)
        await office.hears(asked(AMOUNT_MAX, AMOUNT_MAX))


@story
async def test_a_budget_that_is_removed_while_it_is_asked_for_is_no_longer_waited_for(path: Path) -> None:
    gateway = Gateway(path)
    async with connected(gateway, path) as office:
        gateway.ask(100)
        gateway.purse.update([budget("other")], Rates())
        office.say(granted(0))
        await gateway.hears(False)
        office.say(Recall("b"))
        gateway.ask(5)
        await office.hears(asked(100), asked(5, id="other"))


@story
async def test_a_call_that_cannot_go_on_costs_the_others_nothing(path: Path) -> None:
    gateway = Gateway(path)

    def broken(met: bool | None) -> None:
        raise RuntimeError("a bug")

    async with connected(gateway, path) as office:
        needs = gateway.hold(100)
        assert isinstance(needs, list)
        gateway.leases.ask(needs, broken)
        gateway.ask(100)
        office.say(granted(100), granted(100))
        await gateway.hears(True)
        assert gateway.lease().total == 200


@story
async def test_where_there_is_no_budget_the_office_is_left_in_peace(path: Path) -> None:
    gateway = Gateway(path)
    gateway.purse.update([], Rates())
    office = Office()
    server = await asyncio.start_unix_server(office.take, sock=listening(path))
    running = asyncio.ensure_future(gateway.leases.run())
    await asyncio.sleep(0.15)
    assert office.heard == []
    gateway.purse.update([budget()], Rates())
    await office.hears(Hello("run-1", ()))
    running.cancel()
    server.close()
