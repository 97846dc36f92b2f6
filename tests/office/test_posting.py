"""Stories of posting: what the journals say is in the books once, whoever dies and whatever tears."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from books import CENT, StoppedClock, Worker, attempted, books, held, post_all, released, settled, total
from sqlalchemy import delete, event, update

from fenli.ledger.entries import LOST
from fenli.ledger.journal import encode_frame
from fenli.ledger.records import Grade
from fenli.office.posting import Posting
from fenli.office.reports import list_entries
from fenli.office.state import books_state
from fenli.office.tables import (
    SCHEMA,
    accounts,
    chain_end,
    entries,
    journals,
    open_holds,
    transfers,
    transfers_end,
    usage_rollups,
)
from fenli.store import Database


def test_a_call_becomes_one_entry(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1))
    assert posting.step() == 2
    assert posting.step() == 0
    (row,) = list_entries(database)
    assert row.sequence == 1
    assert (row.entry.call, row.entry.picos, row.entry.held_picos) == ("call_00000000000run100000001", CENT, 5 * CENT)
    assert row.entry.usage == {"input": 1000, "output": 10}
    assert row.entry.raw_usage == b'{"prompt_tokens":1000,"completion_tokens":10}'
    assert books(database)["runs"] == {worker.run: ("live", 2, 1)}


def test_a_call_within_one_batch_never_touches_the_open_holds(data: Path, database: Database, posting: Posting) -> None:
    statements: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    Worker(data).write(held(1), settled(1))
    posting.step()
    assert not [statement for statement in statements if "open_holds" in statement and "SELECT" not in statement]


def test_a_hold_waits_over_batches_restarts_and_segments(data: Path, database: Database) -> None:
    worker = Worker(data)
    worker.write(held(1), held(2))
    _post_afresh(database, data)
    assert books(database)["holds"] == [(worker.run, 1, 1), (worker.run, 2, 1)]
    worker.rotate()
    worker.write(released(1))
    _post_afresh(database, data)
    worker.rotate()
    worker.write(attempted(1), settled(2))
    _post_afresh(database, data)
    worker.write(settled(1, 2))
    _post_afresh(database, data)
    found = [(entry.call[-1], entry.attempt, entry.final, entry.vendor) for entry in books(database)["entries"]]
    assert found == [("1", 1, False, "deepseek"), ("2", 1, True, "deepseek"), ("1", 2, True, "moonshot")]
    assert books(database)["holds"] == []


def test_a_dead_workers_holds_become_unknown_at_the_held_amount(
    data: Path, database: Database, posting: Posting
) -> None:
    worker = Worker(data)
    worker.write(held(1), held(2), settled(2), held(3, picos=None, currency=None))
    post_all(posting)
    worker.die()
    post_all(posting)
    state = books(database)
    lost = [entry for entry in state["entries"] if entry.outcome == LOST]
    assert [(entry.call[-1], entry.grade, entry.picos, entry.held_picos) for entry in lost] == [
        ("1", Grade.UNKNOWN, None, 5 * CENT),
        ("3", Grade.UNKNOWN, None, None),
    ]
    assert (state["holds"], state["runs"]) == ([], {worker.run: ("closed", 4, 3)})
    whole = total(state["sums"])
    assert (whole.picos, whole.unknown, whole.unknown_held, whole.unknown_unheld) == (CENT, 2, 5 * CENT, 1)


def test_a_worker_that_died_between_two_attempts_owes_nothing_more(data: Path, database: Database) -> None:
    worker = Worker(data)
    worker.write(held(1), released(1))
    _post_afresh(database, data)
    worker.die()
    _post_afresh(database, data)
    first, last = books(database)["entries"]
    assert (first.final, last.final, last.attempt) == (False, True, 2)
    assert (last.outcome, last.grade, last.picos, last.held_picos) == (LOST, Grade.NONE, None, None)


def test_a_tail_torn_at_any_byte_gives_the_same_books(data: Path, database: Database) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2))
    whole = worker.path.stat().st_size
    worker.write(released(2, final=True), held(3, request_id=None))
    worker.die()
    content = worker.path.read_bytes()
    expected: Any = None
    for end in range(whole, len(content)):
        _wipe(database)
        worker.path.write_bytes(content[:end])
        _post_afresh(database, data)
        found = books(database)
        expected = expected or found
        assert found == expected
    assert [entry.outcome for entry in expected["entries"]] == ["ok", LOST]


def test_zeros_behind_the_last_frame_are_a_torn_tail(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1))
    with worker.path.open("ab") as file:
        file.write(bytes(5000))
    worker.die()
    post_all(posting)
    assert books(database)["runs"] == {worker.run: ("closed", 2, 1)}
    assert books_state(database).findings == []


@pytest.mark.parametrize("damage", ["content", "length"])
def test_damage_in_the_middle_stops_one_run_and_no_other(
    data: Path, database: Database, posting: Posting, damage: str
) -> None:
    worker, other = Worker(data), Worker(data, "00000000000run2")
    worker.write(held(1), settled(1), held(2))
    at = worker.path.stat().st_size
    worker.write(settled(2))
    worker.write(held(3), settled(3))
    content = bytearray(worker.path.read_bytes())
    if damage == "content":
        content[at + 20] ^= 1
    else:
        content[at + 2] ^= 1  # 65,536 bytes longer than what there is
    worker.path.write_bytes(content)
    worker.die()
    other.write(held(1), settled(1))
    post_all(posting)
    state = books(database)
    assert [entry.outcome for entry in state["entries"] if worker.run in entry.call] == ["ok", LOST]
    assert state["runs"][worker.run][0] == "damaged"
    assert state["runs"][other.run] == ("live", 2, 1)
    (finding,) = books_state(database).findings
    assert finding.place == f"{worker.run}/00000001.log, byte {at}"
    assert str(worker.path) in finding.what


def test_a_live_worker_may_cut_off_a_write_that_failed(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1))
    good = worker.path.stat().st_size
    with worker.path.open("ab") as file:
        file.write(encode_frame([settled(1)])[:-4] + b"xx")  # the disk was full
    posting.step()
    os.truncate(worker.path, good)
    worker.write(settled(1), held(2))
    post_all(posting)
    assert books(database)["runs"] == {worker.run: ("live", 3, 1)}


def test_bytes_that_only_looked_damaged_are_read_again(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1))
    good = worker.path.stat().st_size
    with worker.path.open("ab") as file:
        file.write(b"\x05\0\0\0garbage and more of it")
    for _ in range(3):
        posting.step()
    os.truncate(worker.path, good)
    worker.write(settled(1))
    post_all(posting)
    assert books(database)["runs"] == {worker.run: ("live", 2, 1)}


def test_a_live_run_that_stays_damaged_is_given_up(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1))
    with worker.path.open("ab") as file:
        file.write(b"\x05\0\0\0garbage and more of it")
    post_all(posting)
    assert books(database)["runs"] == {worker.run: ("damaged", 1, 1)}
    assert len(books_state(database).findings) == 1


@pytest.mark.parametrize(
    ("records", "posted"),
    [
        ([held(1), settled(1), settled(1)], 1),
        ([held(1), held(1)], 1),
        ([held(1), released(1), attempted(1, 1)], 2),
        ([held(1), settled(1), held(1), settled(1)], 0),
    ],
    ids=["ended twice", "opened twice", "attempt opened twice", "number used twice"],
)
def test_records_that_no_worker_writes_stop_one_run(
    data: Path, database: Database, posting: Posting, records: list[Any], posted: int
) -> None:
    worker, other = Worker(data), Worker(data, "00000000000run2")
    worker.write(*records)
    other.write(held(1), settled(1))
    post_all(posting)
    state = books(database)
    assert len([entry for entry in state["entries"] if worker.run in entry.call]) == posted
    assert state["runs"][worker.run][0] == "damaged"
    assert state["runs"][other.run] == ("live", 2, 1)


def test_a_missing_segment_is_found(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1))
    worker.segment += 1
    worker.rotate()
    worker.die()
    post_all(posting)
    (finding,) = books_state(database).findings
    assert "segment 2 is missing" in finding.what


def test_a_run_that_has_not_begun_is_left_alone(data: Path, database: Database, posting: Posting) -> None:
    (data / "journal" / "00000000000run9").mkdir(parents=True)
    assert posting.step() == 0
    assert books(database)["runs"] == {}


def test_sums_grow_beyond_64_bits(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    for number in range(1, 6):
        worker.write(held(number), settled(number, picos=2**64 - 1, usage={"input": 2**63, "output": 1}))
    post_all(posting)
    whole = total(books(database)["sums"])
    assert whole.picos == 5 * (2**64 - 1)
    assert whole.usage == {"input": 5 * 2**63, "output": 5}
    assert list_entries(database)[0].entry.picos == 2**64 - 1


def test_a_process_that_dies_at_any_statement_loses_and_doubles_nothing(data: Path, empty_books: Path) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2), held(3), released(3))
    worker.rotate()
    worker.write(attempted(3), settled(2), held(4))
    worker.die()
    expected = _posted_from_scratch(data, empty_books)
    assert len(expected["entries"]) == 5
    died = 0
    for count in range(1, 1000):
        _fresh(data, empty_books)
        if _dies_at(data, count):
            died += 1
            assert _posted(data) == expected
        else:
            break
    assert died > 8


def test_a_statement_that_fails_is_tried_again(data: Path, empty_books: Path) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2))
    worker.die()
    expected = _posted_from_scratch(data, empty_books)
    failing = 0
    for count in range(1, 1000):
        _fresh(data, empty_books)
        with Database(data / "fenli.db", SCHEMA) as database:
            posting = Posting(database, data / "journal", StoppedClock())
            _at_statement(database, count, _fail, commits=False)
            posting.step()
            if posting.trouble is None:
                break
            failing += 1
            assert "disk I/O error" in posting.trouble
            post_all(posting)
            assert posting.trouble is None
            assert books(database) == expected
    assert failing > 3


def test_the_chain_does_not_hang_on_how_batches_fell(data: Path, empty_books: Path) -> None:
    worker = Worker(data)
    records = [held(1), held(2), settled(2), settled(1), held(3), settled(3)]
    worker.write(*records)
    worker.die()
    at_once = _posted_from_scratch(data, empty_books)
    shutil.rmtree(data / "journal")
    _fresh(data, empty_books)
    slow = Worker(data)
    with Database(data / "fenli.db", SCHEMA) as database:
        for record in records:
            slow.write(record)
            _post_afresh(database, data)
        slow.die()
        _post_afresh(database, data)
        assert books(database) == at_once


def _post_afresh(database: Database, data: Path) -> None:
    """As another process would: nothing in memory."""
    posting = Posting(database, data / "journal", StoppedClock())
    post_all(posting)
    posting.close()


def _wipe(database: Database) -> None:
    with database.write() as connection:
        for table in (open_holds, journals, entries, usage_rollups, transfers, accounts):
            connection.execute(delete(table))
        connection.execute(update(chain_end).values(sequence=0, chain=bytes(32)))
        connection.execute(update(transfers_end).values(transfer=0, chain=bytes(32)))


def _fresh(data: Path, empty_books: Path) -> None:
    for path in data.glob("fenli.db*"):
        path.unlink()
    shutil.copy(empty_books, data / "fenli.db")


def _posted_from_scratch(data: Path, empty_books: Path) -> dict[str, Any]:
    _fresh(data, empty_books)
    return _posted(data)


def _posted(data: Path) -> dict[str, Any]:
    with Database(data / "fenli.db", SCHEMA) as database:
        _post_afresh(database, data)
        return books(database)


def _at_statement(database: Database, count: int, action: Callable[[], None], *, commits: bool = True) -> None:
    seen = [0]

    def before(*args: Any) -> None:
        if len(args) > 1 and args[2].startswith(("SELECT", "BEGIN")):
            return  # dying while reading is dying before
        seen[0] += 1
        if seen[0] == count:
            action()

    event.listen(database._engine, "before_cursor_execute", before)
    if commits:
        event.listen(database._engine, "commit", before)


def _fail() -> None:
    raise sqlite3.OperationalError("disk I/O error")


def _dies_at(data: Path, count: int) -> bool:
    """Posts in a process that is gone at its ``count``-th statement or commit; False when there are fewer."""
    child = os.fork()
    if child == 0:
        database = Database(data / "fenli.db", SCHEMA)
        _at_statement(database, count, lambda: os._exit(9))
        posting = Posting(database, data / "journal", StoppedClock())
        post_all(posting)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
