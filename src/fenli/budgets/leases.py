"""The office's side of leases: how much of each budget every run may spend. No I/O; the store is the caller's.

At each instant, and for each budget, what counts is at most the limit:

    what runs that are over have drawn
    + of each run that lives, its lease or what it has drawn, whichever is more
    + what was drawn by calls that no lease covers, having been opened before the budget bound anybody

The store keeps no lease lower than the run was told, so that an office that starts again counts enough. It may keep
more: then most grants need no transaction. Until a run has said `Hello`, what the store has counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from fenli.budgets.budget import Budget, Period, window_at
from fenli.budgets.messages import Ask, Granted, Held, Keep
from fenli.budgets.pots import Lease, Pot
from fenli.clock import SECOND
from fenli.ledger.records import AMOUNT_MAX

# The run under which draws are kept that no lease covers.
NO_RUN: Final = ""
# Beyond its need a run gets at most this part of what is free, so that one does not starve the others.
SHARE: Final = 4
# How long a window is remembered after it has stopped counting: what was opened in it may still ask.
GRACE: Final = 3600 * SECOND


class Place(NamedTuple):
    """One run's part of one window of one budget; the window is named by its start."""

    budget: str
    window: int
    run: str


class Grant(msgspec.Struct, frozen=True):
    """``reserve``: what the store must have for the lease before the run is told; None where it has enough."""

    place: Place
    granted: Granted
    reserve: int | None


class Standing(msgspec.Struct, frozen=True):
    """How a budget stands at an instant, in picos. ``leased`` is beyond what the runs it is leased to have drawn."""

    limit: int
    spent: int
    leased: int

    @property
    def free(self) -> int:
        """Negative where more is out than the limit allows: it was lowered, or the office has just begun."""
        return self.limit - self.spent - self.leased


