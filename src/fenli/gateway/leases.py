"""Leases on budgets: this process's end of the office's socket.

    call short of an amount ─> ask ─> office ─> met or not ─> the call goes on or is refused

An office that is away is asked again and again; until it is back, calls go on with what has been leased, and those that
need more are told to come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from fenli.budgets.messages import (
    Ask,
    FrameReader,
    FromGateway,
    FromOffice,
    Granted,
    Held,
    Hello,
    Keep,
    Recall,
    encode,
    from_office,
)
from fenli.budgets.purse import SPARE, Account, Lease, Need, Purse
from fenli.clock import MILLISECOND, SECOND, Clock
from fenli.http.local_socket import connected
from fenli.ledger.records import AMOUNT_MAX

log = logging.getLogger(__name__)

# How long a call waits for the office's answer.
ANSWER_S: Final = 2.0
# What has run out is not asked for again at once: every call that is refused would be a question.
EXHAUSTED: Final = 200 * MILLISECOND
# An office with so many questions to answer about one budget is as good as away.
UNANSWERED_MAX: Final = 1_000
# A lease is known for a while after its window has ceased to count: whoever reads another clock may still be granted
# some of that window, and what a run says that it has, when it connects, is all of it that the office counts.
_KNOWN: Final = 60 * SECOND
_RETRY_S: Final = 0.1
_TURN_S: Final = 0.5
# A lease that nobody has used for this many turns goes back.
_IDLE_TURNS: Final = 6

# ``met`` says whether all that was needed was given; None where the office did not answer.
Told = Callable[[bool | None], None]


class Timer(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """An event loop, as far as it is needed here (``delay`` in seconds); or the simulator."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Any: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer: ...


class Journal(Protocol):
    """As `fenli.gateway.recorder` has it: how many records are not written yet, and why, where the disk refuses."""

    failing: str | None

    @property
    def pending(self) -> int: ...


class _Question:
    """What one call waits for; answered when all of its budgets are."""

    __slots__ = ("_timer", "left", "met", "told")

    def __init__(self, told: Told, left: int, timers: Timers) -> None:
        self.told: Told | None = told
        self.left = left
        self.met = True
        self._timer = timers.call_later(ANSWER_S, self.end, None)

    def answered(self, met: bool) -> None:
        self.left -= 1
        self.met = self.met and met
        if not self.left:
            self.end(self.met)

    def end(self, met: bool | None) -> None:
        told, self.told = self.told, None
        self._timer.cancel()
        if told is not None:
            try:
                told(met)
            except Exception:
                log.exception("a call that waited for a budget could not go on")


