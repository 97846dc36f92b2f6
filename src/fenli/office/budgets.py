"""Budgets in the store: made, changed, removed, and read for the snapshot."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Collection
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import Connection, delete, insert, or_, select, update

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.clock import SECOND
from fenli.errors import AccountRefused, BudgetRefused
from fenli.ledger.statements import SubjectKind
from fenli.office.notices import withdraw_missing_rate
from fenli.office.subjects import find_subject
from fenli.office.tables import budget_draws, budgets, leases
from fenli.store import Database
from fenli.values.money import currency_of, picos_of

NAME_MAX: Final = 100
SPAN_MIN: Final = 60 * SECOND
SPAN_MAX: Final = 400 * 86_400 * SECOND
PERCENT_MAX: Final = 1_000
# A budget covers the calls from then on, when every gateway has it: they look for a new snapshot four times a second.
BEGINS_AFTER: Final = SECOND

_KINDS: Final[dict[Scope, SubjectKind]] = {
    Scope.KEY: "key",
    Scope.PROJECT: "project",
    Scope.CUSTOMER: "customer",
}
_decode_notices: Final = msgspec.json.Decoder(tuple[int, ...]).decode


class NewBudget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for. ``subject``: the id or the name of what the scope names, "" for the organisation;
    ``limit``: a decimal in units of ``currency``; ``span`` in ns, of a rolling period alone."""

    name: str
    scope: Scope
    subject: str = ""
    limit: str
    currency: str
    period: Period
    span: int = 0
    zone: str = "UTC"
    mode: Mode = Mode.HARD
    notices: tuple[int, ...] = (80, 100)


def checked(wanted: NewBudget, begins: int) -> Budget:
    """The budget that is asked for, with a new id, from ``begins`` on, ns; its subject as it was written.

    Raises BudgetRefused, MoneyError.
    """
    if not wanted.name.strip() or len(wanted.name) > NAME_MAX or not wanted.name.isprintable():
        raise BudgetRefused(f"{wanted.name!r} is no name for a budget: write 1 to {NAME_MAX} printable characters")
    if wanted.scope is Scope.ORGANISATION and wanted.subject:
        raise BudgetRefused(
            f"an organisation's budget is for everyone: leave out {wanted.subject!r}, or name its scope"
        )
    if wanted.scope is not Scope.ORGANISATION and not wanted.subject:
        raise BudgetRefused(f"a budget for a {wanted.scope} must say which: give its id or name")
    if any(not 1 <= percent <= PERCENT_MAX for percent in wanted.notices):
        raise BudgetRefused(
            f"notices are percents of the limit: write whole numbers from 1 to {PERCENT_MAX}, such as 80"
        )
    return Budget(
        id="bud_" + secrets.token_hex(4),
        name=wanted.name,
        scope=wanted.scope,
        subject=wanted.subject,
        currency=currency_of(wanted.currency),
        limit=str(limit_of(wanted.limit)),
        period=wanted.period,
        mode=wanted.mode,
        zone=_zone(wanted.zone),
        span=_span(wanted),
        effective_from=begins,
        notices=tuple(sorted(set(wanted.notices))),
    )


def limit_of(text: str) -> int:
    """Picos. Raises BudgetRefused, MoneyError."""
    picos = picos_of(text)
    if picos <= 0:
        raise BudgetRefused(f"a limit of {text} would refuse every call: write an amount above 0, or revoke the key")
    return picos


def with_subject(connection: Connection, budget: Budget, vendors: Collection[str]) -> Budget:
    """The budget with the id of its subject. ``vendors``: the ids of those that calls can go to.

    Raises BudgetRefused where there is no such subject.
    """
    if budget.scope is Scope.ORGANISATION:
        return budget
    if budget.scope is Scope.VENDOR:
        if budget.subject not in vendors:
            near = difflib.get_close_matches(budget.subject, vendors, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(vendors))}"
            raise BudgetRefused(f"there is no vendor {budget.subject!r}: {hint}")
        return budget
    try:
        found = find_subject(connection, _KINDS[budget.scope], budget.subject)
    except AccountRefused as error:
        raise BudgetRefused(str(error)) from None
    return msgspec.structs.replace(budget, subject=found.id)


def insert_budget(connection: Connection, budget: Budget, now: int) -> None:
    """Raises BudgetRefused where another budget has its name."""
    used = connection.execute(_working(budgets.c.name == budget.name)).first()
    if used is not None:
        raise BudgetRefused(f"there is a budget named {budget.name!r} already ({used.id}): choose another name")
    row = msgspec.structs.asdict(budget)
    row |= {"limit_picos": int(row.pop("limit")), "notices": msgspec.json.encode(row["notices"]).decode()}
    connection.execute(insert(budgets), row | {"created_at": now})


def change_limit(connection: Connection, id_or_name: str, limit: int) -> tuple[Budget, Budget]:
    """The budget as it was and as it is now; ``limit`` in picos. Raises BudgetRefused."""
    before = find_budget(connection, id_or_name)
    connection.execute(update(budgets).where(budgets.c.id == before.id).values(limit_picos=limit))
    return before, msgspec.structs.replace(before, limit=str(limit))


def remove_budget(database: Database, id_or_name: str, *, now: int) -> Budget:
    """The budget binds nobody any more, within a second; what it was stays on record. Raises BudgetRefused."""
    with database.write() as connection:
        budget = find_budget(connection, id_or_name)
        for table in (leases, budget_draws):
            connection.execute(delete(table).where(table.c.budget == budget.id))
        withdraw_missing_rate(connection, budget)
        connection.execute(update(budgets).where(budgets.c.id == budget.id).values(removed_at=now))
    return budget


def find_budget(connection: Connection, id_or_name: str) -> Budget:
    """Raises BudgetRefused when there is none."""
    rows = connection.execute(_working(or_(budgets.c.id == id_or_name, budgets.c.name == id_or_name))).all()
    if not rows:
        names = connection.execute(_working().with_only_columns(budgets.c.name)).scalars().all()
        there = f"there are {', '.join(names[:20])}" if names else "there is none yet: `fenli budget create` makes one"
        raise BudgetRefused(f"there is no budget {id_or_name!r}: {there}")
    exact = [row for row in rows if row.id == id_or_name] or rows
    return budget_of(exact[0])


def list_budgets(connection: Connection) -> tuple[Budget, ...]:
    """Those that were not removed, by name."""
    return tuple(map(budget_of, connection.execute(_working())))


def binding_budgets(database: Database) -> tuple[Budget, ...]:
    """Those for whose sake calls may be refused, by name."""
    with database.read() as connection:
        return tuple(budget for budget in list_budgets(connection) if budget.binding)


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


def _working(*conditions: Any) -> Any:
    return select(budgets).where(budgets.c.removed_at.is_(None), *conditions).order_by(budgets.c.name)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BudgetRefused(f"{name!r} is no time zone: write one such as Asia/Shanghai or UTC") from None
    return name


def _span(wanted: NewBudget) -> int:
    if wanted.period is not Period.ROLLING:
        if wanted.span:
            raise BudgetRefused(f"a budget per {wanted.period} has no span of its own: leave it out, or say rolling")
        return 0
    if not SPAN_MIN <= wanted.span <= SPAN_MAX:
        raise BudgetRefused("a rolling budget looks back over 1m to 400d: write such a span, such as 24h")
    return wanted.span
