from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from books import StoppedClock

from fenli.office.posting import Posting
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.store import Database
from fenli.store.migrations import migrate


@pytest.fixture(scope="session")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "fenli.db"
    migrate(path, MIGRATIONS)
    return path


@pytest.fixture
def data(tmp_path: Path, empty_books: Path) -> Path:
    """A data directory with empty books in it."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(empty_books, folder / "fenli.db")
    return folder


@pytest.fixture
def database(data: Path) -> Iterator[Database]:
    with Database(data / "fenli.db", SCHEMA) as opened:
        yield opened


@pytest.fixture
def posting(database: Database, data: Path) -> Iterator[Posting]:
    made = Posting(database, data / "journal", StoppedClock())
    yield made
    made.close()
