"""Leases as the store keeps them, and what must be known of budgets and runs to lend."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import SQLAlchemyError

from fenli.budgets import Budget
from fenli.budgets.leases import GRACE, NO_RUN, Place
from fenli.clock import SECOND
from fenli.errors import FenliError
from fenli.office.budgets import list_budgets
from fenli.office.held import held_on
from fenli.office.rates import current_rates
from fenli.office.tables import journals, leases
from fenli.prices.rates import Rate, Rates
from fenli.store import Database

log = logging.getLogger(__name__)

# For so long a call may go on that was opened before a budget began, and that draws on it all the same.
YOUNG: Final = 3600 * SECOND
_DAY: Final = 86_400 * SECOND
_DRAWS: Final = """
    SELECT d.budget, d.window_start, d.run, d.picos FROM budgets b JOIN budget_draws d ON d.budget = b.id
    WHERE b.removed_at IS NULL AND b.mode <> 'soft' AND d.window_start >= CASE b.period
        WHEN 'total' THEN 0 WHEN 'day' THEN :two_days WHEN 'week' THEN :eight_days WHEN 'month' THEN :a_month
        ELSE :late - b.span - b.span / 24 - 1 END
"""
_STORE: Final = (
    "INSERT INTO leases (budget, window_start, run, total) SELECT ?, ?, ?, ? "
    "WHERE EXISTS (SELECT 1 FROM budgets WHERE id = ? AND removed_at IS NULL) "
    "ON CONFLICT DO UPDATE SET total = max(total, excluded.total)"
)
_SETTLE: Final = "UPDATE leases SET total = ? WHERE budget = ? AND window_start = ? AND run = ?"


class LeaseState(msgspec.Struct):
    """``draws`` of all windows that can still matter, with what calls hold that no lease covers.

    ``closed``: runs that are over and posted to the end; ``known``: those of which anything was posted.
    """

    budgets: list[Budget]
    draws: dict[Place, int]
    closed: set[str]
    known: set[str]


def read_state(connection: Connection, now: int, runs: Iterable[str], filed: Iterable[Rate]) -> LeaseState:
    """One consistent view. ``runs``: those whose state is asked for; ``filed``: the rates of exchange of files."""
    spans = {"two_days": 2, "eight_days": 8, "a_month": 32}
    bounds = {name: now - GRACE - days * _DAY for name, days in spans.items()} | {"late": now - GRACE}
    rows = connection.exec_driver_sql(_DRAWS, bounds)
    states = connection.execute(select(journals.c.run, journals.c.state).where(journals.c.run.in_(list(runs)))).all()
    budgets = [budget for budget in list_budgets(connection) if budget.binding]
    draws = {Place(*place): int(picos) for *place, picos in rows}
    young = [budget for budget in budgets if budget.effective_from > now - YOUNG]
    if young:
        for held in held_on(connection, young, Rates((*filed, *current_rates(connection))), now):
            if held.opened_at < held.budget.effective_from:
                place = Place(held.budget.id, held.window, NO_RUN)
                draws[place] = draws.get(place, 0) + (held.picos or 0)
    return LeaseState(
        budgets=budgets,
        draws=draws,
        closed={row.run for row in states if row.state == "closed"},
        known={row.run for row in states},
    )


def read_leases(connection: Connection) -> dict[Place, int]:
    return {Place(row.budget, row.window_start, row.run): row.total for row in connection.execute(select(leases))}


def end_leases(connection: Connection, run: str) -> None:
    """The run is over and posted to the end: what it drew counts, and nothing else."""
    connection.execute(delete(leases).where(leases.c.run == run))


class LeaseWriter:
    """Keeps leases in the store: those that come while one transaction runs are the next one.

    However they come, a lease in the store is no lower than what was last reported to be stored.
    """

    def __init__(self, database: Database, thread: Executor) -> None:
        self._database = database
        self._thread = thread
        self._totals: dict[Place, int] = {}
        self._settled: dict[Place, int] = {}
        self._gone: set[tuple[str, int]] = set()
        self._ended: set[str] = set()
        self._waiting: list[asyncio.Future[bool]] = []
        self._writing: asyncio.Task[None] | None = None

    def store(self, totals: Mapping[Place, int]) -> asyncio.Future[bool]:
        """Whether the store has at least that now."""
        for place, total in totals.items():
            self._totals[place] = max(total, self._totals.get(place, 0))
        return self._soon()

    def settle(self, totals: Mapping[Place, int]) -> None:
        """They need not be more than that. Amounts that `store` is told of afterwards count all the same."""
        self._settled.update(totals)
        if totals:
            self._soon()

    def forget(self, windows: Iterable[tuple[str, int]], runs: Iterable[str]) -> None:
        """Their leases no longer matter."""
        self._gone.update(windows)
        self._ended.update(runs)
        if self._gone or self._ended:
            self._soon()

    async def finish(self) -> None:
        """Waits for the transaction under way."""
        if self._writing is not None:
            await self._writing

    def _soon(self) -> asyncio.Future[bool]:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())
        return done

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            waiting, work = self._waiting, (self._totals, self._settled, self._gone, self._ended)
            self._waiting, self._totals, self._settled, self._gone, self._ended = [], {}, {}, set(), set()
            try:
                await loop.run_in_executor(self._thread, self._commit, *work)
                stored = True
            except (FenliError, SQLAlchemyError, sqlite3.Error) as error:
                log.error("leases on budgets cannot be stored, and are not granted: %s", error)
                stored = False
            for each in waiting:
                if not each.done():
                    each.set_result(stored)
        self._writing = None

    def _commit(
        self, totals: dict[Place, int], settled: dict[Place, int], gone: set[tuple[str, int]], ended: set[str]
    ) -> None:
        with self._database.write() as connection:
            for budget, window in gone:
                connection.execute(delete(leases).where(leases.c.budget == budget, leases.c.window_start == window))
            for run in ended:
                end_leases(connection, run)
            if settled:
                connection.exec_driver_sql(_SETTLE, [(total, *place) for place, total in settled.items()])
            if totals:
                rows = [(*place, total, place.budget) for place, total in totals.items()]
                connection.exec_driver_sql(_STORE, rows)
