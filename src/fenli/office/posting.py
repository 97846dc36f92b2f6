"""Posting: what the workers' journals say becomes entries in the store, each exactly once.

A batch's entries, sums, transfers, open holds and watermark are one transaction. Whatever is in memory can be thrown
away at any moment: it is read back from the store, and the journal is read on from the watermark.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import DBAPIError, IntegrityError

from fenli.clock import Clock
from fenli.errors import BooksError, FenliError
from fenli.ledger.entries import Entry, OpenHold, Poster
from fenli.ledger.records import Record, Settled
from fenli.office.accounting import accounting
from fenli.office.budgeting import Budgeting
from fenli.office.calibration import Calibration
from fenli.office.cycle import Cycle
from fenli.office.lease_rows import end_leases
from fenli.office.notices import Notice
from fenli.office.rollups import add_to_rollups, summed
from fenli.office.rows import INSERT, link, row_of
from fenli.office.runs import Tail, run_names, taken_over
from fenli.office.sides import post_sides
from fenli.office.tables import chain_end, findings, journals, open_holds
from fenli.office.terms import StoredTerms
from fenli.prices.rates import Rate
from fenli.store import Database

log = logging.getLogger(__name__)

LIVE: Final = "live"
CLOSED: Final = "closed"
DAMAGED: Final = "damaged"
# A live writer may be cutting off a write that failed half-way: bytes that look damaged are looked at again.
DOUBTS_MAX: Final = 10
RECORDS_MAX: Final = 10_000  # of one run, before it is the next one's turn

_encode_hold = msgspec.msgpack.Encoder().encode
_decode_hold = msgspec.msgpack.Decoder(OpenHold).decode
_INSERT_HOLDS: Final = insert(open_holds)
_DELETE_HOLDS: Final = delete(open_holds).where(
    open_holds.c.run == bindparam("in_run"),
    open_holds.c.number == bindparam("in_number"),
    open_holds.c.attempt == bindparam("in_attempt"),
)
_Holds = dict[tuple[int, int], OpenHold]


class _Run:
    """One run being posted. ``stored`` are the holds that the store has; ``new`` until the store knows the run."""

    __slots__ = ("doubts", "new", "poster", "stored", "tail")

    def __init__(self, tail: Tail, holds: _Holds, terms: StoredTerms, *, new: bool) -> None:
        self.tail = tail
        self.stored = holds
        self.poster = Poster(tail.run, holds, terms)
        self.new = new
        self.doubts = 0


class _Stale(Exception):
    """A key or a plan came between reading the terms and the transaction: the batch is made again."""


class Posting:
    """Posts every run under ``directory``. One process at a time may do so: see `office.office`.

    ``trouble`` says why the last `step` could not post, or is None. Counters run from the start of the process.
    ``filed_rates``: the rates of exchange of the configuration's files, as they stand.
    """

    def __init__(
        self, database: Database, directory: Path, clock: Clock, filed_rates: Callable[[], Sequence[Rate]] = lambda: ()
    ) -> None:
        self.trouble: str | None = None
        self.records = 0
        self.entries = 0
        self._database = database
        self._directory = directory
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._over: set[str] = set()
        self._terms = StoredTerms()
        self._cycle = Cycle(database, self._terms)
        self._budgeting = Budgeting(database, filed_rates)
        self._notices: list[Notice] = []  # of the transaction under way

    def step(self) -> int:
        """Posts what is there, within bounds; returns how many records that were (0: caught up)."""
        posted, trouble, began, behind = 0, None, self._clock.now(), False
        for name in run_names(self._directory, self._over):
            try:
                records = self._step(name)
                posted += records
                behind = behind or records >= RECORDS_MAX
            except _Stale:
                self._forget(name)
                posted, behind = posted + 1, True
            except (FenliError, DBAPIError, sqlite3.Error, OSError) as error:
                trouble = f"{name}: {error.orig if isinstance(error, DBAPIError) else error}"
                self._forget(name)
        if trouble is not None and self.trouble is None:
            log.error("the journal cannot be posted now and waits: %s", trouble)
        self.trouble = trouble
        if trouble is None and not behind and not any(run.doubts for run in self._runs.values()):
            self._turn(began)
        return posted

    def _turn(self, began: int) -> None:
        try:
            self._cycle.turn(began)
            self._budgeting.turn(began)
        except (FenliError, DBAPIError, sqlite3.Error) as error:
            log.error("fees, lots that are over and corrected budgets wait: %s", error)

    def behind(self) -> dict[str, int]:
        """The bytes not yet posted, by live run. May be asked from another thread."""
        return {name: run.tail.behind() for name, run in list(self._runs.items())}

    def close(self) -> None:
        for name in list(self._runs):
            self._forget(name)

    def _step(self, name: str) -> int:
        run = self._runs.get(name) or self._load(name)
        if run is None:
            return 0
        posted = 0
        run.tail.restart()
        with taken_over(run.tail.directory) as ended:
            while posted < RECORDS_MAX:
                records = run.tail.read(ended=ended)
                if records is None:
                    self._at_end(run, ended)
                    break
                if records:
                    run.doubts = 0
                    self._post(run, records)
                    posted += len(records)
                    if name not in self._runs:
                        break
        return posted

    def _at_end(self, run: _Run, ended: bool) -> None:
        if run.tail.problem is not None:
            run.doubts += 1
            if ended or run.doubts > DOUBTS_MAX:
                self._end(run, DAMAGED, [], run.tail.problem)
        elif ended:
            self._end(run, CLOSED, [])

    def _post(self, run: _Run, records: list[Record]) -> None:
        finished: list[Entry] = []
        samples = Calibration()
        self._refresh()
        try:
            for record in records:
                if type(record) is Settled:
                    samples.look(record, run.poster.open.get((record.number, record.attempt)))
                entry = run.poster.post(record)
                if entry is not None:
                    finished.append(entry)
        except BooksError as error:
            self._end(run, DAMAGED, finished, str(error))
            return
        try:
            with self._database.write() as connection:
                self._write(connection, run, finished, len(records), LIVE)
                samples.keep(connection)
        except IntegrityError as error:
            self._forget(run.tail.run)
            fresh = self._load(run.tail.run)
            if fresh is not None:
                self._end(fresh, DAMAGED, [], f"an entry of it is in the books already ({error.orig})")
            return
        self._posted(run, finished, len(records))

    def _end(self, run: _Run, state: str, finished: list[Entry], problem: str | None = None) -> None:
        """Nothing more will be posted of this run: what it left open becomes unknown."""
        now = self._clock.now()
        self._refresh()
        everything = finished + run.poster.close(now)
        with self._database.write() as connection:
            self._write(connection, run, everything, 0, state, now)
            if problem is not None:
                _note_damage(connection, run.tail, problem, now)
        if problem is not None:
            log.error("%s: %s; nothing beyond it is posted", run.tail.place, problem)
        self._posted(run, everything, 0)
        self._forget(run.tail.run)
        self._over.add(run.tail.run)

    def _refresh(self) -> None:
        with self._database.read() as connection:
            self._terms.refresh(connection)

    def _posted(self, run: _Run, finished: list[Entry], records: int) -> None:
        run.new = False
        run.stored = dict(run.poster.open)
        self.records += records
        self.entries += len(finished)
        self._budgeting.tell(self._notices)

    def _write(
        self, connection: Connection, run: _Run, finished: list[Entry], records: int, state: str, at: int | None = None
    ) -> None:
        """Everything that one batch changes in the store."""
        if self._terms.refresh(connection):
            raise _Stale
        self._watermark(connection, run, len(finished), records, state, at)
        if finished:
            rows = list(_chained(connection, finished))
            sums = summed(finished)
            connection.exec_driver_sql(INSERT, rows)
            add_to_rollups(connection, sums)
            now = self._clock.now()
            with accounting(connection, now) as books:
                self._cycle.begin(connection, books, max(now, *(entry.opened_at for entry in finished)))
                post_sides(connection, books, rows[0][0], finished, sums)
        self._notices = self._budgeting.post(connection, finished, self._clock.now())
        if state == CLOSED:
            end_leases(connection, run.tail.run)
        name, now_open = run.tail.run, run.poster.open
        gone = [key for key, hold in run.stored.items() if now_open.get(key) is not hold]
        if gone:
            connection.execute(_DELETE_HOLDS, [{"in_run": name, "in_number": n, "in_attempt": a} for n, a in gone])
        fresh = [
            {"run": name, "number": key[0], "attempt": key[1], "hold": _encode_hold(hold)}
            for key, hold in now_open.items()
            if run.stored.get(key) is not hold
        ]
        if fresh:
            connection.execute(_INSERT_HOLDS, fresh)

    def _watermark(
        self, connection: Connection, run: _Run, finished: int, records: int, state: str, at: int | None
    ) -> None:
        tail = run.tail
        if run.new:
            row = {"run": tail.run, "segment": 0, "position": 0, "state": LIVE, "records": 0, "entries": 0, "torn": 0}
            connection.execute(insert(journals), row)
        values: dict[str, Any] = {
            "segment": tail.segment,
            "position": tail.reader.position,
            "state": state,
            "records": journals.c.records + records,
            "entries": journals.c.entries + finished,
            "torn": tail.torn,
            "closed_at": at,
        }
        if run.new and tail.reader.header is not None:
            values["started_at"] = tail.reader.header.started
        connection.execute(update(journals).where(journals.c.run == tail.run).values(values))

    def _load(self, name: str) -> _Run | None:
        """The run as the store knows it; None when it is over."""
        directory = self._directory / name
        with self._database.read() as connection:
            row = connection.execute(select(journals).where(journals.c.run == name)).one_or_none()
            holds = connection.execute(select(open_holds).where(open_holds.c.run == name)).all()
        if row is not None and row.state != LIVE:
            self._over.add(name)
            return None
        tail = Tail(directory) if row is None else Tail(directory, row.segment, row.position, row.torn)
        known = {(hold.number, hold.attempt): _decode_hold(hold.hold) for hold in holds}
        run = self._runs[name] = _Run(tail, known, self._terms, new=row is None)
        return run

    def _forget(self, name: str) -> None:
        run = self._runs.pop(name, None)
        if run is not None:
            run.tail.close()


def _chained(connection: Connection, finished: list[Entry]) -> Iterator[tuple[Any, ...]]:
    """The rows of ``finished``, behind the end of the chain; moves the end."""
    end = connection.execute(select(chain_end)).one()
    sequence, chain = end.sequence, end.chain
    for entry in finished:
        sequence += 1
        chain = link(chain, sequence, entry)
        yield row_of(sequence, entry, chain)
    connection.execute(update(chain_end).values(sequence=sequence, chain=chain))


def _note_damage(connection: Connection, tail: Tail, problem: str, now: int) -> None:
    row = {
        "found_at": now,
        "kind": "journal_damaged",
        "place": tail.place,
        "what": f"{tail.path} is damaged at byte {tail.reader.position}: {problem}",
        "next_step": "the calls this run had open are listed as unknown and nothing beyond this byte is posted: "
        "restart the worker if it still runs, check the disk, and reconcile them with the vendor's bill",
    }
    connection.execute(insert_or(findings).values(row).on_conflict_do_nothing())
