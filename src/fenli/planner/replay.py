"""Replay: the traffic of some time rated again in a scenario, beside what was paid for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, tzinfo
from typing import Final, NamedTuple, Protocol

import duckdb

from fenli.clock import SECOND
from fenli.planner.parquet import said_plainly
from fenli.planner.report import Doubted, DoubtfulAttempt, DoubtSums, Replay, Served, Slice, Sums
from fenli.planner.rerate import Doubt, DoubtfulCall, Extent, Group, Rerating
from fenli.planner.scenario import Kind, Scenario
from fenli.planner.selection import Selection
from fenli.planner.timetable import DAY, Verdict
from fenli.values.instants import instant_of, moment_of

READING: Final = "reading"
RATING: Final = "rating"
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

Progress = Callable[[str, int, int], None]  # READING or RATING, entries done, of how many


class Batch(NamedTuple):
    """``table``: SQL with the columns of `archive.COLUMNS`, good until the next batch is asked for. ``meters``: all
    that occur in it."""

    table: str
    meters: frozenset[str]
    entries: int


class Traffic(Protocol):
    """Entries, in batches that fit into memory. They may be gone through twice."""

    @property
    def entries(self) -> int: ...

    def batches(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Batch]: ...


class Replayer:
    """``zone`` decides where a day begins. ``cuts``: instants, ns, on whose two sides sums are kept apart.
    ``corrections``: by entry number, the currency and picos that an entry's cost turned out to be. ``doubtful`` is told
    of every attempt that is in doubt."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scenario: Scenario,
        selection: Selection,
        *,
        zone: tzinfo,
        cuts: Sequence[int] | None = None,
        corrections: Mapping[int, tuple[str, int]] | None = None,
        doubtful: Callable[[DoubtfulAttempt], None] | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        self._connection = connection
        self._scenario = scenario
        self._rerating = Rerating(connection, scenario, selection, corrections)
        self._zone = zone
        self._cuts = None if cuts is None else sorted(cuts)
        self._doubtful = doubtful
        self._progress = progress
        self._slices: dict[Slice, dict[Served, Sums]] = {}
        self._doubts: dict[int, dict[Doubted, DoubtSums]] = {}

    def run(self, traffic: Sequence[Traffic]) -> Replay:
        """Raises NoOffer or ValueRefused for a swap that cannot be made, BooksError for traffic that cannot be read."""
        with said_plainly("the traffic cannot be rated again"):
            extents = list(self._read(traffic))
            spans = _spans(extents)
            self._scenario.check_swaps(spans)
            self._rate(traffic, extents)
        return Replay(
            first=min((first for first, _ in spans.values()), default=None),
            last=max((last for _, last in spans.values()), default=None),
            slices=self._slices,
            doubtful=self._doubts,
        )

    def _read(self, traffic: Sequence[Traffic]) -> Iterator[dict[Kind, Extent]]:
        """By batch, what there is in it."""
        for batch in self._batches(traffic, READING):
            yield self._rerating.extents(batch.table)

    def _rate(self, traffic: Sequence[Traffic], extents: Sequence[Mapping[Kind, Extent]]) -> None:
        for batch, found in zip(self._batches(traffic, RATING), extents, strict=True):
            if not found:
                continue
            prepared = self._rerating.prepare(batch.table, batch.meters, found)
            spans = _spans([found]).values()
            first, last = min(first for first, _ in spans), max(last for _, last in spans)
            era = "0" if self._cuts is None else _era(self._cuts, first, last)
            groups = prepared.groups(_day(self._zone, first, last), era)
            # Each entry meets one kind, one span, one cell: another number would mean that something was lost.
            assert sum(group.attempts for group in groups) == sum(extent.entries for extent in found.values())
            for group in groups:
                self._add(group)
            for doubt in prepared.doubts(era):
                self._doubt(doubt)
            if self._doubtful is not None:
                for call in prepared.doubtful_calls():
                    self._doubtful(self._named(call))

    def _batches(self, traffic: Sequence[Traffic], what: str) -> Iterator[Batch]:
        done, total = 0, sum(each.entries for each in traffic)
        for each in traffic:
            for batch in each.batches(self._connection):
                self._progress(what, done, total)
                yield batch
                done += batch.entries
        self._progress(what, total, total)

    def _add(self, group: Group) -> None:
        served = self._served(group.kind, group.price, group.paid_currency)
        slice = Slice(date.fromordinal(group.day + EPOCH_DAY), group.era)
        rated, both = group.picos is not None, group.picos is not None and group.paid_known
        picos, paid = int(group.picos or 0), int(group.paid or 0)
        sums = Sums(
            attempts=group.attempts,
            calls=group.calls,
            estimated=group.estimated,
            prompt=group.prompt,
            completion=group.completion,
            rated=group.attempts if rated else 0,
            picos=picos,
            known=group.attempts if group.paid_known else 0,
            paid=paid,
            both=group.attempts if both else 0,
            both_picos=picos if both else 0,
            both_paid=paid if both else 0,
        )
        self._slices.setdefault(slice, {}).setdefault(served, Sums()).add(sums)

    def _doubt(self, doubt: Doubt) -> None:
        doubted = Doubted(_reason(doubt.reason), self._served(doubt.kind, doubt.price, None))
        sums = DoubtSums(
            doubt.attempts, doubt.rated, int(doubt.picos or 0), int(doubt.otherwise or 0), tuple(doubt.examples)
        )
        self._doubts.setdefault(doubt.era, {}).setdefault(doubted, DoubtSums()).add(sums)

    def _named(self, call: DoubtfulCall) -> DoubtfulAttempt:
        served = self._served(call.kind, call.price, None)
        return DoubtfulAttempt(
            _reason(call.reason), served, call.call, call.attempt, call.opened_at, call.picos, call.otherwise
        )

    def _served(self, kind: int, price: int, paid_currency: str | None) -> Served:
        """What is not known of one currency is taken from the other, so that it counts with the rest of the model."""
        sold, repricing = self._rerating.kinds[kind], self._rerating.repricings[kind]
        now = self._rerating.prices[price].currency or repricing.currency
        paid = paid_currency or sold.currency
        either = now or paid or ""
        return Served(sold.vendor, sold.model, repricing.vendor, repricing.model, paid or either, now or either)


