"""The books of a data folder, for commands that read or write them beside a running `fenli serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fenli.cli.running import make_folder
from fenli.office.keys import list_keys
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.store import Database
from fenli.store.upgrade import upgrade

DATABASE: Final = "fenli.db"


def open_books(folder: Path) -> Database:
    """Raises BooksError where there are none yet."""
    return Database(folder / DATABASE, SCHEMA)


def key_names(books: Database) -> dict[str, str]:
    """Names by id."""
    return {key.id: key.name for key in list_keys(books)}


def make_books(folder: Path) -> Database:
    """The books, made or brought up to date first."""
    make_folder(folder)
    upgrade(folder / DATABASE, MIGRATIONS, SCHEMA)
    return open_books(folder)
