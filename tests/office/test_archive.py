"""Entries go on into Parquet exactly once, whoever is killed when."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from books import NOON, Worker, held, post_all, released, settled
from sqlalchemy import select

from fenli.errors import BooksError
from fenli.office import archive as archiving
from fenli.office.archive import archive_entries
from fenli.office.posting import Posting
from fenli.office.rows import entry_of
from fenli.office.tables import SCHEMA, entries
from fenli.planner.archive import COLUMNS, USAGE, read_manifest
from fenli.planner.parquet import engine, parts_as_table
from fenli.store import Database

DAY = 86_400 * 10**9


def post(posting: Posting, worker: Worker, numbers: range, days: int = 3) -> None:
    """One call each, spread over so many days; every seventh was released, every eleventh is unknown."""
    records: list[Any] = []
    for number in numbers:
        at = NOON + number % days * DAY + number
        records.append(held(number, at=at))
        if number % 7 == 0:
            records.append(released(number, final=True))
        elif number % 11 == 0:
            records.append(
                settled(number, at=at + 5, grade="unknown", usage=None, currency=None, picos=None, offer=None)
            )
        else:
            used = {"input": 1000 + number, "cached_input": 7, "searches": number}
            facts = {"thinking": True} if number % 2 else None
            records.append(settled(number, at=at + 5, usage=used, picos=10**17 + number, rated_at=at, facts=facts))
    worker.write(*records)
    post_all(posting)


def archived(data: Path) -> list[dict[str, Any]]:
    """Every row of the archive, by entry number."""
    folder = data / "archive"
    files = [folder / part.path for part in read_manifest(folder).parts]
    assert sorted(folder.glob("day=*/*.parquet")) == sorted(files), "a file that no manifest names"
    with engine(data / "spill", threads=1) as connection:
        found = connection.execute(f"SELECT * FROM {parts_as_table(connection, files)} ORDER BY sequence").fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def stored(database: Database) -> list[tuple[int, Any]]:
    with database.read() as connection:
        rows = connection.execute(select(entries).order_by(entries.c.sequence)).mappings().all()
    return [(row["sequence"], entry_of(dict(row))) for row in rows]


def test_an_archived_entry_has_all_that_rating_needs_and_no_word_of_the_vendor(database, data, posting):
    post(posting, Worker(data), range(1, 60))
    assert archive_entries(database, data) == 59
    rows, kept = archived(data), stored(database)
    assert len(rows) == len(kept) == 59
    for row, (sequence, entry) in zip(rows, kept, strict=True):
        usage = {
            name.removeprefix(USAGE): units
            for name, units in row.items()
            if name.startswith(USAGE) and units is not None
        }
        assert row["sequence"] == sequence
        assert (row["metered"], usage) == (entry.usage is not None, entry.usage or {})
        assert (row["route"], row["grade"], row["final"]) == (entry.asked, str(entry.grade), entry.final)
        assert row["facts"] == ('{"thinking":true}' if entry.facts else None)
        same = ("call", "attempt", "opened_at", "closed_at", "rated_at", "key", "vendor", "model", "currency", "offer")
        assert [row[name] for name in same] == [getattr(entry, name) for name in same]
        for name in ("picos", "held_picos", "charge_picos"):
            assert (row[name] if row[name] is None else int(row[name])) == getattr(entry, name)
    assert "raw_usage" not in COLUMNS
    assert {part.day for part in read_manifest(data / "archive").parts} == {"2026-11-23", "2026-11-24", "2026-11-25"}


def test_what_is_archived_is_not_archived_again_and_late_entries_of_a_day_are(database, data, posting):
    worker = Worker(data)
    post(posting, worker, range(1, 20))
    assert archive_entries(database, data) == 19
    assert archive_entries(database, data) == 0
    before = {path: path.read_bytes() for path in (data / "archive").glob("day=*/*")}
    post(posting, worker, range(20, 31))
    assert archive_entries(database, data) == 11
    assert [row["sequence"] for row in archived(data)] == list(range(1, 31))
    assert all(path.read_bytes() == content for path, content in before.items())
    days = Counter(part.day for part in read_manifest(data / "archive").parts)
    assert set(days.values()) == {2}


def test_nobody_else_can_read_it(database, data, posting):
    post(posting, Worker(data), range(1, 5))
    archive_entries(database, data)
    folder = data / "archive"
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.glob("day=*"))] == ["0o700"] * 4
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}


def test_an_archive_of_other_books_is_refused(database, data, posting):
    worker = Worker(data)
    post(posting, worker, range(1, 5))
    folder = data / "archive"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"through":99,"parts":[],"format":1}')
    with pytest.raises(BooksError, match="other books"):
        archive_entries(database, data)
    (folder / "manifest.json").write_text('{"through":1,"parts":[],"format":2}')
    with pytest.raises(BooksError, match="newer fenli"):
        archive_entries(database, data)
    (folder / "manifest.json").write_text('{"through":')
    with pytest.raises(BooksError, match="damaged"):
        archive_entries(database, data)


def test_two_at_once_are_one(database, data, posting, monkeypatch):
    post(posting, Worker(data), range(1, 5))
    seen: list[str] = []

    def meanwhile(*_: int) -> None:
        with pytest.raises(BooksError, match="another process"):
            archive_entries(database, data)
        seen.append("refused")

    archive_entries(database, data, meanwhile)
    assert seen == ["refused"]


def test_a_killed_process_leaves_nothing_twice_and_nothing_out(database, data, posting):
    """Kills it at moments all over its work, from its first file to its last manifest, until it gets to the end."""
    post(posting, Worker(data), range(1, 1201), days=5)
    killed, wait = 0, 0.02
    while True:
        child = multiprocessing.get_context("fork").Process(target=archive_slowly, args=(data,))
        child.start()
        child.join(wait)
        if child.exitcode is None:
            os.kill(child.pid, signal.SIGKILL)
            killed += 1
        child.join()
        wait *= 1.3
        if child.exitcode == 0:
            break
    assert killed > 5
    assert [row["sequence"] for row in archived(data)] == list(range(1, 1201))
    assert not (data / "archive" / ".writing").exists() or not any((data / "archive" / ".writing").iterdir())


def archive_slowly(data: Path) -> None:
    """In a process of its own, in batches small enough for a kill to fall between them."""
    archiving.BATCH = 40
    with Database(data / "fenli.db", SCHEMA) as database:
        archive_entries(database, data, lambda *_: time.sleep(0.005))
