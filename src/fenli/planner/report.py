"""What a replay found: exact sums by day and model, and what is in doubt. Unknown is counted apart and never zero."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec

from fenli.planner.queries import EXAMPLES

_Name = TypeVar("_Name", bound=Hashable)


class Served(NamedTuple):
    """Which model served, and as which it is rated: the same one, unless it was swapped. The currencies are those of
    what was paid and of what it costs now, "" where that is not known."""

    vendor: str
    model: str
    as_vendor: str
    as_model: str
    paid_currency: str
    currency: str


class Slice(NamedTuple):
    """``day``: where the attempts were opened, by the calendar there. ``era``: the instant, ns, from which on the rates
    of exchange did not change until then; 0 where nobody asked for that."""

    day: date
    era: int


class Sums(msgspec.Struct):
    """Exact sums over attempts; amounts in picos. ``picos`` is what the ``rated`` ones cost now, ``paid`` what the
    ``known`` ones cost then; of ``both``, the attempts with both, there is their share of either."""

    attempts: int = 0
    calls: int = 0
    estimated: int = 0
    prompt: int = 0
    completion: int = 0
    rated: int = 0
    picos: int = 0
    known: int = 0
    paid: int = 0
    both: int = 0
    both_picos: int = 0
    both_paid: int = 0

    def add(self, other: Sums) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def difference(self) -> int | None:
        """How much more those with both cost now; None where there are none. Of sums in one currency only."""
        return self.both_picos - self.both_paid if self.both else None


class DoubtSums(msgspec.Struct):
    """Attempts in doubt; of those ``rated`` in both readings, what they cost in the one that counts and the other."""

    attempts: int = 0
    rated: int = 0
    picos: int = 0
    otherwise: int = 0
    examples: tuple[str, ...] = ()

    def add(self, other: DoubtSums) -> None:
        for name in ("attempts", "rated", "picos", "otherwise"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.examples = (*self.examples, *other.examples)[:EXAMPLES]


class Doubted(NamedTuple):
    """``reason``: a verdict, a fact or `queries.INSTANT`."""

    reason: str
    served: Served


class DoubtfulAttempt(NamedTuple):
    """One attempt that is in doubt, and why. Amounts in picos, None where it cannot be rated."""

    reason: str
    served: Served
    call: str
    attempt: int
    opened_at: int
    picos: int | None
    otherwise: int | None


class Replay(msgspec.Struct, frozen=True):
    """``first`` and ``last``: the instants, ns, between which all of it happened; None where there was nothing."""

    first: int | None
    last: int | None
    slices: dict[Slice, dict[Served, Sums]]
    doubtful: dict[int, dict[Doubted, DoubtSums]]  # by era

    def by_model(self) -> dict[Served, Sums]:
        return _merged((served, sums) for models in self.slices.values() for served, sums in models.items())

    def by_day(self) -> dict[tuple[date, str, str], Sums]:
        """By day and the currencies of what was paid and of what it costs now."""
        return _merged(
            ((slice.day, served.paid_currency, served.currency), sums)
            for slice, models in sorted(self.slices.items())
            for served, sums in models.items()
        )

    def totals(self) -> dict[tuple[str, str], Sums]:
        """By the currencies of what was paid and of what it costs now: they are never added to each other."""
        return _merged(((served.paid_currency, served.currency), sums) for served, sums in self.by_model().items())

    def doubts(self) -> dict[Doubted, DoubtSums]:
        merged: dict[Doubted, DoubtSums] = {}
        for _, found in sorted(self.doubtful.items()):
            for doubted, sums in found.items():
                merged.setdefault(doubted, DoubtSums()).add(sums)
        return merged


def _merged(parts: Iterable[tuple[_Name, Sums]]) -> dict[_Name, Sums]:
    merged: dict[_Name, Sums] = {}
    for name, sums in parts:
        merged.setdefault(name, Sums()).add(sums)
    return merged
