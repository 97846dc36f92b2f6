"""Leases on budgets: this process's end of the office's socket.

    call short of an amount ─> ask ─> office ─> met or not ─> the call goes on or is refused

An office that is away is asked again and again; until it is back, calls go on with what has been leased, and those that
need more are told to come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

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
from fenli.budgets.purse import SPARE, Lease, Need, Purse
from fenli.clock import MILLISECOND, Clock
from fenli.http.local_socket import connected
from fenli.ledger.records import AMOUNT_MAX

log = logging.getLogger(__name__)

# How long a call waits for the office's answer.
ANSWER_S: Final = 2.0
# What has run out is not asked for again at once: every call that is refused would be a question.
EXHAUSTED: Final = 200 * MILLISECOND
_RETRY_S: Final = 0.1
_TURN_S: Final = 0.5
# A lease that nobody has used for this many turns goes back.
_IDLE_TURNS: Final = 6

# ``met`` says whether all that was needed was given; None where the office did not answer.
Told = Callable[[bool | None], None]


class _Question:
    """What one call waits for; answered when all of its budgets are."""

    __slots__ = ("_timer", "left", "met", "told")

    def __init__(self, told: Told, left: int) -> None:
        self.told: Told | None = told
        self.left = left
        self.met = True
        self._timer = asyncio.get_running_loop().call_later(ANSWER_S, self.end, None)

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
    """``run`` keeps the connection up. Everything else is called on the loop's thread."""

    def __init__(self, purse: Purse, path: Path, run: str, clock: Clock) -> None:
        self._purse = purse
        self._path = path
        self._run = run
        self._clock = clock
        self._transport: asyncio.WriteTransport | None = None
        self._reader = FrameReader()
        self._asked: dict[str, deque[tuple[_Question | None, int]]] = {}  # by budget, in the order of the questions
        self._exhausted: dict[str, int] = {}  # until when
        self._unfilled: dict[str, int] = {}  # the same of what nobody needs yet
        self._idle: dict[Lease, tuple[int, int]] = {}  # what was used at the last turn, and for how many turns

    def ask(self, needs: list[Need], told: Told) -> None:
        """``told`` comes later, never from inside."""
        question = _Question(told, len(needs))
        loop = asyncio.get_running_loop()
        now = self._clock.now()
        for need in needs:
            budget = need.lease.account.budget.id
            if self._transport is None:
                loop.call_soon(question.end, None)
            elif now < self._exhausted.get(budget, 0) or need.amount > AMOUNT_MAX:
                loop.call_soon(question.answered, False)
            else:
                self._ask(need.lease, need.amount, need.whole, now, question)

    def fill(self, low: list[Lease]) -> None:
        """Asks for a spare amount where little is left; nobody waits for it."""
        now = self._clock.now()
        while low:
            lease = low.pop()
            if self._transport is not None and not lease.asked and now >= self._unfilled.get(_budget(lease), 0):
                lease.asked = True
                self._ask(lease, 0, max(1, lease.held), now, None)

    def turn(self) -> None:
        """To be called every half second: gives back what is over or has not been used for a while."""
        if self._transport is None:
            return
        now = self._clock.now()
        seen: dict[Lease, tuple[int, int]] = {}
        for account in self._purse.accounts.values():
            for lease in list(account.leases.values()):
                before, turns = self._idle.get(lease, (-1, 0))
                turns = turns + 1 if lease.used == before else 0
                over = now >= lease.window.end and not lease.held
                if (over or turns >= _IDLE_TURNS) and not self._asked.get(_budget(lease)):
                    self._give_back([lease])
                if over:
                    del account.leases[lease.window.start]
                else:
                    seen[lease] = (lease.used, turns)
        self._idle = seen

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._transport is None and self._purse.accounts:
                try:
                    await loop.create_unix_connection(lambda: self, sock=connected(self._path))
                except OSError as error:
                    log.debug("the office cannot be asked for budgets: %s", error)
                    await asyncio.sleep(_RETRY_S)
                    continue
            self.turn()
            await asyncio.sleep(_TURN_S if self._purse.accounts else _RETRY_S)

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._reader = FrameReader()
        leases = tuple(
            Held(account.budget.id, lease.window.start, lease.total)
            for account in self._purse.accounts.values()
            for lease in account.leases.values()
        )
        self._send([Hello(self._run, leases)])

    def data_received(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            self._hear(from_office(frame))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        asked, self._asked = self._asked, {}
        for questions in asked.values():
            for question, _ in questions:
                if question is not None:
                    question.end(None)
        for account in self._purse.accounts.values():
            for lease in account.leases.values():
                lease.asked = False

    def _hear(self, word: FromOffice) -> None:
        if isinstance(word, Recall):
            account = self._purse.accounts.get(word.budget)
            self._give_back([] if account is None else account.leases.values())
            return
        questions = self._asked.get(word.budget)
        question, wanted = questions.popleft() if questions else (None, 0)
        more = word.total - self._total(word)
        self._purse.granted(word)
        if more < wanted:
            self._exhausted[word.budget] = self._clock.now() + EXHAUSTED
        elif not more:
            self._unfilled[word.budget] = self._clock.now() + EXHAUSTED
        if question is not None:
            question.answered(more >= wanted)

    def _total(self, word: Granted) -> int:
        account = self._purse.accounts.get(word.budget)
        lease = account.leases.get(word.window) if account is not None else None
        return lease.total if lease is not None else 0

    def _ask(self, lease: Lease, need: int, whole: int, now: int, question: _Question | None) -> None:
        like = min(AMOUNT_MAX, max(need, whole * SPARE))
        self._asked.setdefault(_budget(lease), deque()).append((question, need))
        self._send([Ask(_budget(lease), now, need, like)])

    def _give_back(self, leases: Iterable[Lease]) -> None:
        words: list[FromGateway] = []
        for lease in leases:
            if lease.free > 0:
                words.append(Keep(_budget(lease), lease.window.start, lease.used, lease.total))
                lease.total = lease.used
        self._send(words)

    def _send(self, words: list[FromGateway]) -> None:
        if self._transport is not None and words:
            self._transport.write(b"".join(map(encode, words)))


def _budget(lease: Lease) -> str:
    return lease.account.budget.id
