"""Keeping budgets while entries are posted and corrected: what they take, and notices when that passes a mark."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from fenli.budgets import Budget, Period, window_at
from fenli.budgets.budget import STEPS
from fenli.clock import SECOND
from fenli.errors import RateRefused
from fenli.ledger.entries import Entry
from fenli.office.budgets import budget_of
from fenli.office.corrections import latest_corrections
from fenli.office.draws import Counting, Covers, Spent, add_draws, as_corrected, corrected_up_to
from fenli.office.notices import Notice, as_text, give_notices, note_missing_rate
from fenli.office.rates import current_rates
from fenli.office.tables import budget_draws, corrections, draws_end, entries
from fenli.prices.rates import Rate, Rates
from fenli.store import Database

log = logging.getLogger(__name__)

PRUNE: Final = 3600 * SECOND
_ACTIVE: Final = "SELECT * FROM budgets WHERE removed_at IS NULL ORDER BY id"
_NEWEST: Final = "SELECT (SELECT max(id) FROM rates), (SELECT max(id) FROM corrections)"


class Budgeting:
    """One for the process that posts. ``filed``: the rates of exchange of the configuration's files, as they stand."""

    def __init__(self, database: Database, filed: Callable[[], Sequence[Rate]] = lambda: ()) -> None:
        self._database = database
        self._filed = filed
        self._known: tuple[Any, ...] = ()
        self._budgets: dict[str, Budget] = {}
        self._covers = Covers(())
        self._rates = Rates()
        self._rated: object = None
        self._prune_at = 0

    def post(self, connection: Connection, finished: Sequence[Entry], now: int) -> list[Notice]:
        """What a batch of entries takes. Within its transaction; the notices are for `tell`, when that is through."""
        self._refresh(connection)
        if not self._budgets or not finished:
            return []
        counting = Counting(self._covers, self._rates, now)
        for entry in finished:
            counting.add(entry)
        return self._keep(connection, counting, now)

    def tell(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            budget = self._budgets.get(notice.budget)
            if budget is not None:
                log.warning("%s", as_text(notice, budget))

    def turn(self, now: int) -> None:
        """Between batches: follows corrections, and drops the draws that have ceased to count."""
        with self._database.read() as connection:
            done, newest = corrected_up_to(connection), connection.exec_driver_sql(_NEWEST).one()[1] or 0
        if newest > done:
            with self._database.write() as connection:
                notices = self._correct(connection, now)
            self.tell(notices)
        if now >= self._prune_at:
            self._prune_at = now + PRUNE
            self._prune(now)

    def _correct(self, connection: Connection, now: int) -> list[Notice]:
        self._refresh(connection)
        done = corrected_up_to(connection)
        counting = Counting(self._covers, self._rates, now)
        columns = [entries.c[name] for name in Spent._fields]
        query = select(corrections.c.id, corrections.c.entry, *columns).join(
            entries, entries.c.sequence == corrections.c.entry
        )
        for row in connection.execute(query.where(corrections.c.id > done).order_by(corrections.c.id)).all():
            number, sequence, *values = row
            spent = Spent(*values)
            before, after = (latest_corrections(connection, [sequence], last) for last in (number - 1, number))
            counting.remove(as_corrected(spent, before.get(sequence)))
            counting.add(as_corrected(spent, after.get(sequence)))
            done = number
        connection.execute(update(draws_end).values(correction=done))
        return self._keep(connection, counting, now)

    def _keep(self, connection: Connection, counting: Counting, now: int) -> list[Notice]:
        if not counting.draws:
            return []
        add_draws(connection, counting.draws)
        for name, missing in counting.no_rate.items():
            note_missing_rate(connection, self._budgets[name], missing, now)
        touched = {(place.budget, place.window) for place in counting.draws}
        windows = ((self._budgets[name], window_at(self._budgets[name], start)) for name, start in sorted(touched))
        return give_notices(connection, windows, now)

    def _refresh(self, connection: Connection) -> None:
        rows = tuple(connection.exec_driver_sql(_ACTIVE).all())
        if rows != self._known:
            self._budgets = {row.id: budget_of(row) for row in rows}
            self._covers = Covers(self._budgets.values())
            self._known = rows
        filed = tuple(self._filed())
        rated = filed, connection.exec_driver_sql(_NEWEST).one()[0]
        if rated != self._rated:
            self._rated = rated
            try:
                self._rates = Rates((*filed, *current_rates(connection)))
            except RateRefused as error:
                log.error("budgets go on with the rates of exchange before: %s", error)

    def _prune(self, now: int) -> None:
        with self._database.write() as connection:
            self._refresh(connection)
            for budget in self._budgets.values():
                if budget.period is Period.ROLLING:
                    gone = now - budget.span - 2 * (budget.span // STEPS + 1)
                    of_it = budget_draws.c.budget == budget.id
                    connection.execute(delete(budget_draws).where(of_it, budget_draws.c.window_start < gone))
