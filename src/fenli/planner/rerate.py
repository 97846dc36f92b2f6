"""Rating again, in DuckDB: entries in, exact sums and doubts out. `timetable` has the rules and `queries` the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import duckdb

from fenli.planner.queries import CELLS, CORRECTIONS, KINDS, READINGS, SPANS, Queries
from fenli.planner.scenario import Kind, Repricing, Scenario
from fenli.planner.selection import Selection
from fenli.planner.timetable import Price, Timetable
from fenli.values import METERS

PAGE: Final = 10_000


class Extent(NamedTuple):
    """How many entries, and the first and the last instant that may pick a price of theirs."""

    entries: int
    first: int
    last: int


class Group(NamedTuple):
    """Entries of one kind, day and era that found the same price and were paid alike. ``kind`` and ``price``: numbers
    of `Rerating.kinds` and `Rerating.prices`; ``verdict``: of `timetable.Verdict`. ``picos``: what they cost now, None
    where they could not be rated; ``paid``: what they cost then, None where that is not known."""

    kind: int
    day: int
    era: int
    price: int
    verdict: int
    paid_currency: str | None
    paid_known: bool
    attempts: int
    calls: int
    estimated: int
    prompt: int
    completion: int
    picos: int | None
    paid: int | None


class Doubt(NamedTuple):
    """Entries for whose cost there is another reading, or none at all. ``reason``: the number of a verdict, the name of
    a fact, or `queries.INSTANT`. Of those ``rated`` in both readings, ``picos`` and ``otherwise`` are the costs."""

    reason: str
    kind: int
    era: int
    price: int
    attempts: int
    rated: int
    picos: int | None
    otherwise: int | None
    examples: list[str]


class DoubtfulCall(NamedTuple):
    """One entry of a `Doubt`."""

    reason: str
    kind: int
    price: int
    other_price: int | None
    picos: int | None
    otherwise: int | None
    sequence: int
    call: str
    attempt: int
    opened_at: int


class Rerating:
    """Rates tables with the columns of `archive.COLUMNS`, one after the other. ``corrections``: by entry number, the
    currency and the picos that its cost turned out to be. ``kinds`` and ``repricings`` are what was met, by number."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scenario: Scenario,
        selection: Selection,
        corrections: Mapping[int, tuple[str, int]] | None = None,
    ) -> None:
        self.kinds: list[Kind] = []
        self.repricings: list[Repricing] = []
        self._connection = connection
        self._scenario = scenario
        self._condition, self._values = selection.condition("e")
        self._numbers: dict[Kind, int] = {}
        self._timetable = Timetable()
        self._corrected = bool(corrections)
        if corrections:
            rows = [(number, currency, picos) for number, (currency, picos) in corrections.items()]
            self._fill("corrections", CORRECTIONS, rows)

    @property
    def prices(self) -> Sequence[Price]:
        return self._timetable.prices

    def extents(self, table: str) -> dict[Kind, Extent]:
        """What there is to rate in ``table`` (SQL). A released attempt owes nothing at any price and is left out."""
        instants = "e.opened_at, e.closed_at, coalesce(e.rated_at, e.opened_at)"
        rows = self._connection.execute(
            f"SELECT e.vendor, e.model, e.currency, e.facts, count(*), min(least({instants})), "  # noqa: S608
            f"max(greatest({instants})) FROM {table} e WHERE e.grade <> 'none' AND {self._condition} GROUP BY ALL",
            self._values,
        ).fetchall()
        return {Kind(*row[:4]): Extent(*row[4:]) for row in rows}

    def prepare(self, table: str, meters: Iterable[str], extents: Mapping[Kind, Extent]) -> Batch:
        """Compiles the prices for what `extents` found in ``table``. ``meters``: all that occur in it."""
        spans: dict[int, tuple[int, int]] = {}
        kinds, readings = [], []
        for kind, (_, first, last) in extents.items():
            number = self._number(kind)
            repricing = self.repricings[number]
            lane = self._timetable.lane(repricing.tariff, repricing.facts)
            others = [(fact, self._timetable.lane(repricing.tariff, facts)) for fact, facts in repricing.readings]
            ends = repricing.tariff is not None and repricing.tariff.basis == "end"
            kinds.append((number, *kind, lane, ends, repricing.swapped, bool(others)))
            readings += [(number, fact, other) for fact, other in others]
            for each in (lane, *(other for _, other in others)):
                known = spans.get(each, (first, last))
                spans[each] = min(known[0], first), max(known[1], last)
        rows = [span for lane, (first, last) in spans.items() for span in self._timetable.spans(lane, first, last)]
        used = tuple(meter for meter in METERS if meter in set(meters))
        queries = Queries(table, self._condition, used, self.prices, corrected=self._corrected)
        self._fill("kinds", KINDS, kinds)
        self._fill("readings", READINGS, readings)
        self._fill("spans", SPANS, rows)
        self._fill("cells", CELLS, self._timetable.cells)
        prices = [queries.price_row(number, price) for number, price in enumerate(self.prices)]
        self._fill("prices", queries.price_columns(), prices)
        return Batch(self._connection, queries, self._values)

    def _number(self, kind: Kind) -> int:
        if kind not in self._numbers:
            self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
            self.repricings.append(self._scenario.repricing(kind))
        return self._numbers[kind]

    def _fill(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """A temporary table of ``rows``, by column: one by one, DuckDB takes a thousand times as long."""
        listed = ", ".join(f'unnest(?::{kind}[]) AS "{column}"' for column, kind in columns.items())
        values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {listed}", values)


class Batch:
    """One table, with the prices that its calls find at hand. Good until the next `Rerating.prepare`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, queries: Queries, values: list[Any]) -> None:
        self._connection = connection
        self._queries = queries
        self._values = values

    def groups(self, day: str, era: str = "0") -> list[Group]:
        """``day`` and ``era``: SQL, whole numbers made of ``opened_at``, by which sums are kept apart."""
        rows = self._connection.execute(self._queries.groups(day, era), self._values).fetchall()
        return [Group(*row) for row in rows]

    def doubts(self, era: str = "0") -> list[Doubt]:
        rows = self._connection.execute(self._queries.doubts(era), self._values).fetchall()
        return [Doubt(*row) for row in rows]

    def doubtful_calls(self) -> Iterator[DoubtfulCall]:
        """Every one of them; the memory used does not grow with their number."""
        found = self._connection.execute(self._queries.doubtful(), self._values)
        while rows := found.fetchmany(PAGE):
            yield from (DoubtfulCall(*row) for row in rows)
