"""Budgets in the store."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import select

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.office.tables import budgets
from fenli.store import Database

_decode_notices: Final = msgspec.json.Decoder(tuple[int, ...]).decode


def binding_budgets(database: Database) -> tuple[Budget, ...]:
    """Those for whose sake calls may be refused, by id."""
    with database.read() as connection:
        rows = connection.execute(select(budgets).where(budgets.c.removed_at.is_(None)).order_by(budgets.c.id)).all()
    return tuple(budget for budget in map(budget_of, rows) if budget.binding)


def budget_of(row: Any) -> Budget:
    """The budget in a row of `tables.budgets`."""
    return Budget(
        id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        subject=row.subject,
        currency=row.currency,
        limit=str(row.limit_picos),
        period=Period(row.period),
        mode=Mode(row.mode),
        zone=row.zone,
        span=row.span,
        effective_from=row.effective_from,
        notices=_decode_notices(row.notices),
    )
