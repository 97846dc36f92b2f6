"""Notices: that what was drawn on a budget passed one of the percentages that somebody wants to hear of. Once each.

And what stands in the way of counting: a rate of exchange that nobody has stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or

from fenli.budgets import Budget, Period, Window
from fenli.office.tables import budget_notices, findings
from fenli.values.money import decimal_of

_encode: Final = msgspec.json.Encoder().encode
# Bound by hand, as in `office.rows`, and added up here: it need not fit SQLite's integers.
_DRAWN: Final = """
    SELECT place.key, d.picos FROM json_each(?) place CROSS JOIN budget_draws d
    ON d.budget = json_extract(place.value, '$[0]')
        AND d.window_start BETWEEN json_extract(place.value, '$[1]') AND json_extract(place.value, '$[2]')
"""


class Notice(msgspec.Struct, frozen=True):
    """Amounts in picos; ``given_at`` in ns. ``picos``: drawn by then; ``limit``: as it was then."""

    budget: str
    window: int
    percent: int
    given_at: int
    picos: int
    limit: int


def give_notices(connection: Connection, drawn: Iterable[tuple[Budget, Window]], now: int) -> list[Notice]:
    """Keeps and returns those that are due for windows that were drawn on. Within a write transaction."""
    given = []
    shared = [(budget, window, *bounds(budget, window, now)) for budget, window in drawn]
    spent = _spent(connection, [(budget.id, first, last) for budget, _, first, last in shared])
    for budget, window, first, last in shared:
        picos = spent.get((budget.id, first, last), 0)
        due = [percent for percent in budget.notices if picos * 100 >= percent * budget.picos]
        before = _given(connection, budget, window) if due else set()
        given += [
            Notice(budget.id, window.start, percent, now, picos, budget.picos)
            for percent in due
            if percent not in before
        ]
    if given:
        connection.execute(insert(budget_notices), [_row(notice) for notice in given])
    return given


def drop_notices(connection: Connection, budget: Budget, window: Window, now: int) -> None:
    """Forgets those of a window that are no longer true, its limit having changed."""
    spent = spent_in(connection, budget, window, now)
    of_it = _of_window(budget, window)
    for percent in connection.execute(select(budget_notices.c.percent).where(*of_it)).scalars().all():
        if spent * 100 < percent * budget.picos:
            connection.execute(delete(budget_notices).where(*of_it, budget_notices.c.percent == percent))


def list_notices(connection: Connection, budget: str) -> list[Notice]:
    """Of one budget, newest first."""
    query = select(budget_notices).where(budget_notices.c.budget == budget)
    order = budget_notices.c.given_at.desc(), budget_notices.c.percent.desc()
    return [
        Notice(row.budget, row.window_start, row.percent, row.given_at, row.picos, row.limit_picos)
        for row in connection.execute(query.order_by(*order))
    ]


def spent_in(connection: Connection, budget: Budget, window: Window, at: int) -> int:
    """Picos drawn in a window; of a budget that looks back, in all that count at ``at``."""
    place = (budget.id, *bounds(budget, window, at))
    return _spent(connection, [place]).get(place, 0)


def bounds(budget: Budget, window: Window, at: int) -> tuple[int, int]:
    """The starts of the first and the last window that share the limit with ``window`` at an instant."""
    if budget.period is Period.ROLLING:
        step = window.end - window.start
        return at - budget.span - step + 1, max(at, window.start)
    return window.start, window.start


def as_text(notice: Notice, budget: Budget) -> str:
    """For the log."""
    drawn = f"{decimal_of(notice.picos)} of {decimal_of(notice.limit)} {budget.currency} are spent"
    return f"budget {budget.name!r} has passed {notice.percent} %: {drawn}"


def _spent(connection: Connection, places: Sequence[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
    """Picos drawn, by budget and the starts of the first and the last window that are looked at."""
    found: dict[tuple[str, int, int], int] = {}
    for number, picos in connection.exec_driver_sql(_DRAWN, (_encode(places),)):
        place = places[number]
        found[place] = found.get(place, 0) + int(picos)
    return found


def note_missing_rate(connection: Connection, budget: Budget, missing: str, now: int) -> None:
    """A finding: what was spent in another currency is not counted."""
    row = _missing_rate(budget) | {
        "found_at": now,
        "what": f"what was spent in another currency is not counted by budget {budget.name!r}: {missing}",
        "next_step": f"state the rate, then `fenli budget recount {budget.id}`",
    }
    connection.execute(insert_or(findings).values(row).on_conflict_do_nothing())


def withdraw_missing_rate(connection: Connection, budget: Budget) -> None:
    """Everything is counted again."""
    names = _missing_rate(budget)
    connection.execute(delete(findings).where(*(findings.c[name] == value for name, value in names.items())))


def _missing_rate(budget: Budget) -> dict[str, object]:
    return {"kind": "draw_without_rate", "place": budget.id}


def _given(connection: Connection, budget: Budget, window: Window) -> set[int]:
    query = select(budget_notices.c.percent).where(*_of_window(budget, window))
    return set(connection.execute(query).scalars())


def _of_window(budget: Budget, window: Window) -> tuple[Any, ...]:
    """Which notices are of a window; of a budget that looks back, those within its span."""
    first = window.start - budget.span if budget.period is Period.ROLLING else window.start
    return budget_notices.c.budget == budget.id, budget_notices.c.window_start.between(first, window.start)


def _row(notice: Notice) -> dict[str, object]:
    row = msgspec.structs.asdict(notice)
    return row | {"window_start": row.pop("window"), "limit_picos": row.pop("limit")}
