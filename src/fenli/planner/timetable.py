"""Tariffs as tables of numbers: which row prices which lengths, over which span of time. What SQL joins calls with.

    lane    a tariff, as requests with certain facts see it
    span    of a lane: an interval over which the same rows are in force, listed under each UTC day that it touches
    shape   the rows of a span; lanes and days share shapes
    cell    of a shape: lengths of prompt and completion that find the same answer, a price or the lack of one

The cells of a shape do not overlap and leave nothing out, and neither do the spans of a lane: a call finds exactly one
of each. Which rows are in force, and which lengths a row takes, is asked of `fenli.prices` alone.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import lcm
from typing import Final, NamedTuple

import msgspec

from fenli.prices import Facts, Tariff
from fenli.prices.lanes import Row, Segment

DAY: Final = 86_400_000_000_000
LENGTH_MAX: Final = 2**100  # more than any sum of 64-bit meters
_INSTANT_MAX: Final = 2**63 - 1


class Verdict(enum.IntEnum):
    """Whether a call could be rated, and if not, why."""

    RATED = 0
    NO_USAGE = 1  # its usage is not known
    NO_PRICE = 2  # its model has no price
    NO_ROW = 3  # no row was in force for it
    TWO_ROWS = 4  # several rows were
    HOLIDAY_UNKNOWN = 5  # its price hangs on a calendar that does not reach its day
    METER_UNPRICED = 6  # it used something for which the row in force has no price


class Span(NamedTuple):
    lane: int
    day: int
    start: int
    stop: int
    shape: int


class Cell(NamedTuple):
    """Prompts and completions between these lengths, both included, take row number ``price``."""

    shape: int
    prompt_low: int
    prompt_high: int
    completion_low: int
    completion_high: int
    price: int


class Price(msgspec.Struct, frozen=True):
    """What a row charges: for each meter ``picos`` for ``per`` units, after ``included``, of ``minimum`` at least.
    Without a row, the verdict alone."""

    verdict: Verdict
    offer: str = ""
    currency: str = ""
    per: int = 1
    picos: dict[str, int] = {}
    included: dict[str, int] = {}
    minimum: dict[str, int] = {}


class Timetable:
    """Grows with what is asked of it. ``cells`` and ``prices`` (by number) hold for every span that was given out."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.prices: list[Price] = []
        self._lanes: dict[tuple[int | None, Facts], int] = {}
        self._sources: list[tuple[Tariff | None, Facts]] = []
        self._shapes: dict[tuple[int, ...], int] = {}
        self._numbers: dict[object, int] = {}

    def lane(self, tariff: Tariff | None, facts: Facts) -> int:
        """The number of the lane; the same for the same tariff object and facts."""
        name = (None if tariff is None else id(tariff), facts)
        if name not in self._lanes:
            self._lanes[name] = len(self._sources)
            self._sources.append((tariff, facts))
        return self._lanes[name]

    def spans(self, lane: int, first: int, last: int) -> Iterator[Span]:
        """The spans that cover ``[first, last]``, instants in ns."""
        for shape, start, stop in self._eras(lane, first, last):
            start, stop = max(start, -_INSTANT_MAX), min(stop, _INSTANT_MAX)
            for day in range(max(start, first) // DAY, min(stop - 1, last) // DAY + 1):
                yield Span(lane, day, start, stop, shape)

    def _eras(self, lane: int, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Shapes and how long each holds; one that goes on over midnight is one."""
        tariff, facts = self._sources[lane]
        if tariff is None:
            yield self._unpriced(), -_INSTANT_MAX, _INSTANT_MAX
            return
        segment = tariff.segment(first, facts)
        shape, start = self._shape(segment), segment.start
        while segment.end <= last:
            segment = tariff.segment(segment.end, facts)
            following = self._shape(segment)
            if following != shape:
                yield shape, start, segment.start
                shape, start = following, segment.start
        yield shape, start, segment.end

    def _unpriced(self) -> int:
        """The shape of what has no tariff."""
        known = len(self._shapes)
        shape = self._shapes.setdefault((), known)
        if shape == known:
            self.cells.append(Cell(shape, 0, LENGTH_MAX, 0, LENGTH_MAX, self._price(Verdict.NO_PRICE)))
        return shape

    def _shape(self, segment: Segment) -> int:
        name = (*map(id, segment.rows), 0, *map(id, segment.undecided))
        known = len(self._shapes)
        shape = self._shapes.setdefault(name, known)
        if shape == known:
            self.cells += self._cells(shape, segment)
        return shape

    def _cells(self, shape: int, segment: Segment) -> Iterator[Cell]:
        only = segment.only if segment.prices is not None else None  # the one row that no length is asked of
        if segment.undecided or only is not None:
            price = self._price(only or Verdict.HOLIDAY_UNKNOWN)
            yield Cell(shape, 0, LENGTH_MAX, 0, LENGTH_MAX, price)
            return
        for prompt, prompt_high in _steps(segment.rows, 0):
            for completion, completion_high in _steps(segment.rows, 2):
                taking = [row for row in segment.rows if row.takes(prompt, completion)]
                answer = taking[0] if len(taking) == 1 else Verdict.TWO_ROWS if taking else Verdict.NO_ROW
                yield Cell(shape, prompt, prompt_high, completion, completion_high, self._price(answer))

    def _price(self, answer: Row | Verdict) -> int:
        name: object = answer if isinstance(answer, Verdict) else id(answer)
        if name not in self._numbers:
            self._numbers[name] = len(self.prices)
            self.prices.append(_price_of(answer) if isinstance(answer, Row) else Price(answer))
        return self._numbers[name]


def _steps(rows: Sequence[Row], side: int) -> Iterator[tuple[int, int]]:
    """The lengths from each bound of a row to the next; ``side``: where in `Row.tiers` the bounds are."""
    starts = {0}
    for row in rows:
        starts |= {row.tiers[side], row.tiers[side + 1] + 1}
    for start, following in pairwise((*sorted(starts), LENGTH_MAX + 1)):
        yield start, following - 1


def _price_of(row: Row) -> Price:
    """Prices for several units are brought to one number of units for the row, so that its cost is rounded once."""
    offer = row.offer
    per = lcm(*(offer.per.get(meter, 1) for meter in row.prices))
    picos = {meter: price * (per // offer.per.get(meter, 1)) for meter, price in row.prices.items()}
    return Price(Verdict.RATED, offer.id, offer.currency, per, picos, offer.included, offer.minimum)
