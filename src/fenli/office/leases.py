"""The office's end of the leases' socket: gateways ask, are granted, and give back.

    ask ──> enough is there ────────────────────────────> granted (in the store first, where its reserve is used up)
       └──> others have it ──> recalled, for a moment ──> granted, or what there is

What is drawn, which budgets there are and which runs are over is read from the store when it has changed: posting
knows nothing of leases.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from fenli.budgets.leases import LeaseBook, Place, Standing
from fenli.budgets.messages import LEASES_SOCKET, Ask, FromGateway, Hello, Keep
from fenli.clock import SECOND, Clock
from fenli.errors import FenliError
from fenli.http.local_socket import listening
from fenli.office.lease_peer import Peer
from fenli.office.lease_rows import LeaseState, LeaseWriter, read_leases, read_state
from fenli.office.recalls import Recalls
from fenli.office.runs import segments, taken_over
from fenli.prices.rates import Rate
from fenli.store import Database

log = logging.getLogger(__name__)

REFRESH_S: Final = 0.25
# Nobody is refused by what the store said longer ago than this.
STALE_S: Final = 0.05
# So long before a window begins, the store is made ready for it; and how often it is looked.
AHEAD: Final = 30 * SECOND
AHEAD_S: Final = 5.0
# Gateways that were there before the office was come back within this time.
RETURN_S: Final = 2.0


class LeaseServer:
    """``data`` is the data directory; ``filed`` gives the rates of exchange of the configuration's files. All but the
    store's work is the loop's."""

    def __init__(
        self, database: Database, data: Path, clock: Clock, filed: Callable[[], Sequence[Rate]] = lambda: ()
    ) -> None:
        self._database = database
        self._path = data / "run" / LEASES_SOCKET
        self._journal = data / "journal"
        self._clock = clock
        self._filed = filed
        self._reading = ThreadPoolExecutor(1, "budgets")
        self._writing = ThreadPoolExecutor(1, "leases")
        self._writer = LeaseWriter(database, self._writing)
        self._book = LeaseBook((), {}, {})
        self._peers: dict[str, Peer] = {}
        self._recalls = Recalls(self._peers, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Future[None] | None = None
        self._version = -1
        self._known: set[str] = set()  # the runs of which something was posted when that was read last
        self._opened = 0.0
        self._ahead_at = 0.0
        self._read_at = 0.0

    async def serve(self, stop: asyncio.Event) -> None:
        """Raises OSError where the socket cannot be made."""
        loop = asyncio.get_running_loop()
        self._book, closed = await loop.run_in_executor(self._reading, self._load)
        self._writer.forget((), closed)
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._opened = loop.time()
        server = await loop.create_unix_server(lambda: Peer(self._hear, self._left), sock=listening(self._path))
        try:
            while not stop.is_set():
                await self._refresh()
                if loop.time() >= self._ahead_at:
                    self._ahead_at = loop.time() + AHEAD_S
                    self._make_ready(self._peers, self._clock.now() + AHEAD)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), REFRESH_S)
        finally:
            server.close()
            for peer in list(self._peers.values()):
                peer.cut()
            await self._writer.finish()
            self._reading.shutdown()
            self._writing.shutdown()

    def standing(self, budget: str) -> Standing | None:
        """None for one that binds nobody."""
        return self._book.standing(budget, self._clock.now())

    # Words

    def _hear(self, peer: Peer, word: FromGateway) -> None:
        if isinstance(word, Hello):
            self._greet(peer, word)
        elif not peer.run:
            log.error("a gateway asks for leases before it says who it is, and is cut off")
            peer.cut()
        elif isinstance(word, Keep):
            self._book.keep(peer.run, word)
            asyncio.get_running_loop().call_soon(self._recalls.answered, self._book, peer.run, word.budget)
        else:
            self._asked(peer, word)

    def _greet(self, peer: Peer, word: Hello) -> None:
        before = self._peers.get(word.run)
        if before is not None and before is not peer:
            before.run = ""
            before.cut()
        peer.run = word.run
        self._peers[word.run] = peer
        short = self._book.hello(word.run, word.leases)
        if short:
            self._writer.store(short)
        self._make_ready([word.run], self._clock.now())
        self._recalls.look(self._book)

    def _left(self, peer: Peer) -> None:
        if not peer.run or self._peers.get(peer.run) is not peer:
            return
        run = peer.run
        del self._peers[run]
        peer.cut()
        self._writer.settle(self._book.settle(run))
        self._recalls.left(self._book, run)

    def _asked(self, peer: Peer, ask: Ask) -> None:
        if ask.budget not in peer.answering and self._at_once(peer, ask):
            return
        peer.asked.setdefault(ask.budget, deque()).append(ask)
        if ask.budget not in peer.answering:
            peer.answering[ask.budget] = asyncio.ensure_future(self._answer_all(peer, ask.budget))

    def _at_once(self, peer: Peer, ask: Ask) -> bool:
        """Answers from what is there and in the store's reserve: nearly always."""
        now = self._clock.now()
        if not self._book.covered(peer.run, ask, now):
            return False
        self._recalls.granted(peer.run, ask.budget)
        peer.send(self._book.grant(peer.run, ask, now).granted)
        return True

    # Answers that take a moment

    async def _answer_all(self, peer: Peer, budget: str) -> None:
        asked = peer.asked[budget]
        try:
            while asked:
                await self._answer(peer, asked.popleft())
        except Exception:  # it asks again when it has connected again
            log.exception("run %s cannot be answered about budget %s, and is cut off", peer.run, budget)
            peer.cut()
        else:
            del peer.answering[budget]

    async def _answer(self, peer: Peer, ask: Ask) -> None:
        for _ in range(2):  # a look that is under way may have begun before the budget was made
            if not self._book.knows(ask.budget):
                await self._refresh()
        if not self._book.covered(peer.run, ask, self._clock.now()):
            await self._refresh(STALE_S)
        if self._book.missing(peer.run, ask, self._clock.now()):
            await self._recalls.wait(self._book, peer.run, ask, self._coming())
        grant = self._book.grant(peer.run, ask, self._clock.now())
        granted = grant.granted
        if grant.reserve is not None:
            if await self._writer.store({grant.place: grant.reserve}):
                self._book.stored(grant.place, grant.reserve)
            else:
                granted = self._book.withdraw(grant)
        if granted.more:
            self._recalls.granted(peer.run, ask.budget)
        peer.send(granted)

    def _make_ready(self, runs: Iterable[str], at: int) -> None:
        """Keeps reserves in the store, so that first grants do not wait for it."""
        totals: dict[Place, int] = {}
        for run in runs:
            totals |= self._book.ahead(run, at)
        if totals:
            task = asyncio.ensure_future(self._store_ahead(totals))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _store_ahead(self, totals: dict[Place, int]) -> None:
        peers = {run: self._peers.get(run) for run in {place.run for place in totals}}
        if await self._writer.store(totals):
            for place, total in totals.items():
                if peers[place.run] is not None and self._peers.get(place.run) is peers[place.run]:
                    self._book.stored(place, total)

    def _coming(self) -> set[str]:
        """Gateways that were there before the office was, and have not said hello yet."""
        returning = asyncio.get_running_loop().time() < self._opened + RETURN_S
        return self._book.runs() - self._peers.keys() if returning else set()

    # The store

    async def _refresh(self, stale_s: float = 0.0) -> None:
        """What the store says now, or said so long ago. Several who want to know ask once."""
        if self._refreshing is None:
            if asyncio.get_running_loop().time() < self._read_at + stale_s:
                return
            self._refreshing = asyncio.ensure_future(self._read_again())
        await asyncio.shield(self._refreshing)

    async def _read_again(self) -> None:
        try:
            runs = self._book.runs() | self._peers.keys()
            loop = asyncio.get_running_loop()
            state, dead = await loop.run_in_executor(self._reading, self._read, runs, runs - self._peers.keys())
            self._read_at = loop.time()
            self._take_over(state, dead)
        except (FenliError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            log.error("budgets cannot be read, and stand as they stood: %s", error)
        finally:
            self._refreshing = None

    def _take_over(self, state: LeaseState | None, dead: set[str]) -> None:
        if state is None:
            return
        fresh = any(not self._book.knows(budget.id) for budget in state.budgets)
        self._book.change(state.budgets)
        self._book.post(state.draws)
        if fresh:
            self._make_ready(self._peers, self._clock.now())
        ended = dead | state.closed
        for run in ended:
            self._book.over(run)
        now = self._clock.now()
        self._writer.forget(self._book.forget(now), ended)
        for budget in self._book.overdrawn(now):
            self._recalls.ask(budget, self._book.lenders(budget, now))
        self._recalls.look(self._book)

    def _load(self) -> tuple[LeaseBook, set[str]]:
        """What the office before left; and the runs that have ended since."""
        with self._database.read() as connection:
            leases = read_leases(connection)
            state = read_state(connection, self._clock.now(), {place.run for place in leases}, self._filed())
        living = {place: total for place, total in leases.items() if place.run not in state.closed}
        return LeaseBook(state.budgets, state.draws, living), state.closed

    def _read(self, runs: set[str], unheard: set[str]) -> tuple[LeaseState | None, set[str]]:
        """On a thread. Which of the runs ``unheard`` are dead and never wrote: nothing will ever be posted of them."""
        version = self._database.data_version()
        if version == self._version and unheard <= self._known:
            return None, set()
        with self._database.read() as connection:
            state = read_state(connection, self._clock.now(), runs, self._filed())
        self._version, self._known = version, state.known
        return state, {run for run in unheard - state.known if self._never_wrote(run)}

    def _never_wrote(self, run: str) -> bool:
        directory = self._journal / run
        if segments(directory):
            return False
        with taken_over(directory) as ended:
            return ended and not segments(directory)
