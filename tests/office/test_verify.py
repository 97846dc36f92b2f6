"""Verification finds whatever was done to the books behind the office's back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from books import Worker, held, post_all, settled
from sqlalchemy import text

from fenli.office.posting import Posting
from fenli.office.verify import Verification, verify
from fenli.prices import PriceBook
from fenli.store import Database
from fenli.values import parse_instant

RATED_AT = parse_instant("2025-02-15T00:00:00Z")  # a price of the past stays what it was


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture
def worker(data: Path, posting: Posting, book: PriceBook) -> Worker:
    """Ten calls at the true price, one of them lost, one still open in a run that lives."""
    tariff = book.tariff("deepseek", "deepseek-chat", "CNY")
    assert tariff is not None
    usage = {"input": 1000, "cached_input": 24, "output": 300}
    rating = tariff.rate(usage, RATED_AT)
    cost = {"usage": usage, "picos": rating.picos, "offer": rating.offer, "rated_at": RATED_AT}
    worker, alive = Worker(data), Worker(data, "00000000000run2")
    for number in range(1, 11):
        end = settled(number, **cost)
        worker.write(held(number), *([end] if number != 7 else []))
    worker.die()
    alive.write(held(1), settled(1, **cost), held(2))
    post_all(posting)
    return worker


@pytest.fixture
def check(worker: Worker, database: Database, data: Path, book: PriceBook) -> Any:
    def run(*statements: str) -> list[str]:
        with database.write() as connection:
            for statement in statements:
                connection.execute(text(statement))
        return [finding.kind for finding in _verified(database, data, book).findings]

    return run


def test_books_that_nobody_touched_are_sound(worker: Worker, database: Database, data: Path, book: PriceBook) -> None:
    seen: list[str] = []
    found = verify(database, data / "journal", book, lambda what, *_: seen.append(what))
    counts = {"entries": 11, "rated": 10, "transfers": 3, "runs_replayed": 2, "runs_past": 0}
    assert found == Verification(**counts, found=0, findings=())
    assert found.sound
    assert "journals" in seen


def test_an_edited_row(check: Any) -> None:
    assert check("UPDATE entries SET key = 'key_b' WHERE sequence = 3") == [
        "entry_changed",
        "rollup_wrong",
        "rollup_wrong",
        "entry_differs",
    ]


def test_a_changed_amount(check: Any) -> None:
    assert check("UPDATE entries SET picos = picos - 1 WHERE sequence = 3") == [
        "entry_changed",
        "cost_wrong",
        "transfer_wrong",
        "account_wrong",
        "rollup_wrong",
        "entry_differs",
    ]


def test_an_amount_changed_in_the_sums_as_well(check: Any) -> None:
    found = check(
        "UPDATE entries SET picos = picos + 1 WHERE sequence = 3",
        "UPDATE usage_rollups SET picos = picos + 1 WHERE grade = 'measured'",
    )
    assert found == ["entry_changed", "cost_wrong", "transfer_wrong", "account_wrong", "entry_differs"]


def test_a_row_that_cannot_be_read(check: Any) -> None:
    assert "entry_changed" in check("UPDATE entries SET grade = 'free' WHERE sequence = 3")
    assert "entry_changed" in check("UPDATE entries SET usage = '{' WHERE sequence = 4")


@pytest.mark.parametrize("sequence", [3, 11])
def test_a_deleted_row(check: Any, sequence: int) -> None:
    found = check(f"DELETE FROM entries WHERE sequence = {sequence}")
    assert found[0] == "entries_missing"
    assert {"rollup_wrong", "entry_missing", "entries_not_in_journal"} <= set(found)


def test_rows_that_changed_places(check: Any) -> None:
    found = check(
        "UPDATE entries SET sequence = 99 WHERE sequence = 3",
        "UPDATE entries SET sequence = 3 WHERE sequence = 4",
        "UPDATE entries SET sequence = 4 WHERE sequence = 99",
    )
    assert found.count("entry_changed") >= 2


def test_an_entry_that_no_journal_gave(check: Any) -> None:
    found = check(
        "CREATE TEMP TABLE forged AS SELECT * FROM entries WHERE sequence = 3",
        "UPDATE forged SET sequence = 12, call = 'call_00000000000run900000001'",
        "INSERT INTO entries SELECT * FROM forged",
    )
    assert {"entry_changed", "entries_missing", "entries_without_journal"} <= set(found)


def test_a_changed_sum(check: Any) -> None:
    assert check("UPDATE usage_rollups SET picos = picos + 1 WHERE grade = 'measured'") == ["rollup_wrong"]
    assert check("DELETE FROM usage_rollups") == ["rollup_wrong", "rollup_wrong"]


def test_a_call_that_ended_twice_or_never(check: Any) -> None:
    assert "call_not_ended_once" in check("UPDATE entries SET final = 0 WHERE sequence = 3")


def test_a_hold_that_outlived_its_run(check: Any) -> None:
    assert check("UPDATE open_holds SET run = '00000000000run1'") == ["hold_outlived"]


def test_a_price_that_is_gone(worker: Worker, database: Database, data: Path) -> None:
    found = verify(database, data / "journal", PriceBook([], [], {})).findings
    assert {finding.kind for finding in found} == {"cost_wrong"}
    assert "is in no price file" in found[0].what


def test_a_journal_that_changed_or_went_away(worker: Worker, database: Database, data: Path, book: PriceBook) -> None:
    content = worker.path.read_bytes()
    worker.path.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    (finding,) = _verified(database, data, book).findings
    assert finding.kind == "journal_changed"
    shutil.rmtree(worker.directory)
    (finding,) = _verified(database, data, book).findings
    assert finding.kind == "journal_missing"


def test_what_the_office_found_is_said_again(data: Path, database: Database, posting: Posting, book: PriceBook) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), settled(1))
    post_all(posting)
    kinds = [finding.kind for finding in _verified(database, data, book).findings]
    assert kinds == ["journal_damaged", "cost_wrong"]


def _verified(database: Database, data: Path, book: PriceBook) -> Verification:
    return verify(database, data / "journal", book)
