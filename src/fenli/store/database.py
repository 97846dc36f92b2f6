"""One SQLite file: how it is opened, read, and written by one writer at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from fenli.errors import BooksError

BUSY_MS = 10_000


class Database:
    """``schema`` is the version that the caller's tables describe; versions are texts that sort by age.

    Raises BooksError when the file is absent, is no database, or has an older or a newer schema.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        if not path.exists():
            raise BooksError(f"there are no books at {path}: `fenli serve` makes them, or name another --data")
        self._engine = open_engine(path)
        self._pen = threading.Lock()
        self._watching = threading.Lock()
        self._watch: Connection | None = None
        try:
            self._check(schema)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, all or nothing; the lock is taken at once, so it never fails half-way for being busy.

        Threads take turns: left to SQLite, one that writes and writes would keep the others asleep.
        """
        with self._pen, self._engine.connect() as connection:
            connection = connection.execution_options(fenli_begin="BEGIN IMMEDIATE")
            try:
                transaction = connection.begin()
            except OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
                raise BooksError(f"{self.path} is busy: another process has been writing for {BUSY_MS} ms") from error
            with transaction:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view, however long the reading takes. Writing in it is refused."""
        with self._engine.connect() as connection:
            driver = _driver(connection)
            driver.execute("PRAGMA query_only = 1")
            try:
                with connection.begin():
                    yield connection
            finally:
                driver.execute("PRAGMA query_only = 0")

    def data_version(self) -> int:
        """A number that changes whenever anything was written."""
        with self._watching:
            if self._watch is None:
                self._watch = self._engine.connect()
            return int(_driver(self._watch).execute("PRAGMA data_version").fetchone()[0])

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the file, as far as no reader stands in the way."""
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            )

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, schema: str) -> None:
        found = schema_version(self.path)
        if found is None:
            raise BooksError(f"{self.path} has no books in it yet: start `fenli serve` once")
        if found < schema:
            raise BooksError(f"{self.path} has schema {found} and this fenli needs {schema}: start `fenli serve` once")
        if found > schema:
            raise BooksError(
                f"{self.path} was written by a newer fenli (schema {found}, this one knows {schema}): upgrade fenli"
            )


def schema_version(path: Path) -> str | None:
    """The version that the last migration left behind; None for a file without one. Raises BooksError if unreadable."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=BUSY_MS / 1000)
        try:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BooksError(f"{path} cannot be read as a database ({error}): restore it, or name another --data") from None
    return None if row is None else str(row[0])


def create_file(path: Path) -> None:
    """An empty file that only its owner can read. One that is there stays as it is."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def open_engine(path: Path) -> Engine:
    """Transactions begin with the ``fenli_begin`` of their connection's execution options, else with ``BEGIN``."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_MS / 1000, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = 1", "cache_size = -4096"):
        connection.execute(f"PRAGMA {pragma}")


def _driver(connection: Connection) -> sqlite3.Connection:
    """Past SQLAlchemy, which would begin a transaction: for what SQLite allows only outside of one."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _begin(connection: Connection) -> None:
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql(options.get("fenli_begin", "BEGIN"))
