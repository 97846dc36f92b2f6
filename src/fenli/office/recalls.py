"""Taking back what runs can spare, for the sake of others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from fenli.budgets.leases import LeaseBook
from fenli.budgets.messages import Ask, Recall
from fenli.clock import Clock
from fenli.office.lease_peer import Peer

# How long a grant waits for what others give back.
WAIT_S: Final = 0.25
# Whoever has given back what it could is not asked again before this, unless it was granted more.
FIRM_S: Final = 0.1


class _Wait(msgspec.Struct):
    """A question that waits for what the runs ``left`` give back."""

    run: str
    ask: Ask
    left: set[str]
    over: asyncio.Event


class Recalls:
    """``peers``: those that are connected, by run."""

    def __init__(self, peers: Mapping[str, Peer], clock: Clock) -> None:
        self._peers = peers
        self._clock = clock
        self._waits: dict[str, list[_Wait]] = {}  # by budget
        self._asked: set[tuple[str, str]] = set()  # runs and budgets whose answer is outstanding
        self._firm: dict[tuple[str, str], float] = {}  # those that have answered: until when not to ask again

    async def wait(self, book: LeaseBook, run: str, ask: Ask, coming: Iterable[str]) -> None:
        """Returns when enough has come back, when all have answered, or when it has taken too long.

        ``coming``: runs with a lease that are not connected and soon may be.
        """
        lenders = book.lenders(ask.budget, min(ask.at, self._clock.now()), book.place(run, ask))
        left = self.ask(ask.budget, lenders) | lenders.intersection(coming)
        if not left:
            return
        wait = _Wait(run, ask, left, asyncio.Event())
        waits = self._waits.setdefault(ask.budget, [])
        waits.append(wait)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wait.over.wait(), WAIT_S)
        finally:
            waits.remove(wait)
            if not waits:
                del self._waits[ask.budget]

    def ask(self, budget: str, lenders: Iterable[str]) -> set[str]:
        """Recalls from those that are there; returns whose answer is outstanding."""
        now = asyncio.get_running_loop().time()
        expected = set()
        for run in lenders:
            place, peer = (run, budget), self._peers.get(run)
            if peer is None or self._firm.get(place, 0) > now:
                continue
            expected.add(run)
            if place not in self._asked:
                self._asked.add(place)
                peer.send(Recall(budget))
        return expected

    def granted(self, run: str, budget: str) -> None:
        """It may have something to spare again."""
        self._firm.pop((run, budget), None)

    def answered(self, book: LeaseBook, run: str, budget: str) -> None:
        """To be called when all that the run said at once is read."""
        if (run, budget) in self._asked:
            self._asked.discard((run, budget))
            self._firm[run, budget] = asyncio.get_running_loop().time() + FIRM_S
        for wait in self._waits.get(budget, ()):
            wait.left.discard(run)
        self.look(book, [budget])

    def left(self, book: LeaseBook, run: str) -> None:
        """Its connection is gone."""
        self._asked = {place for place in self._asked if place[0] != run}
        self._firm = {place: until for place, until in self._firm.items() if place[0] != run}
        for budget in list(self._waits):
            self.answered(book, run, budget)

    def look(self, book: LeaseBook, budgets: Iterable[str] | None = None) -> None:
        """Ends the waiting of those for whom there is enough now; of all budgets where none are named."""
        now = self._clock.now()
        for budget in list(self._waits) if budgets is None else budgets:
            for wait in self._waits.get(budget, ()):
                if not wait.left or not book.missing(wait.run, wait.ask, now):
                    wait.over.set()