class Leases(asyncio.Protocol):
    """``run`` keeps the connection up. Everything is called on one thread.

    Nothing goes back before the journal shows it to be free: of a process that dies the books count what its journal
    still holds.
    """

    def __init__(self, purse: Purse, path: Path, run: str, clock: Clock, timers: Timers, journal: Journal) -> None:
        self._purse = purse
        self._path = path
        self._run = run
        self._clock = clock
        self._timers = timers
        self._journal = journal
        self._transport: asyncio.WriteTransport | None = None
        self._reader = FrameReader()
        self._asked: dict[str, deque[tuple[_Question | None, int]]] = {}  # by budget, in the order of the questions
        self._idle: dict[Lease, tuple[int, int]] = {}  # what was used at the last turn, and for how many turns

    def ask(self, needs: list[Need], told: Told) -> None:
        """``told`` comes later, never from inside."""
        question = _Question(told, len(needs), self._timers)
        now = self._clock.now()
        for need in needs:
            if self._transport is None or len(self._asked.get(_budget(need.lease), ())) >= UNANSWERED_MAX:
                self._timers.call_soon(question.end, None)
            elif now < need.lease.ask_at or need.amount > AMOUNT_MAX:
                self._timers.call_soon(question.answered, False)
            else:
                self._ask(need.lease, need.amount, need.whole, now, question)

    def fill(self, low: list[Lease]) -> None:
        """Asks for a spare amount where little is left; nobody waits for it."""
        now = self._clock.now()
        while low:
            lease = low.pop()
            if self._transport is not None and not lease.asked and now >= lease.fill_at:
                lease.asked = True
                self._ask(lease, 0, max(1, lease.held), now, None)

    def turn(self) -> None:
        """To be called every half second: gives back what is over or has not been used for a while."""
        if self._transport is None:
            return
        now = self._clock.now()
        seen: dict[Lease, tuple[int, int]] = {}
        spared: list[Lease] = []
        for account in self._purse.accounts.values():
            for lease in list(account.leases.values()):
                before, turns = self._idle.get(lease, (-1, 0))
                turns = turns + 1 if lease.used == before else 0
                idle = turns >= _IDLE_TURNS and not self._asked.get(_budget(lease))
                if lease.free > 0 and (idle or now >= lease.window.end):
                    spared.append(lease)
                if now >= lease.window.until + _KNOWN and not lease.held:
                    account.forget(lease)
                else:
                    seen[lease] = (lease.used, turns)
        self._idle = seen
        if not self._journal.pending:
            self._keep(spared)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._transport is None and self._purse.accounts:
                try:
                    await loop.create_unix_connection(lambda: self, sock=connected(self._path))
                except OSError as error:
                    log.debug("the office cannot be asked for budgets: %s", error)
            try:
                self.turn()
            except Exception:  # whatever one turn meets, the connection goes on being kept up
                log.exception("leases could not be looked through")
            await asyncio.sleep(_RETRY_S if self._transport is None else _TURN_S)

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._reader = FrameReader()
        leases = tuple(
            Held(_budget(lease), lease.window.start, lease.total)
            for account in self._purse.accounts.values()
            for lease in account.leases.values()
        )
        self._send([Hello(self._run, leases)])

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._hear(from_office(frame))
        except (ValueError, msgspec.DecodeError) as error:
            log.error("the office says what cannot be understood, and is connected to anew: %s", error)
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        asked, self._asked = self._asked, {}
        for account in self._purse.accounts.values():
            for lease in account.leases.values():
                lease.asked = False
        for questions in asked.values():
            for question, _ in questions:
                if question is not None:
                    question.end(None)

    def _hear(self, word: FromOffice) -> None:
        if isinstance(word, Recall):
            self._timers.call_soon(self._recalled, word.budget)
        else:
            self._granted(word, self._purse.accounts.get(word.budget))

    def _recalled(self, budget: str) -> None:
        account = self._purse.accounts.get(budget)
        if self._journal.pending and self._journal.failing is None:
            self._timers.call_soon(self._recalled, budget)  # the writing of this turn's records is under way
        elif account is not None:
            self._keep([lease for lease in account.leases.values() if 0 < lease.total >= lease.used])

    def _granted(self, word: Granted, account: Account | None) -> None:
        questions = self._asked.get(word.budget)
        question, wanted = questions.popleft() if questions else (None, 0)
        more = 0
        if account is not None:
            lease, more = account.granted(word)
            if more < wanted:
                lease.ask_at = self._clock.now() + EXHAUSTED
            elif not more:
                lease.fill_at = self._clock.now() + EXHAUSTED
        if question is not None:
            question.answered(more >= wanted)

    def _ask(self, lease: Lease, need: int, whole: int, now: int, question: _Question | None) -> None:
        like = min(AMOUNT_MAX, max(need, whole * SPARE))
        self._asked.setdefault(_budget(lease), deque()).append((question, need))
        self._send([Ask(_budget(lease), now, need, like)])

    def _keep(self, leases: list[Lease]) -> None:
        """Gives back what is free of them, and says so where nothing is."""
        words: list[FromGateway] = []
        for lease in leases:
            back = 0 if self._journal.pending else lease.free
            words.append(Keep(_budget(lease), lease.window.start, back))
            lease.total -= back
            if back:
                lease.ask_at = 0  # so much can be had again
        self._send(words)

    def _send(self, words: list[FromGateway]) -> None:
        if self._transport is not None and words:
            self._transport.write(b"".join(map(encode, words)))


def _budget(lease: Lease) -> str:
    return lease.account.budget.id