class LeaseBook:
    """``leases`` are those of the store, of runs that are not over. Not thread-safe."""

    def __init__(self, budgets: Iterable[Budget], draws: Mapping[Place, int], leases: Mapping[Place, int]) -> None:
        self._budgets: dict[str, Budget] = {}
        self._pots: dict[str, dict[int, Pot]] = {}
        self._over: set[str] = set()
        self.change(budgets)
        for place, total in leases.items():
            pot = self._pot(place.budget, place.window)
            if pot is not None:
                pot.leases[place.run] = Lease(total, total)
        self.post(draws)

    def change(self, budgets: Iterable[Budget]) -> None:
        """The budgets as they are now. Of one that is still there only the limit can have changed."""
        self._budgets = {budget.id: budget for budget in budgets}
        self._pots = {name: self._pots.get(name, {}) for name in self._budgets}
        for pot in self._every_pot():
            pot.budget = self._budgets[pot.budget.id]

    def post(self, draws: Mapping[Place, int]) -> None:
        """All that is drawn so far, in picos, in windows that still count."""
        drawn: dict[tuple[str, int], dict[str, int]] = {}
        for place, picos in draws.items():
            drawn.setdefault((place.budget, place.window), {})[place.run] = picos
        for budget, window in drawn:
            self._pot(budget, window)
        for pot in self._every_pot():
            pot.post(drawn.get((pot.budget.id, pot.window.start), {}))

    def over(self, run: str) -> None:
        """The run is dead and its journal is posted to the end: it has no lease, and what it drew stays."""
        self._over.add(run)
        for pot in self._every_pot():
            pot.drop(run)

    def hello(self, run: str, leases: Iterable[Held]) -> dict[Place, int]:
        """What the run has counts from now on: it knows best, and never spends more.

        Returns what the store must have more of. That it told a run more than it has itself happens only to books that
        were restored from a copy.
        """
        if run in self._over:
            return {}
        for pot in self._every_pot():
            if run in pot.leases:
                pot.tell(run, 0)
        short = {}
        for held in leases:
            known = self._pot(held.budget, held.window)
            if known is not None:
                known.tell(run, held.total)
                if held.total > known.leases[run].stored:
                    short[Place(held.budget, held.window, run)] = held.total
        return short

    def keep(self, run: str, keep: Keep) -> None:
        """Something has come back. Of a window that is forgotten it no longer matters."""
        pot = self._pots.get(keep.budget, {}).get(keep.window)
        if pot is not None and 0 < keep.back <= pot.told(run):
            pot.tell(run, pot.told(run) - keep.back)

    def knows(self, budget: str) -> bool:
        return budget in self._budgets

    def place(self, run: str, ask: Ask) -> Place | None:
        """What is asked for."""
        budget = self._budgets.get(ask.budget)
        return None if budget is None else Place(budget.id, window_at(budget, ask.at).start, run)

    def covered(self, run: str, ask: Ask, now: int) -> bool:
        """Whether all that is needed is there and in the store: what `grant` grants can be told at once."""
        if not self.knows(ask.budget):
            return False
        pot = self._asked(run, ask, now)
        if pot is None:
            return True
        more, _ = self._more(pot, run, ask, now)
        return more >= ask.need and (not more or pot.told(run) + more <= pot.stored(run))

    def missing(self, run: str, ask: Ask, now: int) -> int:
        """How much of what the run needs is not there, in picos."""
        pot = self._asked(run, ask, now)
        return 0 if pot is None else max(0, ask.need - max(0, self._room(pot, run, min(ask.at, now))))

    def lenders(self, budget: str, at: int, needy: Place | None = None) -> set[str]:
        """The runs that might give something back of what counts at ``at``; ``needy`` keeps its own."""
        known = self._budgets.get(budget)
        return {
            run
            for pot in (self._counting(known, at) if known is not None else ())
            for run in pot.leases
            if pot.idle(run) > 0 and needy != Place(budget, pot.window.start, run)
        }

    def grant(self, run: str, ask: Ask, now: int) -> Grant:
        """What is needed if it is there, more while there is plenty, and what there is if it is less."""
        pot = self._asked(run, ask, now)
        if pot is None:
            return self._nothing(run, ask)
        more, room = self._more(pot, run, ask, now)
        reserve = None
        if more:
            total = pot.told(run) + more
            pot.tell(run, total)
            if pot.leases[run].stored < total:
                reserve = min(AMOUNT_MAX, total + (room - more) // 2)
        place = Place(pot.budget.id, pot.window.start, run)
        return Grant(place, self._granted(pot, run, more, min(ask.at, now)), reserve)

    def ahead(self, run: str, at: int) -> dict[Place, int]:
        """What the store should have for a run in the windows of ``at``, so that first grants need not wait for it."""
        totals = {}
        for budget in self._budgets.values() if run not in self._over else ():
            pot = self._pot(budget.id, window_at(budget, at).start)
            if pot is not None and not pot.stored(run):
                reserve = min(AMOUNT_MAX, pot.told(run) + self._room(pot, run, at) // 2)
                if reserve > 0:
                    totals[Place(budget.id, pot.window.start, run)] = reserve
        return totals

    def stored(self, place: Place, total: int) -> None:
        """The store has at least ``total`` for that lease now."""
        pot = self._pots.get(place.budget, {}).get(place.window)
        if pot is not None and place.run not in self._over:
            lease = pot.leases.setdefault(place.run, Lease(0, 0))
            lease.stored = max(lease.stored, total)

    def withdraw(self, grant: Grant) -> Granted:
        """The store could not be written and nobody was told: the lease is what it was."""
        place, granted = grant.place, grant.granted
        pot = self._pots.get(place.budget, {}).get(place.window)
        if pot is not None:
            pot.tell(place.run, pot.told(place.run) - granted.more)
        return msgspec.structs.replace(granted, more=0)

    def settle(self, run: str) -> dict[Place, int]:
        """The run is not connected and can be told nothing: what the store may have instead of its reserves."""
        leases = {}
        for pot in self._every_pot():
            lease = pot.leases.get(run)
            if lease is not None and lease.stored != lease.told:
                leases[Place(pot.budget.id, pot.window.start, run)] = lease.stored = lease.told
        return leases

    def runs(self) -> set[str]:
        """Those with a lease."""
        return {run for pot in self._every_pot() for run in pot.leases}

    def standing(self, budget: str, at: int) -> Standing | None:
        """None for a budget that binds nobody."""
        known = self._budgets.get(budget)
        if known is None:
            return None
        pots = self._counting(known, at)
        spent = sum(pot.spent for pot in pots)
        return Standing(known.picos, spent, sum(pot.out for pot in pots) - spent)

    def overdrawn(self, at: int) -> list[str]:
        """The budgets of which more is out than their limit."""
        standings = {name: self.standing(name, at) for name in self._budgets}
        return [name for name, standing in standings.items() if standing is not None and standing.free < 0]

    def forget(self, now: int) -> list[tuple[str, int]]:
        """Drops the windows that can no longer matter, and names them: budget and start."""
        gone = [(pot.budget.id, pot.window.start) for pot in self._every_pot() if pot.window.until <= now - GRACE]
        for name, start in gone:
            del self._pots[name][start]
        return gone

    def _asked(self, run: str, ask: Ask, now: int) -> Pot | None:
        """The window that is asked for; None where nothing of it may be granted."""
        budget = self._budgets.get(ask.budget)
        if budget is None or run in self._over:
            return None
        window = window_at(budget, ask.at)
        return self._pot(budget.id, window.start) if window.until > now - GRACE else None

    def _nothing(self, run: str, ask: Ask) -> Grant:
        budget = self._budgets.get(ask.budget)
        start = 0 if budget is None else window_at(budget, ask.at).start
        return Grant(Place(ask.budget, start, run), Granted(ask.budget, start, 0, "0", "0", None), None)

    def _pot(self, budget: str, start: int) -> Pot | None:
        """The window that begins at ``start``, made where it is new; None where no window of a budget does."""
        known = self._budgets.get(budget)
        if known is None:
            return None
        pots = self._pots[budget]
        if start not in pots:
            window = window_at(known, start)
            if window.start != start:
                return None
            pots[start] = Pot(known, window)
        return pots[start]

    def _counting(self, budget: Budget, at: int) -> list[Pot]:
        """The windows that share the limit at an instant."""
        pots = self._pots[budget.id]
        if budget.period is Period.ROLLING:
            return [pot for pot in pots.values() if pot.window.until > at]
        pot = pots.get(window_at(budget, at).start)
        return [] if pot is None else [pot]

    def _sharing(self, pot: Pot, at: int) -> list[Pot]:
        """Those that share the limit with a window, itself included."""
        return self._counting(pot.budget, at) if pot.budget.period is Period.ROLLING else [pot]

    def _more(self, pot: Pot, run: str, ask: Ask, now: int) -> tuple[int, int]:
        """What is to be granted, and how much could be."""
        room = max(0, self._room(pot, run, min(ask.at, now)))
        wanted = max(ask.need, min(ask.like, room // SHARE))
        return max(0, min(wanted, room, AMOUNT_MAX - pot.told(run))), room

    def _room(self, pot: Pot, run: str, at: int) -> int:
        """How much more the run could be told. What it drew beyond its lease counts already."""
        free = pot.budget.picos - sum(each.out for each in self._sharing(pot, at))
        return free + pot.counted(run) - pot.told(run)

    def _granted(self, pot: Pot, run: str, more: int, at: int) -> Granted:
        pots = self._sharing(pot, at)
        spent = sum(each.spent for each in pots)
        elsewhere = sum(each.out - each.spent - each.idle(run) for each in pots)
        until: int | None = pot.window.end
        if pot.budget.period is Period.TOTAL:
            until = None
        elif pot.budget.period is Period.ROLLING:
            until = min((each.window.until for each in pots if each.out), default=pot.window.until)
        return Granted(pot.budget.id, pot.window.start, more, str(spent), str(elsewhere), until, pot.budget.limit)

    def _every_pot(self) -> Iterator[Pot]:
        return (pot for pots in self._pots.values() for pot in pots.values())
