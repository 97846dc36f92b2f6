"""Traffic of the books for a replay: the archive, what has not got there yet, and what was corrected since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
from sqlalchemy import func, select

from fenli.office.archive import BATCH, check_reach, entry_rows
from fenli.office.tables import corrections
from fenli.planner.archive import FOLDER, read_manifest
from fenli.planner.parquet import meters_in, stage
from fenli.planner.replay import Batch, Traffic
from fenli.planner.selection import Selection
from fenli.planner.traffic import ArchivedTraffic
from fenli.store import Database


class UnarchivedTraffic:
    """Entries ``first`` to ``last`` of the books. They pass through files in ``scratch``, a batch at a time."""

    def __init__(self, database: Database, first: int, last: int, scratch: Path) -> None:
        self._database = database
        self._first = first
        self._last = last
        self._scratch = scratch
        self.entries = last - first + 1

    def batches(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Batch]:
        for first in range(self._first, self._last + 1, BATCH):
            last = min(first + BATCH - 1, self._last)
            with self._database.read() as reading:
                table = stage(connection, self._scratch / f"{first}.jsonl", entry_rows(reading, first, last))
            yield Batch(table, frozenset(meters_in(connection, table)), last - first + 1)


def traffic_of(database: Database, data: Path, selection: Selection, scratch: Path) -> list[Traffic]:
    """Every entry that is in the books now, once: out of the archive, and out of the store those not there yet.

    Raises BooksError where the archive is not of these books.
    """
    folder = data / FOLDER
    manifest = read_manifest(folder)
    with database.read() as reading:
        last = check_reach(reading, manifest, folder)
    return [
        ArchivedTraffic(folder, manifest, selection),
        UnarchivedTraffic(database, manifest.through + 1, last, scratch),
    ]


def corrected_costs(database: Database) -> dict[int, tuple[str, int]]:
    """By entry number, the currency and the picos that an entry's cost turned out to be."""
    newest = select(func.max(corrections.c.id)).group_by(corrections.c.entry)
    query = select(corrections.c.entry, corrections.c.currency, corrections.c.picos).where(corrections.c.id.in_(newest))
    with database.read() as reading:
        return {row.entry: (row.currency, row.picos) for row in reading.execute(query)}
