from __future__ import annotations

import os
from pathlib import Path

from books import NOON, Worker, held, post_all, settled

from fenli.office.posting import Posting
from fenli.office.retention import DAY, remove_old_journals
from fenli.office.verify import verify
from fenli.prices import PriceBook
from fenli.store import Database

LATER = NOON + 31 * DAY


def test_closed_runs_are_removed_when_their_time_is_up(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1, picos=None, offer=None))
    worker.die()
    post_all(posting)
    assert remove_old_journals(database, data / "journal", 30, NOON + DAY) == 0
    assert remove_old_journals(database, data / "journal", 30, LATER) == 1
    assert not worker.directory.exists()
    found = verify(database, data / "journal", PriceBook([], [], {}))
    assert (found.runs_past, found.runs_replayed, found.findings) == (1, 0, ())


def test_a_live_run_loses_its_finished_segments_only(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1))
    first = worker.path
    worker.rotate()
    worker.write(held(2))
    for path in (first, worker.path):
        os.utime(path, ns=(NOON, NOON))
    assert remove_old_journals(database, data / "journal", 30, LATER) == 0  # nothing of it is posted
    post_all(posting)
    assert remove_old_journals(database, data / "journal", 30, LATER) == 1
    assert (first.exists(), worker.path.exists()) == (False, True)
    worker.write(settled(2))
    post_all(posting)
    assert verify(database, data / "journal", PriceBook([], [], {})).runs_past == 1


def test_damaged_runs_stay_until_a_person_decides(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(settled(1))
    worker.die()
    post_all(posting)
    assert remove_old_journals(database, data / "journal", 30, LATER) == 0
    assert worker.path.exists()
