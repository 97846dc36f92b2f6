"""Counting what a budget's scope has spent out of the entries: when it begins, and again when that is asked for.

The many entries are read before the transaction, the few that came since then within it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, func, select

from fenli.budgets import Budget, window_at
from fenli.budgets.leases import Place
from fenli.clock import Clock
from fenli.office.budgets import (
    BEGINS_AFTER,
    NewBudget,
    change_limit,
    checked,
    find_budget,
    insert_budget,
    limit_of,
    with_subject,
)
from fenli.office.draws import Counting, Covers, Draw, add_draws, corrected_up_to, count_entries, counts
from fenli.office.notices import drop_notices, give_notices, note_missing_rate, withdraw_missing_rate
from fenli.office.tables import budget_draws, entries
from fenli.prices.rates import Rates
from fenli.store import Database

_LAST: Final = select(func.coalesce(func.max(entries.c.sequence), 0))


class _Counted(msgspec.Struct):
    """Up to which entry and which correction was counted."""

    counting: Counting
    entry: int
    correction: int


def create_budget(
    database: Database, wanted: NewBudget, rates: Rates, vendors: Collection[str], clock: Clock
) -> Budget:
    """What was spent in the period under way counts. Raises BudgetRefused, MoneyError, and makes nothing then."""
    budget = checked(wanted, clock.now() + BEGINS_AFTER)
    with database.read() as connection:
        budget = with_subject(connection, budget, vendors)
        before = _count(connection, budget, rates, clock.now())
    with database.write() as connection:
        now = clock.now()
        budget = with_subject(connection, msgspec.structs.replace(budget, effective_from=now + BEGINS_AFTER), vendors)
        insert_budget(connection, budget, now)
        _store(connection, budget, _complete(connection, budget, rates, before, now), now)
    return budget


def recount(database: Database, id_or_name: str, rates: Rates, clock: Clock) -> Budget:
    """Counts everything again, at the rates that are stated now. Raises BudgetRefused."""
    with database.read() as connection:
        before = _count(connection, find_budget(connection, id_or_name), rates, clock.now())
    with database.write() as connection:
        budget, now = find_budget(connection, id_or_name), clock.now()
        complete = _complete(connection, budget, rates, before, now)
        connection.execute(delete(budget_draws).where(budget_draws.c.budget == budget.id))
        withdraw_missing_rate(connection, budget)
        _store(connection, budget, complete, now)
    return budget


def set_limit(database: Database, id_or_name: str, limit: str, clock: Clock) -> tuple[Budget, Budget]:
    """The budget as it was and as it is now. Notices that no longer hold can be given again, those due are given.

    Raises BudgetRefused, MoneyError.
    """
    picos = limit_of(limit)
    with database.write() as connection:
        before, budget = change_limit(connection, id_or_name, picos)
        now = clock.now()
        window = window_at(budget, now)
        drop_notices(connection, budget, window, now)
        give_notices(connection, [(budget, window)], now)
    return before, budget


def _count(connection: Connection, budget: Budget, rates: Rates, now: int) -> _Counted:
    counting = Counting(Covers([budget]), rates, now)
    last = int(connection.execute(_LAST).scalar_one())
    count_entries(connection, counting, budget, 0, last)
    return _Counted(counting, last, corrected_up_to(connection))


def _complete(connection: Connection, budget: Budget, rates: Rates, before: _Counted, now: int) -> Counting:
    """With what was posted since, or all anew where a correction has come between."""
    if corrected_up_to(connection) != before.correction:
        return _count(connection, budget, rates, now).counting
    counting = Counting(Covers([budget]), rates, now)
    counting.draws, counting.no_rate = before.counting.draws, before.counting.no_rate
    count_entries(connection, counting, budget, before.entry, int(connection.execute(_LAST).scalar_one()))
    return counting


def _store(connection: Connection, budget: Budget, counting: Counting, now: int) -> None:
    add_draws(connection, _counting_now(budget, counting.draws, now))
    for missing in counting.no_rate.values():
        note_missing_rate(connection, budget, missing, now)
    give_notices(connection, [(budget, window_at(budget, now))], now)


def _counting_now(budget: Budget, draws: Mapping[Place, Draw], now: int) -> dict[Place, Draw]:
    """Without what has ceased to count while it was counted."""
    return {place: draw for place, draw in draws.items() if counts(budget, window_at(budget, place.window), now)}
