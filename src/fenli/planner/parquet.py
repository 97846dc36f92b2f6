"""DuckDB over the archive: a connection that keeps within its bounds, parts written, parts read as one table."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from fenli.errors import BooksError
from fenli.planner.archive import COLUMNS, DECIMALS, PICOS_MAX, SCRATCH, UNITS_MAX, USAGE, Part, part_path, sync_folder
from fenli.values import METERS

MEMORY: Final = "512MB"  # DuckDB's own; the process around it stays below 1 GB
STAGED: Final = "staged"
DAY: Final = "strftime(make_timestamp(opened_at // 1000), '%Y-%m-%d')"
# Decimals are text on their way into DuckDB: as a JSON number they would become floating.
_JSON_TYPES: Final = {name: "VARCHAR" if name in DECIMALS else kind for name, kind in COLUMNS.items()}
_encode_line: Final = msgspec.json.Encoder().encode


@contextmanager
def engine(spill: Path, *, threads: int | None = None, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory; what does not fit goes below ``spill``, which is removed at the end."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET memory_limit = ?", [memory])
        connection.execute("SET threads = ?", [threads or len(os.sched_getaffinity(0))])
        connection.execute("SET temp_directory = ?", [str(spill)])
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET autoinstall_known_extensions = false")
        yield connection
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def stage(connection: duckdb.DuckDBPyConnection, lines: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """Puts ``rows`` (by the names of `COLUMNS`; what is left out is NULL) into a table, until the next call; its name.

    ``lines`` is a file that they pass through, removed afterwards. Raises BooksError for a number that the archive has
    no room for.
    """
    lines.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with open(os.open(lines, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(_encode_line(_checked(row)) + b"\n" for row in rows)
        columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in COLUMNS.items())
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {STAGED} AS SELECT {columns} FROM "  # noqa: S608  names of ours
            "read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = 16777216)",
            [str(lines), _JSON_TYPES],
        )
    finally:
        lines.unlink(missing_ok=True)
    return STAGED


def write_parts(
    connection: duckdb.DuckDBPyConnection, folder: Path, rows: Iterable[Mapping[str, Any]], first: int, last: int
) -> list[Part]:
    """Writes ``rows``, as `stage` takes them, as one part for each day.

    They are on the disk when this returns, and no part of the archive until a manifest names them.
    """
    staged = stage(connection, folder / SCRATCH / f"{first}-{last}.jsonl", rows)
    days = connection.execute(f"SELECT DISTINCT {DAY} FROM {staged} ORDER BY 1").fetchall()  # noqa: S608
    query = f"SELECT * FROM {staged} WHERE {DAY} = '{{}}' ORDER BY sequence"  # noqa: S608  a date of ours
    return [write_part(connection, folder, query.format(day), day, first, last) for (day,) in days]


def write_part(
    connection: duckdb.DuckDBPyConnection, folder: Path, query: str, day: str, first: int, last: int
) -> Part:
    """The result of ``query``, with the columns of `COLUMNS`, as the part of a day."""
    path = part_path(day, first, last)
    growing = folder / SCRATCH / Path(path).name
    growing.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection.execute(f"COPY ({query}) TO {_quoted(growing)} (FORMAT parquet, COMPRESSION zstd)")
    _keep(growing, folder / path)
    return describe_part(connection, folder, path, day, first, last)


def describe_part(
    connection: duckdb.DuckDBPyConnection, folder: Path, path: str, day: str, first: int, last: int
) -> Part:
    """What the manifest says of a file, read from the file itself."""
    source = f"read_parquet({_quoted(folder / path)})"
    found = connection.execute(
        "SELECT count(*), min(least(opened_at, closed_at)), max(greatest(opened_at, closed_at)) "  # noqa: S608
        f"FROM {source}"
    ).fetchone()
    assert found is not None
    entries, earliest, latest = found
    return Part(path, day, first, last, entries, earliest, latest, meters_in(connection, source))


def meters_in(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """The meters that occur in ``table``: SQL with the columns of `COLUMNS`."""
    counted = ", ".join(f"count({USAGE}{meter})" for meter in METERS)
    found = connection.execute(f"SELECT {counted} FROM {table}").fetchone()  # noqa: S608  names of ours
    assert found is not None
    return tuple(meter for meter, count in zip(METERS, found, strict=True) if count)


def parts_as_table(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> str:
    """SQL of one table with every column of `COLUMNS`; those that were not known when a part was written are NULL.

    Raises BooksError for a part that is not there, is damaged, or has columns that this fenli does not know.
    """
    listed = f"[{', '.join(_quoted(file) for file in files)}]"
    source = f"read_parquet({listed}, union_by_name = true, hive_partitioning = false)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608  paths of ours
    except duckdb.Error as error:
        raise BooksError(
            f"the archive cannot be read: {str(error).splitlines()[0]}: `fenli archive check` names what is wrong"
        ) from None
    known = {name: kind for name, kind, *_ in described}
    strange = {name for name, kind in known.items() if COLUMNS.get(name) != kind}
    if strange:
        raise BooksError(f"the archive has {', '.join(sorted(strange))}, which this fenli does not know: upgrade fenli")
    columns = ", ".join(f'"{name}"' if name in known else f'NULL::{kind} AS "{name}"' for name, kind in COLUMNS.items())
    return f"(SELECT {columns} FROM {source})"  # noqa: S608  names of ours


@contextmanager
def said_plainly(what: str) -> Iterator[None]:
    """DuckDB's refusals in our own words: an amount that no 128 bits can hold, a file that is damaged."""
    try:
        yield
    except duckdb.OutOfRangeException as error:
        raise BooksError(
            f"{what}: an amount is beyond 38 digits ({_first_line(error)}): is a price in its unit?"
        ) from None
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # ours to mend, nobody else's
    except (duckdb.Error, OSError) as error:
        raise BooksError(f"{what}: {_first_line(error)}: `fenli archive check` names what is wrong") from None


def _checked(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its decimals as text. A number beyond its column's bounds is refused before anything is written."""
    kept = dict(row)
    for name in DECIMALS:
        value = kept.get(name)
        if value is not None:
            if abs(value) > PICOS_MAX:
                raise BooksError(f"entry {row['sequence']}: {name} is {value}: the archive has room for 38 digits")
            kept[name] = str(value)
    for name, value in row.items():
        if name.startswith(USAGE) and value is not None and not 0 <= value <= UNITS_MAX:
            raise BooksError(f"entry {row['sequence']}: {name} is {value}: the archive has room for 64 bits")
    return kept


def _keep(growing: Path, path: Path) -> None:
    """The file under its name, and both on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    growing.chmod(0o600)
    with growing.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(growing, path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
