"""The office, as far as it lends: the production `LeaseBook` and `Poster`, with a store, delays, losses and deaths.

A grant is in the store before it is told, and the office may die in between; what it had in memory is gone then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from fenli.budgets import window_at
from fenli.budgets.draws import drawn, in_budget
from fenli.budgets.leases import Grant, LeaseBook, Place
from fenli.budgets.messages import Ask, FrameReader, FromOffice, Hello, Keep, Recall, encode, from_gateway
from fenli.clock import MICROSECOND, MILLISECOND
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.journal import Reader
from fenli.ledger.records import Grade

if TYPE_CHECKING:
    from budget_world import BudgetWorld
    from world import Worker

# How long whoever asks waits for what others may give back.
PATIENCE = 250 * MILLISECOND


class Line:
    """One connection. Each side's writes arrive in order, after a while, and never once the line is down.

    To the worker's `Leases` it is the transport, and it brings the office's words in pieces of any size.
    """

    def __init__(self, world: BudgetWorld, worker: Worker) -> None:
        self.worker = worker
        self.office = world.office
        self.office.lines.append(self)
        self.down = False
        self._world = world
        self._chance = world.lending.stream(f"line/{worker.run}/{world.sim.now()}")
        self._mean = self._chance.choice((50 * MICROSECOND, 300 * MICROSECOND, 3 * MILLISECOND))
        self._latest = {"office": 0, "worker": 0}
        self.frames = FrameReader()
        self.asks: deque[Ask] = deque()
        self.busy = False

    def write(self, data: bytes) -> None:
        self._carry("office", lambda: self.office.hear(self, data))

    def abort(self) -> None:
        self.lose()

    def say(self, *words: FromOffice) -> None:
        data = b"".join(map(encode, words))
        self._world.sim.trace.feed(self.worker.run, self._world.sim.now(), data)
        cut = self._chance.integer(0, len(data)) if self._chance.probability(0.1) else 0
        for piece in filter(None, (data[:cut], data[cut:])):
            self._carry("worker", lambda piece=piece: self._bring(piece))

    def lose(self) -> None:
        """Both sides learn of it, sooner or later."""
        if not self.down:
            self.down = True
            sim = self._world.sim
            sim.call_later(self._chance.exponential(self._mean), self.office.lost, self)
            sim.call_later(self._chance.exponential(self._mean), self._lost)

    def _lost(self) -> None:
        if self.worker.alive:
            self.worker.leases.connection_lost(None)

    def _bring(self, piece: bytes) -> None:
        if self.worker.alive:
            self.worker.leases.data_received(piece)

    def _carry(self, to: str, bring: Callable[[], None]) -> None:
        if not self.down:
            at = max(self._latest[to], self._world.sim.now() + MICROSECOND + self._chance.exponential(self._mean))
            self._latest[to] = at
            self._world.sim.call_at(at, self._arrive, bring)

    def _arrive(self, bring: Callable[[], None]) -> None:
        if self.down:
            self._world.seen["word lost"] += 1
        else:
            bring()


class Tie:
    """What keeps one worker connected, and looks through its leases twice a second."""

    def __init__(self, world: BudgetWorld, worker: Worker) -> None:
        self._world = world
        self._worker = worker
        self.line: Line | None = None
        world.sim.call_later(world.lending.integer(0, 100 * MILLISECOND), self._connect)
        world.sim.call_later(world.lending.integer(0, 500 * MILLISECOND), self._turn)

    def _connect(self) -> None:
        if self._worker.alive:
            if (self.line is None or self.line.down) and self._world.office.alive:
                self.line = Line(self._world, self._worker)
                self._worker.leases.connection_made(self.line)  # type: ignore[arg-type]
            self._world.sim.call_later(100 * MILLISECOND, self._connect)

    def _turn(self) -> None:
        if self._worker.alive:
            self._worker.leases.turn()
            self._world.sim.call_later(500 * MILLISECOND, self._turn)


class Posted(msgspec.Struct):
    """How far one run's journal is posted, as the office's watermarks and open holds say."""

    position: int = 0
    header: Any = None
    open: dict[Any, Any] = {}


class Store:
    """What outlives the office."""

    def __init__(self) -> None:
        self.leases: dict[Place, int] = {}
        self.draws: dict[Place, int] = {}
        self.posted: dict[str, Posted] = {}
        self.over: set[str] = set()


class Recalled:
    """A question that waits for what others give back."""

    def __init__(self, budget: str, lines: set[Line], go_on: Callable[[], None]) -> None:
        self.budget = budget
        self.lines = lines
        self.go_on = go_on
        self.over = False

    def answered(self, line: Line) -> None:
        self.lines.discard(line)
        if not self.lines:
            self.end()

    def end(self) -> None:
        if not self.over:
            self.over = True
            self.go_on()


class Office:
    """One life of it."""

    def __init__(self, world: BudgetWorld, store: Store) -> None:
        self.alive = True
        self.store = store
        self.book = LeaseBook(world.budgets(), store.draws, store.leases)
        self._world = world
        self._sim = world.sim
        self._chance = world.lending.stream(f"office/{world.sim.now()}")
        self.lines: list[Line] = []
        self._greeted: dict[str, Line] = {}
        self._recalled: list[Recalled] = []
        self._sim.call_later(self._chance.integer(0, 300 * MILLISECOND), self._post)

    def die(self) -> None:
        self.alive = False
        for line in self.lines:
            line.lose()

    def lost(self, line: Line) -> None:
        self.lines.remove(line)
        if self.alive and self._greeted.get(line.worker.run) is line:
            del self._greeted[line.worker.run]
            self.store.leases |= self.book.settle(line.worker.run)
        for recalled in list(self._recalled):
            recalled.answered(line)

    def hear(self, line: Line, data: bytes) -> None:
        if not self.alive:
            return
        kept = set()
        for frame in line.frames.feed(data):
            word = from_gateway(frame)
            if isinstance(word, Hello):
                self._greeted[word.run] = line
                self._world.seen["hello again"] += bool(word.leases)
                self.store.leases |= self.book.hello(word.run, word.leases)
            elif isinstance(word, Keep):
                self.book.keep(line.worker.run, word)
                kept.add(word.budget)
            else:
                line.asks.append(word)
        for recalled in list(self._recalled):
            if recalled.budget in kept:
                recalled.answered(line)
        self._next(line)

    def _next(self, line: Line) -> None:
        if line.busy or not line.asks or not self.alive:
            return
        line.busy = True
        ask, now = line.asks.popleft(), self._sim.now()
        run = line.worker.run
        if self.book.missing(run, ask, now):
            needy = Place(ask.budget, window_at(self._world.budget(ask.budget), ask.at).start, run)
            lenders = self.book.lenders(ask.budget, now, needy)
            lines = {self._greeted[lender]: None for lender in sorted(lenders) if lender in self._greeted}
            if lines:
                recalled = Recalled(ask.budget, set(lines), lambda: self._decide(line, ask))
                self._recalled.append(recalled)
                self._sim.call_later(PATIENCE, recalled.end)
                self._world.seen["recall"] += 1
                for lender in lines:
                    lender.say(Recall(ask.budget))
                return
        self._decide(line, ask)

    def _decide(self, line: Line, ask: Ask) -> None:
        if not self.alive:
            return
        self._recalled = [recalled for recalled in self._recalled if not recalled.over]
        if any(recalled.budget == ask.budget for recalled in self._recalled):
            ask = msgspec.structs.replace(ask, like=ask.need)  # nothing to spare while somebody waits for what he needs
        grant = self.book.grant(line.worker.run, ask, self._sim.now())
        if grant.reserve is None:
            self._tell(line, grant)
        else:
            self._sim.call_later(self._chance.exponential(2 * MILLISECOND), self._commit, line, grant)

    def _commit(self, line: Line, grant: Grant) -> None:
        if not self.alive:
            return
        if self._chance.probability(0.01):
            self._world.seen["not stored"] += 1
            granted = self.book.withdraw(grant)
            self._tell(line, msgspec.structs.replace(grant, granted=granted))
            return
        assert grant.reserve is not None
        self.store.leases[grant.place] = grant.reserve
        if self._chance.probability(0.01):
            self._world.kill_office()
        self._sim.call_later(self._chance.exponential(MILLISECOND), self._committed, line, grant)

    def _committed(self, line: Line, grant: Grant) -> None:
        if not self.alive:
            self._world.seen["died between store and answer"] += 1
            return
        assert grant.reserve is not None
        self.book.stored(grant.place, grant.reserve)
        self._tell(line, grant)

    def _tell(self, line: Line, grant: Grant) -> None:
        line.busy = False
        line.say(grant.granted)
        self._next(line)

    # Posting

    def _post(self) -> None:
        if self.alive:
            self.post()
            self._sim.call_later(self._chance.exponential(300 * MILLISECOND), self._post)

    def post(self) -> None:
        over = [worker.run for worker in self._world.workers if self._read(worker)]
        self.book.post(self.store.draws)
        for run in over:
            self.store.leases = {place: total for place, total in self.store.leases.items() if place.run != run}
            self.store.over.add(run)
            self.book.over(run)

    def _read(self, worker: Worker) -> bool:
        """Posts what is new of a journal; whether it is the last of it."""
        if worker.run in self.store.over:
            return False
        posted = self.store.posted.setdefault(worker.run, Posted())
        reader, poster = Reader(posted.position, posted.header), Poster(worker.run, posted.open)
        entries = [poster.post(record) for record in reader.feed(bytes(worker.disk.data[posted.position :]))]
        if not worker.alive:
            entries += poster.close(worker.died_at or self._sim.now())
        self.store.posted[worker.run] = Posted(reader.position, reader.header, poster.open)
        for entry in entries:
            if entry is not None:
                self._draw(worker.run, entry)
        return not worker.alive

    def _draw(self, run: str, entry: Entry) -> None:
        picos = drawn(entry.picos, entry.held_picos, owed=entry.grade is not Grade.NONE)
        for budget in self._world.covering(entry):
            exchange = None
            if entry.currency is not None and entry.currency != budget.currency:
                exchange = self._world.directory.rates.find(entry.currency, budget.currency, entry.opened_at)
            place = Place(budget.id, window_at(budget, entry.opened_at).start, run)
            self.store.draws[place] = self.store.draws.get(place, 0) + in_budget(picos, exchange)
