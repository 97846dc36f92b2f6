"""Parts of the archive: written as given, read as written, refused when they are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from priced_calls import DAY, NOON, archived, row

from fenli.errors import BooksError
from fenli.planner.archive import COLUMNS, Manifest, Part, read_manifest, write_manifest
from fenli.planner.parquet import engine, parts_as_table, write_parts
from fenli.planner.selection import Selection
from fenli.planner.traffic import ArchivedTraffic


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with engine(tmp_path / "spill", threads=1) as opened:
        yield opened


def rows_of(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[dict[str, Any]]:
    table = parts_as_table(connection, [folder / part.path for part in read_manifest(folder).parts])
    found = connection.execute(f"SELECT * FROM {table} ORDER BY sequence").fetchall()
    return [dict(zip(COLUMNS, each, strict=True)) for each in found]


def test_the_largest_numbers_and_the_strangest_names_come_back_as_they_were(connection, tmp_path):
    strange = 'a "quoted"\n\t\x00 \\ \' name, 厘 \U0001f600'
    largest = row(1, {"input": 2**64 - 1}, picos=10**38 - 1, held_picos=-(10**38 - 1), model=strange, key=strange)
    [found] = rows_of(connection, archived(tmp_path / "a", [largest]))
    assert (found["usage_input"], found["model"], found["key"]) == (2**64 - 1, strange, strange)
    assert (int(found["picos"]), int(found["held_picos"])) == (10**38 - 1, -(10**38 - 1))
    assert found["usage_output"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"picos": 10**38}, "entry 1: picos"), ({"usage_output": 2**64}, "64 bits"), ({"usage_output": -1}, "64 bits")],
)
def test_a_number_without_room_is_refused_whole(connection, tmp_path, changed, words):
    with pytest.raises(BooksError, match=words):
        write_parts(connection, tmp_path, [row(1, {"input": 1}) | changed], 1, 1)
    assert not list(tmp_path.glob("day=*"))
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_day_is_one_of_utc_and_a_part_says_what_is_in_it(connection, tmp_path):
    midnight = NOON - NOON % DAY
    rows = [
        row(1, {"input": 1}, midnight - 1, took=5),
        row(2, {"output": 1}, midnight),
        row(3, None, midnight + DAY - 1),
    ]
    parts = write_parts(connection, tmp_path, rows, 1, 3)
    assert [(part.day, part.entries, part.meters) for part in parts] == [
        ("2026-11-19", 1, ("input",)),
        ("2026-11-20", 2, ("output",)),
    ]
    assert (parts[0].earliest, parts[0].latest) == (midnight - 1, midnight + 4)


def test_a_meter_that_nobody_knew_when_a_part_was_written_is_null(connection, tmp_path):
    folder = archived(tmp_path / "a", [row(1, {"input": 1})])
    [part] = read_manifest(folder).parts
    fewer = ", ".join(f'"{name}"' for name in COLUMNS if name != "usage_searches")
    old = tmp_path / "old.parquet"
    connection.execute(f"COPY (SELECT {fewer} FROM '{folder / part.path}') TO '{old}' (FORMAT parquet)")
    table = parts_as_table(connection, [old, folder / part.path])
    assert connection.execute(f"SELECT usage_input, usage_searches FROM {table}").fetchall() == [(1, None)] * 2
    alone = parts_as_table(connection, [old])
    assert connection.execute(f"SELECT usage_searches FROM {alone}").fetchall() == [(None,)]


def test_a_part_of_a_newer_fenli_is_not_half_understood(connection, tmp_path):
    newer = tmp_path / "newer.parquet"
    connection.execute(f"COPY (SELECT 1::BIGINT AS sequence, 5::UBIGINT AS usage_dreams) TO '{newer}' (FORMAT parquet)")
    with pytest.raises(BooksError, match=r"usage_dreams.*upgrade fenli"):
        parts_as_table(connection, [newer])


def test_a_part_that_is_gone_or_damaged_is_said(connection, tmp_path):
    folder = archived(tmp_path / "a", [row(1, {"input": 1})])
    [part] = read_manifest(folder).parts
    (folder / part.path).write_bytes(b"PAR1 and then nothing of the kind PAR1")
    for _ in range(2):
        with pytest.raises(BooksError, match="`fenli archive check`"):
            parts_as_table(connection, [folder / part.path])
        (folder / part.path).unlink(missing_ok=True)


def test_parts_that_cannot_have_what_is_asked_for_are_not_opened(connection, tmp_path):
    days = [row(number, {"input": 1}, NOON + number * DAY) for number in range(1, 5)]
    folder = archived(tmp_path / "a", days)
    manifest = read_manifest(folder)
    traffic = ArchivedTraffic(folder, manifest, Selection(since=NOON + 2 * DAY, until=NOON + 3 * DAY))
    assert traffic.entries == 1
    assert sum(batch.entries for batch in traffic.batches(connection)) == 1


def test_the_manifest_is_replaced_in_one_step(tmp_path):
    assert read_manifest(tmp_path) == Manifest()
    part = Part("day=2026-11-20/part-1-2.parquet", "2026-11-20", 1, 2, 2, NOON, NOON, ("input",))
    write_manifest(tmp_path, Manifest().with_parts([part], 2))
    assert read_manifest(tmp_path) == Manifest(2, (part,))
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
