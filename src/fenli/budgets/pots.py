"""One window of one budget, as the office keeps it: what each run may spend of it and has drawn from it."""

from __future__ import annotations

import msgspec

from fenli.budgets.budget import Budget, Window


class Lease(msgspec.Struct):
    """``told``: the most the run can believe it has. ``stored``: what the store has, never less."""

    told: int
    stored: int


class Pot:
    """``drawn``: what the posted entries of each run took out, picos; ``spent``: all of them.

    ``out``: what counts of the window against the limit.
    """

    __slots__ = ("budget", "drawn", "leases", "out", "spent", "window")

    def __init__(self, budget: Budget, window: Window) -> None:
        self.budget = budget
        self.window = window
        self.leases: dict[str, Lease] = {}
        self.drawn: dict[str, int] = {}
        self.spent = self.out = 0

    def counted(self, run: str) -> int:
        lease = self.leases.get(run)
        return max(self.drawn.get(run, 0), lease.told if lease is not None else 0)

    def told(self, run: str) -> int:
        lease = self.leases.get(run)
        return 0 if lease is None else lease.told

    def stored(self, run: str) -> int:
        lease = self.leases.get(run)
        return 0 if lease is None else lease.stored

    def tell(self, run: str, total: int) -> None:
        before = self.counted(run)
        self.leases.setdefault(run, Lease(0, 0)).told = total
        self.out += self.counted(run) - before

    def drop(self, run: str) -> None:
        before = self.counted(run)
        self.leases.pop(run, None)
        self.out += self.counted(run) - before

    def post(self, drawn: dict[str, int]) -> None:
        self.drawn = drawn
        self.spent = sum(drawn.values())
        self.out = sum(map(self.counted, self.leases.keys() | drawn.keys()))

    def idle(self, run: str) -> int:
        """At most what a run could give back: how much of it is held, it knows alone."""
        return self.counted(run) - self.drawn.get(run, 0)