def _spans(extents: Sequence[Mapping[Kind, Extent]]) -> dict[Kind, tuple[int, int]]:
    """The first and last instant of each kind, over all batches."""
    spans: dict[Kind, tuple[int, int]] = {}
    for found in extents:
        for kind, (_, first, last) in found.items():
            known = spans.get(kind, (first, last))
            spans[kind] = min(known[0], first), max(known[1], last)
    return spans


def _reason(reason: str) -> str:
    return Verdict(int(reason)).name.lower() if reason.isdigit() else reason


def _day(zone: tzinfo, first: int, last: int) -> str:
    """SQL for the day of ``opened_at`` in ``zone``, in days since the epoch; right for ``[first, last]``."""
    cases = ""
    at, offset = first, _offset(zone, first)
    while at <= last:
        after, following = at + DAY, _offset(zone, at + DAY)
        if following != offset:
            change = _change(zone, at, after)
            cases += f"WHEN opened_at < {change} THEN {offset} "
            offset = following
        at = after
    shift = f"CASE {cases}ELSE {offset} END" if cases else str(offset)
    return f"(opened_at + {shift}) // {DAY}"


def _era(cuts: Sequence[int], first: int, last: int) -> str:
    """SQL for the last of ``cuts`` that ``opened_at`` is not before, or ``first`` where it is before all of them; right
    for ``[first, last]``."""
    before = bisect_right(cuts, first)
    cases = "".join(f"WHEN opened_at >= {cut} THEN {cut} " for cut in reversed(cuts[before:]) if cut <= last)
    start = cuts[before - 1] if before else first
    return f"(CASE {cases}ELSE {start} END)" if cases else str(start)


def _change(zone: tzinfo, before: int, after: int) -> int:
    """The instant at which the zone's offset changes, to the second."""
    offset = _offset(zone, before)
    low, high = before // SECOND, -(-after // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle * SECOND) == offset:
            low = middle
        else:
            high = middle
    return high * SECOND


def _offset(zone: tzinfo, instant: int) -> int:
    """Ahead of UTC, ns."""
    moment = moment_of(instant, zone)
    return instant_of(moment.replace(tzinfo=UTC)) - instant_of(moment)
