"""How long does a gateway wait for a lease on a budget, while the office posts a backlog as fast as it can?

Posting draws on every one of the budgets. *First* is the first grant of each, *later* are those that follow, and *new*
is the first of budgets that were made a moment ago.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import uvloop
from rich.table import Table

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.budgets.messages import LEASES_SOCKET, Ask, FrameReader, FromGateway, Granted, Hello, encode, from_office
from fenli.clock import SystemClock
from fenli.gateway.storage import JournalStorage
from fenli.http.local_socket import connected
from fenli.ledger.journal import encode_frame
from fenli.ledger.records import OK, Grade, Held, Record, Settled
from fenli.office.budgets import insert_budget
from fenli.office.office import OfficeOptions, open_books, run_office
from fenli.office.settings import Settings
from fenli.store import Database
from fenli.values.ids import run_id

from . import machine
from .run import console, stage

BUDGETS = 300
LATER = 3_000
BACKLOG = 200_000
HELD = 10**9
_LIMIT = 10**15
_RESULTS = Path(__file__).with_name("results") / "grants.json"


def grants() -> int:
    """Prints and saves in `results/grants.json` how long each kind of grant took."""
    clock = SystemClock()
    with stage() as folder, open_books(folder) as books:
        own = _budgets(books, "b")
        _backlog(folder, clock)
        office = multiprocessing.get_context("spawn").Process(target=_office, args=(folder,))
        office.start()
        try:
            times, posted = uvloop.run(_ask(folder, books, own, clock))
        finally:
            os.kill(office.pid or 0, signal.SIGKILL)
            office.join()
    _show(times, posted)
    return 0


def _budgets(books: Database, name: str) -> list[str]:
    with books.write() as connection:
        for number in range(BUDGETS):
            budget = Budget(
                f"{name}{number}",
                f"{name}{number}",
                Scope.KEY,
                f"key_{number}",
                "CNY",
                str(_LIMIT),
                Period.DAY,
                Mode.HARD,
            )
            insert_budget(connection, budget, 0)
    return [f"{name}{number}" for number in range(BUDGETS)]


def _backlog(folder: Path, clock: SystemClock) -> None:
    started = clock.now()
    storage = JournalStorage(folder / "journal", run_id(started), started)
    for first in range(1, BACKLOG + 1, 100):
        storage.write(
            encode_frame([record for number in range(first, first + 100) for record in _call(number, started)])
        )
    storage.close()


def _call(number: int, at: int) -> Iterator[Record]:
    yield Held(
        number, at, f"key_{number % BUDGETS}", "chat", True, 400, "deepseek", "deepseek-chat", "CNY", HELD, text=True
    )
    usage = {"input": 100, "output": 10}
    yield Settled(number, 1, at, True, OK, Grade.MEASURED, 200, usage, b"{}", "CNY", HELD // 5, "offer", at)


def _office(folder: Path) -> None:
    run_office(OfficeOptions(data=folder, load_settings=Settings, environ={}, admin_port=0))


async def _ask(folder: Path, books: Database, own: list[str], clock: SystemClock) -> tuple[dict[str, list[float]], int]:
    storage = JournalStorage(folder / "journal", run_id(clock.now()), clock.now())  # we live
    gateway = await _Gateway.connect(folder, storage.run)
    await asyncio.sleep(1)
    times = {"first": [await gateway.wait(name, clock) for name in own]}
    times["later"] = [await gateway.wait(own[number % BUDGETS], clock) for number in range(LATER)]
    times["new"] = [await gateway.wait(name, clock) for name in _budgets(books, "fresh")]
    with books.read() as connection:
        posted = connection.exec_driver_sql("SELECT sequence FROM chain_end").scalar_one()
    storage.close()
    return times, int(posted)


class _Gateway:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()

    @classmethod
    async def connect(cls, folder: Path, run: str) -> "_Gateway":
        while True:
            try:
                own: socket.socket = connected(folder / "run" / LEASES_SOCKET)
                break
            except OSError:
                await asyncio.sleep(0.05)
        gateway = cls(*await asyncio.open_unix_connection(sock=own))
        gateway._say(Hello(run))
        return gateway

    async def wait(self, budget: str, clock: SystemClock) -> float:
        """Milliseconds until the grant is there."""
        began = time.perf_counter()
        self._say(Ask(budget, clock.now(), HELD, 16 * HELD))
        while True:
            for frame in self._frames.feed(await self._reader.read(65_536)):
                word = from_office(frame)
                if isinstance(word, Granted):
                    assert word.more >= HELD, word
                    return (time.perf_counter() - began) * 1e3

    def _say(self, word: FromGateway) -> None:
        self._writer.write(encode(word))


def _show(times: dict[str, list[float]], posted: int) -> None:
    table = Table("grants", "median", "99 %", "longest", title=f"ms, while {posted:,} of {BACKLOG:,} calls were posted")
    saved = {}
    for name, each in times.items():
        figures = median(each), sorted(each)[len(each) * 99 // 100], max(each)
        saved[name] = dict(zip(("median_ms", "p99_ms", "longest_ms"), figures, strict=True))
        table.add_row(f"{name} ({len(each):,})", *(f"{figure:.2f}" for figure in figures))
    console.print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps({"machine": machine.facts(), "posted": posted, **saved}, indent=1) + "\n")
