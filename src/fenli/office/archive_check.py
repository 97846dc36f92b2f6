"""Is the archive what its manifest says, and what the books say?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from fenli.errors import BooksError
from fenli.office.archive import BATCH, MEMORY, Progress, check_reach, entry_rows
from fenli.office.state import Finding
from fenli.planner.archive import COLUMNS, FOLDER, Part, read_manifest
from fenli.planner.parquet import describe_part, engine, parts_as_table, stage
from fenli.store import Database

AGAIN: Final = "move the folder away: `fenli archive write` makes it again from the books"
_NAMES: Final = ", ".join(f'"{name}"' for name in COLUMNS)


class ArchiveCheck(msgspec.Struct, frozen=True):
    entries: int
    parts: int
    findings: list[Finding]


def check_archive(database: Database, data: Path, scratch: Path, progress: Progress = lambda *_: None) -> ArchiveCheck:
    """Opens every part, and compares every entry with the one in the books. Files pass through ``scratch``."""
    folder = data / FOLDER
    manifest = read_manifest(folder)
    with database.read() as reading:
        check_reach(reading, manifest, folder)
    with engine(scratch / "spill", memory=MEMORY) as connection:
        findings = list(_parts(connection, folder, manifest.parts))
        if not findings:
            table = _table(connection, folder, manifest.parts)
            for first in range(1, manifest.through + 1, BATCH):
                last = min(first + BATCH - 1, manifest.through)
                findings += _entries(connection, database, table, first, last, scratch)
                progress(last, manifest.through)
    return ArchiveCheck(manifest.entries, len(manifest.parts), findings)


def _parts(connection: duckdb.DuckDBPyConnection, folder: Path, parts: tuple[Part, ...]) -> Iterator[Finding]:
    for part in parts:
        place = str(folder / part.path)
        if not (folder / part.path).is_file():
            yield Finding("part_missing", place, "the manifest names it and it is not there", AGAIN)
            continue
        try:
            parts_as_table(connection, [folder / part.path])
            found = describe_part(connection, folder, part.path, part.day, part.first, part.last)
        except (BooksError, duckdb.Error, OSError) as error:
            yield Finding("part_damaged", place, str(error).partition("\n")[0], AGAIN)
            continue
        if found != part:
            yield Finding("part_changed", place, f"the manifest says {part} and the file has {found}", AGAIN)


def _table(connection: duckdb.DuckDBPyConnection, folder: Path, parts: tuple[Part, ...]) -> str:
    if parts:
        return parts_as_table(connection, [folder / part.path for part in parts])
    nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in COLUMNS.items())
    return f"(SELECT {nothing} WHERE FALSE)"


def _entries(
    connection: duckdb.DuckDBPyConnection, database: Database, table: str, first: int, last: int, scratch: Path
) -> Iterator[Finding]:
    with database.read() as reading:
        booked = stage(connection, scratch / "check.jsonl", entry_rows(reading, first, last))
    archived = f"SELECT {_NAMES} FROM {table} WHERE sequence BETWEEN {first} AND {last}"  # noqa: S608  names of ours
    in_books = f"SELECT {_NAMES} FROM {booked}"  # noqa: S608
    differing = (
        f"SELECT sequence, count(*) FROM (({archived} EXCEPT ALL {in_books}) UNION ALL "  # noqa: S608
        f"({in_books} EXCEPT ALL {archived})) GROUP BY sequence ORDER BY sequence"
    )
    found = [sequence for sequence, _ in connection.execute(differing).fetchall()]
    if found:
        some = ", ".join(map(str, found[:5])) + (" ..." if len(found) > 5 else "")
        what = f"{len(found)} entries are not there once, as the books have them: {some}"
        yield Finding("archive_differs", f"entries {first} to {last}", what, AGAIN)
