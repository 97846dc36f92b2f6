"""Whatever is archived already, a replay meets every entry once; and when the office archives by itself."""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest
from books import NOON, StoppedClock, Worker, held, post_all, settled

from fenli.office.archive import archive_entries
from fenli.office.archive_check import check_archive
from fenli.office.archivist import Archivist
from fenli.office.corrections import post_correction
from fenli.office.office import OfficeOptions, run_office
from fenli.office.settings import Settings
from fenli.office.traffic import corrected_costs, traffic_of
from fenli.planner.archive import read_manifest
from fenli.planner.parquet import engine
from fenli.planner.replay import Replayer
from fenli.planner.report import Replay
from fenli.planner.scenario import Scenario
from fenli.planner.selection import Selection
from fenli.prices import PriceBook
from fenli.values import Money

DAY = 86_400 * 10**9
USAGE = {"input": 1000, "output": 10}


def post(posting, worker: Worker, numbers: range) -> None:
    """Calls of a model that costs 2 and 3 CNY for a million tokens: 0.00203 each, and 0.01 was paid."""
    for number in numbers:
        worker.write(held(number, vendor="deepseek", model="deepseek-chat"), settled(number, usage=USAGE))
    post_all(posting)


def replayed(database, data: Path) -> Replay:
    selection = Selection()
    with engine(data / "spill", threads=1) as connection:
        replayer = Replayer(
            connection, Scenario(PriceBook.load()), selection, zone=UTC, corrections=corrected_costs(database)
        )
        return replayer.run(traffic_of(database, data, selection, data / "scratch"))


def test_what_is_archived_and_what_is_not_yet_come_to_one_sum(database, data, posting):
    worker = Worker(data)
    post(posting, worker, range(1, 11))
    alone = replayed(database, data)
    [sums] = alone.totals().values()
    assert (sums.attempts, sums.paid) == (10, 10 * 10**10)
    archive_entries(database, data)
    assert replayed(database, data) == alone
    post(posting, worker, range(11, 14))
    [more] = replayed(database, data).totals().values()
    assert (more.attempts, more.paid) == (13, 13 * 10**10)
    archive_entries(database, data)
    assert [more] == list(replayed(database, data).totals().values())
    assert more.picos * 10 == sums.picos * 13


def test_a_cost_that_was_corrected_after_it_was_archived_counts_as_corrected(database, data, posting):
    post(posting, Worker(data), range(1, 3))
    archive_entries(database, data)
    call = "call_00000000000run100000001"
    with database.write() as connection:
        post_correction(
            connection, call, 1, Money("CNY", 7), why="the bill says so", reference="bill 1", now=NOON + DAY
        )
    [sums] = replayed(database, data).totals().values()
    assert sums.paid == 10**10 + 7


def test_a_sound_archive_is_sound_and_a_changed_one_is_found(database, data, posting, tmp_path):
    worker = Worker(data)
    assert check_archive(database, data, tmp_path / "a").findings == []
    post(posting, worker, range(1, 11))
    archive_entries(database, data)
    found = check_archive(database, data, tmp_path / "b")
    assert (found.entries, found.parts, found.findings) == (10, 1, [])
    [part] = read_manifest(data / "archive").parts
    path = data / "archive" / part.path
    with engine(tmp_path / "spill", threads=1) as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (CASE WHEN sequence = 4 THEN 1 ELSE picos END::DECIMAL(38,0) AS picos) "
            f"FROM read_parquet('{path}', hive_partitioning = false)) TO '{tmp_path / 'x.parquet'}' (FORMAT parquet)"
        )
    sound = path.read_bytes()
    path.write_bytes((tmp_path / "x.parquet").read_bytes())
    [finding] = check_archive(database, data, tmp_path / "c").findings
    assert (finding.kind, finding.what.split(": ")[-1]) == ("archive_differs", "4")
    path.write_bytes(sound[: len(sound) // 2])
    assert [one.kind for one in check_archive(database, data, tmp_path / "d").findings] == ["part_damaged"]
    path.unlink()
    assert [one.kind for one in check_archive(database, data, tmp_path / "e").findings] == ["part_missing"]


@pytest.mark.parametrize(("later", "due"), [(0, False), (DAY // 2 - 10**9, False), (DAY // 2 + 10**9, True)])
def test_a_day_is_archived_when_it_is_over(database, data, posting, later, due):
    """The calls ended a little after noon."""
    assert not Archivist(database, data, StoppedClock(NOON + 10 * DAY)).due()
    post(posting, Worker(data), range(1, 3))
    archivist = Archivist(database, data, StoppedClock(NOON + later))
    assert archivist.due() is due
    archive_entries(database, data)
    assert not archivist.due()


def test_many_entries_do_not_wait_for_their_day(database, data, posting, monkeypatch):
    monkeypatch.setattr("fenli.office.archivist.WAITING_MAX", 3)
    worker, archivist = Worker(data), Archivist(database, data, StoppedClock(NOON))
    post(posting, worker, range(1, 3))
    assert not archivist.due()
    post(posting, worker, range(3, 4))
    assert archivist.due()


def test_the_office_archives_in_a_process_of_its_own(database, data, posting):
    post(posting, Worker(data), range(1, 6))

    async def open_and_close() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Archivist(database, data, StoppedClock(NOON + 2 * DAY)).run(stop))
        for _ in range(1200):
            await asyncio.sleep(0.05)
            if read_manifest(data / "archive").through == 5:
                break
        stop.set()
        await asyncio.wait_for(running, 10)

    asyncio.run(open_and_close())
    assert check_archive(database, data, data / "scratch").findings == []
    assert read_manifest(data / "archive").entries == 5


def test_an_open_office_archives_what_was_left(database, data, posting):
    """A whole office, which has no reason to load the engine that the archive is written with."""
    post(posting, Worker(data), range(1, 6))
    options = OfficeOptions(
        data=data, load_settings=Settings, environ={}, admin_port=0, clock=StoppedClock(NOON + 2 * DAY)
    )
    office = multiprocessing.get_context("spawn").Process(target=run_office, args=(options,))
    office.start()
    try:
        began = time.monotonic()
        while read_manifest(data / "archive").through < 5:
            assert time.monotonic() - began < 30
            assert office.is_alive()
            time.sleep(0.05)
    finally:
        office.terminate()
        office.join(10)
    assert office.exitcode == 0
    code = "import sys, fenli.office.office; print('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_an_office_that_closes_does_not_wait_for_its_archive(database, data, posting):
    post(posting, Worker(data), range(1, 6))

    async def close_at_once() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Archivist(database, data, StoppedClock(NOON + 2 * DAY)).run(stop))
        await asyncio.sleep(0.1)
        stop.set()
        await asyncio.wait_for(running, 5)

    asyncio.run(close_at_once())
    assert archive_entries(database, data) in (0, 5)
    assert check_archive(database, data, data / "scratch").findings == []
