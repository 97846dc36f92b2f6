"""The command line as a user meets it: real processes on a data folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fenli_command import MODEL, OPENED, Fenli, write_journal

from fenli.clock import MILLISECOND, SECOND, SystemClock
from fenli.ledger.records import Grade, Held, Record, Released, Settled
from fenli.office.posting import Posting
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.prices.book import PriceBook
from fenli.store import Database
from fenli.store.upgrade import upgrade


@pytest.fixture
def fenli(tmp_path: Path) -> Fenli:
    return Fenli(tmp_path)


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Fenli:
    """Books with one call measured, one unknown and one released, written by a worker and posted by the office."""
    fenli = Fenli(tmp_path_factory.mktemp("books"))
    fenli.data.mkdir(mode=0o700)
    upgrade(fenli.data / "fenli.db", MIGRATIONS, SCHEMA)
    write_journal(fenli.data, list(_calls(PriceBook.load())))
    with Database(fenli.data / "fenli.db", SCHEMA) as database:
        posting = Posting(database, fenli.data / "journal", SystemClock())
        while posting.step():
            pass
        posting.close()
    return fenli


def _calls(book: PriceBook) -> Iterator[Record]:
    usage = {"input": 1_234, "output": 567}
    tariff = book.tariff("alibaba", MODEL)
    assert tariff is not None
    rating = tariff.rate(usage, OPENED)
    yield _held(1, OPENED)
    cost = ("CNY", rating.picos, rating.offer, OPENED, 300 * MILLISECOND)
    yield Settled(1, 1, OPENED + SECOND, True, "ok", Grade.MEASURED, 200, usage, b"{}", *cost)
    yield _held(2, OPENED + SECOND)
    yield Settled(2, 1, OPENED + 2 * SECOND, True, "truncated", Grade.UNKNOWN, 200)
    yield _held(3, OPENED + 2 * SECOND)
    yield Released(3, 1, OPENED + 3 * SECOND, True, "bad_key", 401)


def _held(number: int, at: int) -> Held:
    return Held(number, at, "key_1", MODEL, False, 100, "alibaba", MODEL, "CNY", 5_000_000_000)
