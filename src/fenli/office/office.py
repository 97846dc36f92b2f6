"""The office: one process that posts the journals, keeps the snapshot up to date and serves the admin API.

    thread "post"    every 100 ms: journals -> store
    thread "watch"   every 200 ms: keys or configuration changed? -> snapshot
    threads "budgets", "leases"    read what is drawn on budgets, keep what is leased of them
    event loop       signals, admin API, leases; asks vendors what is left, where it is told to

Traffic needs none of it: while the office is down, workers go on with the last snapshot and their journals wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from fenli.clock import Clock, SystemClock
from fenli.errors import BooksError, FenliError
from fenli.http.client import Client
from fenli.office.admin import AdminServer, admin_app, admin_token
from fenli.office.archivist import Archivist
from fenli.office.desk import Desk
from fenli.office.leases import LeaseServer
from fenli.office.opening import open_accounts
from fenli.office.polling import Poller
from fenli.office.posting import Posting
from fenli.office.retention import remove_old_journals
from fenli.office.settings import Settings
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.store import Database
from fenli.store.upgrade import upgrade
from fenli.vendors.addresses import may_connect

log = logging.getLogger(__name__)

POST_S: Final = 0.1
WATCH_S: Final = 0.2
HOUSEKEEPING_S: Final = 3600.0
BALANCES_S: Final = 0.5  # how often it is looked who is due
# Posting can wait and calls cannot: it takes what the gateways leave of the processor.
PATIENCE: Final = 10
LAST_POSTING_S: Final = 5.0  # after SIGTERM: a longer backlog waits for the next start


class OfficeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``load_settings`` reads the configuration afresh, raising FenliError when it is wrong; ``watch`` are the files
    whose change calls for that. ``admin_port`` 0 takes any free port."""

    data: Path
    load_settings: Callable[[], Settings]
    environ: Mapping[str, str]
    watch: tuple[Path, ...] = ()
    admin_host: str = "127.0.0.1"
    admin_port: int = 8411
    clock: Clock = msgspec.field(default_factory=SystemClock)


def run_office(options: OfficeOptions) -> None:
    """Runs until SIGTERM or SIGINT. Raises FenliError when it cannot begin."""
    uvloop.run(Office(options).run())


def open_books(data: Path) -> Database:
    """The database of a data directory, made or upgraded if need be. Raises BooksError."""
    path = data / "fenli.db"
    upgrade(path, MIGRATIONS, SCHEMA)
    return Database(path, SCHEMA)


class Office:
    def __init__(self, options: OfficeOptions) -> None:
        self._options = options
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> None:
        options = self._options
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(options.data), open_books(options.data) as database:
            open_accounts(database, options.clock.now())
            journal = options.data / "journal"
            desk = Desk(
                database,
                options.data / "snapshot",
                options.load_settings,
                options.environ,
                options.watch,
                options.clock,
            )
            desk.reload()
            filed_rates = lambda: desk.settings.rates  # noqa: E731  as they are when somebody asks
            posting = Posting(database, journal, options.clock, filed_rates)
            lending = LeaseServer(database, options.data, options.clock, filed_rates)
            client = Client(allowed=may_connect)
            poller = Poller(database, desk, client, options.clock)
            app = admin_app(database, desk, posting, poller, lending, admin_token(options.data), options.clock)
            server = AdminServer(app, options.admin_host, options.admin_port)
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4, "work", _give_way))
            with (
                ThreadPoolExecutor(1, "post", _give_way) as post,
                ThreadPoolExecutor(1, "watch", _give_way) as watch,
            ):
                self._take_signals()
                log.info("the office is open: admin API on http://%s:%d", options.admin_host, server.port)
                await _together(
                    self._post(posting, post),
                    self._watch(desk, watch),
                    self._housekeep(journal, database, desk, post),
                    self._ask_balances(poller),
                    Archivist(database, options.data, options.clock).run(self._stop),
                    lending.serve(self._stop),
                    server.serve(self._stop),
                )
            posting.close()
            await poller.close()
            await client.close()
            database.checkpoint()
        log.info("the office is closed")

    def stop(self) -> None:
        self._stop.set()

    async def _post(self, posting: Posting, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            if not await loop.run_in_executor(thread, posting.step):
                await self._pause(POST_S)
        deadline = loop.time() + LAST_POSTING_S
        while await loop.run_in_executor(thread, posting.step) and loop.time() < deadline:
            pass

    async def _watch(self, desk: Desk, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            wanted = self._reload.is_set()
            self._reload.clear()
            await loop.run_in_executor(thread, _attempt, desk.reload_or_keep if wanted else desk.check)
            await self._pause(WATCH_S)

    async def _housekeep(self, journal: Path, database: Database, desk: Desk, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            now, days = self._options.clock.now(), desk.settings.journal_keep_days
            await loop.run_in_executor(thread, _attempt, partial(remove_old_journals, database, journal, days, now))
            await self._pause(HOUSEKEEPING_S)

    async def _ask_balances(self, poller: Poller) -> None:
        while not self._stop.is_set():
            poller.turn()
            await self._pause(BALANCES_S)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)


def _give_way() -> None:
    """The thread, where threads have a priority of their own; gateways wait for the others."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PATIENCE)


def _attempt(work: Callable[[], object]) -> None:
    """What fails now, the disk being full or the store busy, is tried again next time."""
    try:
        work()
    except (FenliError, SQLAlchemyError, sqlite3.Error, OSError) as error:
        log.error("the office could not do all of its work and tries again: %s", error)


async def _together(*work: Coroutine[None, None, None]) -> None:
    """All of them; the first that fails ends the others."""
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


@contextlib.contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Two offices would post everything twice: the second one is turned away."""
    descriptor = os.open(data / "office.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BooksError(f"another fenli works on {data}: stop it, or name another --data") from None
        yield
    finally:
        os.close(descriptor)
