"""Books that were begun by an older fenli: sums and accounts are made of the entries that are there."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from books import CENT, StoppedClock, Worker, books, held, post_all, released, settled, total
from sqlalchemy import delete, update
from trade import balances

from fenli.office.opening import open_accounts
from fenli.office.posting import Posting
from fenli.office.tables import MIGRATIONS, SCHEMA, accounts, transfers, transfers_end
from fenli.office.verify import verify
from fenli.prices import PriceBook
from fenli.store import Database
from fenli.store.migrations import migrate

COLUMNS = """
    sequence, call, attempt, opened_at, closed_at, final, "key", asked, vendor, model, answered_model, stream, retry,
    request_id, outcome, status, grade, usage, raw_usage, currency, picos, held_picos, offer, rated_at, first_content,
    upstream_id, note, chain
"""


def test_entries_from_before_there_were_accounts_are_posted_once(
    data: Path, database: Database, posting: Posting
) -> None:
    worker = Worker(data)
    worker.write(*[record for n in range(1, 3001) for record in (held(n), settled(n))])
    worker.write(held(3001), released(3001, final=True), held(3002))
    worker.die()
    post_all(posting)
    before = balances(database)
    assert before["cost deepseek CNY"] == 3000 * CENT
    with database.write() as connection:
        connection.execute(delete(transfers))
        connection.execute(delete(accounts))
        connection.execute(update(transfers_end).values(transfer=0, chain=bytes(32)))
    assert open_accounts(database, 1) == 3002
    assert open_accounts(database, 2) == 0
    assert balances(database) == before
    found = verify(database, data / "journal", PriceBook.load()).findings
    assert {finding.kind for finding in found} <= {"cost_wrong"}


def test_new_books_and_books_in_use_have_nothing_to_open(data: Path, database: Database, posting: Posting) -> None:
    assert open_accounts(database, 1) == 0
    Worker(data).write(held(1), settled(1))
    post_all(posting)
    assert open_accounts(database, 1) == 0
    assert balances(database)["cost deepseek CNY"] == CENT


def test_the_sums_of_the_first_schema_are_made_again(data: Path, database: Database, tmp_path: Path) -> None:
    """The entries of today's books in a file of the first schema, without its sums, brought up to date."""
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2, picos=None, currency=None), held(3), settled(3, picos=2**62))
    worker.write(held(4), settled(4, picos=2**62), held(5), released(5, final=True), held(6, key="other"))
    worker.die()
    posting = Posting(database, data / "journal", StoppedClock())
    post_all(posting)
    posting.close()
    now = books(database)["sums"]

    first = tmp_path / "first"
    (first / "versions").mkdir(parents=True)
    shutil.copy(MIGRATIONS / "versions" / "0001_books.py", first / "versions")
    old = tmp_path / "old.db"
    migrate(old, first)
    with sqlite3.connect(old) as connection:
        connection.execute("ATTACH ? AS new", (str(data / "fenli.db"),))
        connection.execute(f"INSERT INTO entries ({COLUMNS}) SELECT {COLUMNS} FROM new.entries")
    migrate(old, MIGRATIONS)
    with Database(old, SCHEMA) as upgraded:
        assert books(upgraded)["sums"] == now
        assert total(now).picos == CENT + 2**63
        assert open_accounts(upgraded, 1) == 6
        assert balances(upgraded) == balances(database)
