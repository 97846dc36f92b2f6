"""Archiving: entries of the books go on into Parquet, each exactly once. Run apart, so that DuckDB leaves no trace.

    python -m fenli.office.archive <data directory>

A batch is a range of entry numbers. Its parts are on the disk before the manifest names them, in one step; whatever a
process that was killed left behind is in no manifest, and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from fenli.errors import BooksError, FenliError
from fenli.office.rows import units_of
from fenli.office.tables import SCHEMA, chain_end, entries
from fenli.planner.archive import COLUMNS, FOLDER, SCRATCH, USAGE, Manifest, read_manifest, write_manifest
from fenli.planner.parquet import engine, said_plainly, write_parts
from fenli.store import Database
from fenli.values import METERS

BATCH: Final = 100_000
MEMORY: Final = "256MB"
LOCK: Final = "lock"
PAGE: Final = 1_000

Progress = Callable[[int, int], None]  # entries archived, of how many

_COMPUTED: Final = {"metered", "route", *(USAGE + meter for meter in METERS)}
_STORED: Final = [entries.c[name] for name in COLUMNS if name not in _COMPUTED]
_QUERY: Final = select(*_STORED, entries.c.asked.label("route"), entries.c.usage)


def archive_entries(database: Database, data: Path, progress: Progress = lambda *_: None) -> int:
    """Archives every entry that is in the books and not in the archive yet; returns how many those were.

    Raises BooksError when another process is at it, or when the archive and the books contradict each other.
    """
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder), engine(folder / SCRATCH / "spill", threads=1, memory=MEMORY) as connection:
        manifest = read_manifest(folder)
        _clear(folder, manifest)
        with database.read() as reading:
            last = check_reach(reading, manifest, folder)
        begun = manifest.through
        while manifest.through < last:
            first, through = manifest.through + 1, min(manifest.through + BATCH, last)
            with database.read() as reading, said_plainly(f"entries {first} to {through} cannot be archived"):
                parts = write_parts(connection, folder, entry_rows(reading, first, through), first, through)
            written = sum(part.entries for part in parts)
            if written != through - first + 1:
                what = f"of entries {first} to {through} the books have {written}"
                raise BooksError(f"{what}: `fenli ledger verify` says which are gone")
            manifest = manifest.with_parts(parts, through)
            write_manifest(folder, manifest)
            progress(through - begun, last - begun)
    return last - begun


def entry_rows(connection: Connection, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Entries by number, both included, as rows of the archive. Streamed: the memory used does not grow with them.

    Raises BooksError for a meter that this fenli does not know.
    """
    query = _QUERY.where(entries.c.sequence.between(first, last)).order_by(entries.c.sequence)
    for found in connection.execute(query.execution_options(yield_per=PAGE)).mappings():
        row = dict(found)
        usage = row.pop("usage")
        row["final"] = bool(row["final"])
        row["metered"] = usage is not None
        for meter, units in (units_of(usage) if usage is not None else {}).items():
            if USAGE + meter not in COLUMNS:
                raise BooksError(
                    f"entry {row['sequence']} counts {meter!r}, which this fenli does not know: upgrade fenli"
                )
            row[USAGE + meter] = units
        yield row


def check_reach(connection: Connection, manifest: Manifest, folder: Path) -> int:
    """The number of the last entry in the books. Raises BooksError where the archive is ahead of it."""
    last = int(connection.execute(select(chain_end.c.sequence)).scalar_one())
    if manifest.through > last:
        raise BooksError(
            f"{folder} has entries up to {manifest.through} and the books end with {last}: it belongs to other books; "
            "move it away and it is written again"
        )
    return last


def main(arguments: list[str]) -> int:
    data = Path(arguments[0])
    try:
        with Database(data / "fenli.db", SCHEMA) as database:
            archive_entries(database, data)
    except FenliError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer an archive; the lock goes when its process does."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BooksError(f"another process is writing {folder}: try again when it is done") from None
        yield
    finally:
        os.close(descriptor)


def _clear(folder: Path, manifest: Manifest) -> None:
    """Removes what was written and never named."""
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    named = {folder / part.path for part in manifest.parts}
    for path in folder.glob("day=*/*.parquet"):
        if path not in named:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
