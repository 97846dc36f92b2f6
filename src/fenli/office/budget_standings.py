"""How budgets stand, out of the store: what is spent and held of each, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from fenli.budgets import Budget, Period, Window, window_at
from fenli.office.budgets import list_budgets
from fenli.office.draws import Draw
from fenli.office.held import held_on
from fenli.office.notices import Notice, bounds, list_notices
from fenli.office.tables import budget_draws, leases
from fenli.prices.rates import Rates
from fenli.values import format_instant
from fenli.values.money import decimal_of


class BudgetStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in picos, in the window under way. ``held``: by calls that are open; ``leased``: by run, the most that it
    may spend in all. ``uncounted``: attempts that owe nobody knows how much. ``resets_at``: when the amount begins
    anew, ns; None where it never does. ``notices``: those of this window, newest first."""

    budget: Budget
    window: Window
    spent: int
    held: int
    uncounted: int
    leased: dict[str, int]
    resets_at: int | None
    notices: tuple[Notice, ...]

    @property
    def free(self) -> int:
        """Below zero where a soft budget is overspent, or a limit was lowered."""
        return self.budget.picos - self.spent - self.held


def budget_standings(connection: Connection, rates: Rates, at: int) -> list[BudgetStanding]:
    """Of every budget, by name."""
    budgets = list_budgets(connection)
    held = _held(connection, budgets, rates, at)
    return [_standing(connection, budget, held.get(budget.id, Draw()), at) for budget in budgets]


def standing_as_data(standing: BudgetStanding) -> dict[str, Any]:
    """For JSON: amounts as decimals, instants as text, spans in seconds."""
    budget = standing.budget
    return {
        "id": budget.id,
        "name": budget.name,
        "scope": budget.scope,
        "subject": budget.subject or None,
        "mode": budget.mode,
        "period": budget.period,
        "span_s": budget.span // 1_000_000_000 if budget.span else None,
        "zone": budget.zone,
        "currency": budget.currency,
        "limit": decimal_of(budget.picos),
        "spent": decimal_of(standing.spent),
        "held": decimal_of(standing.held),
        "free": decimal_of(standing.free),
        "uncounted": standing.uncounted,
        "leased_at_most": {run: decimal_of(picos) for run, picos in standing.leased.items()},
        "effective_from": format_instant(budget.effective_from),
        "resets_at": None if standing.resets_at is None else format_instant(standing.resets_at),
        "notices": list(budget.notices),
        "passed": [_notice_as_data(notice) for notice in standing.notices],
    }


def _notice_as_data(notice: Notice) -> dict[str, Any]:
    return {
        "percent": notice.percent,
        "given_at": format_instant(notice.given_at),
        "spent": decimal_of(notice.picos),
        "limit": decimal_of(notice.limit),
    }


def _standing(connection: Connection, budget: Budget, held: Draw, at: int) -> BudgetStanding:
    window = window_at(budget, at)
    first, last = bounds(budget, window, at)
    of_it = budget_draws.c.budget == budget.id, budget_draws.c.window_start.between(first, last)
    draws = connection.execute(select(budget_draws).where(*of_it).order_by(budget_draws.c.window_start)).all()
    lent = select(leases).where(leases.c.budget == budget.id, leases.c.window_start.between(first, last))
    leased: dict[str, int] = {}
    for row in connection.execute(lent.order_by(leases.c.run)):
        leased[row.run] = leased.get(row.run, 0) + row.total
    notices = [notice for notice in list_notices(connection, budget.id) if first <= notice.window <= last]
    return BudgetStanding(
        budget=budget,
        window=window,
        spent=sum(row.picos for row in draws),
        held=held.picos,
        uncounted=sum(row.uncounted for row in draws) + held.uncounted,
        leased=leased,
        resets_at=_resets(budget, window, [row.window_start for row in draws if row.picos]),
        notices=tuple(notices),
    )


def _resets(budget: Budget, window: Window, drawn: list[int]) -> int | None:
    """Of a budget that looks back: when the oldest of what counts ceases to."""
    if budget.period is Period.TOTAL:
        return None
    if budget.period is Period.ROLLING:
        return window_at(budget, drawn[0]).until if drawn else None
    return window.end


def _held(connection: Connection, budgets: Sequence[Budget], rates: Rates, at: int) -> dict[str, Draw]:
    """What open attempts hold in the window under way, by budget. What nobody says the worth of is uncounted."""
    held: dict[str, Draw] = {}
    for hold in held_on(connection, budgets, rates, at):
        first, last = bounds(hold.budget, window_at(hold.budget, at), at)
        if not first <= hold.window <= last:
            continue
        draw = held.setdefault(hold.budget.id, Draw())
        if hold.picos is None:
            draw.uncounted += 1
        else:
            draw.picos += hold.picos
    return held
