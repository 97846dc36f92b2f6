"""What entries take out of budgets, added up by window and by run.

Only `Counting` says what an entry takes: posting it, correcting it, and counting it again all ask there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from fenli.budgets import Budget, Period, Scope, Window, window_at
from fenli.budgets.draws import drawn, in_budget
from fenli.budgets.leases import NO_RUN, Place
from fenli.errors import NoRate
from fenli.ledger.corrections import Correction
from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.office.corrections import latest_corrections
from fenli.office.tables import budget_draws, entries
from fenli.prices.rates import Rates
from fenli.store import stored_integer
from fenli.values.ids import run_of

PAGE: Final = 1_000

# Bound by hand, as in `office.rows`. What does not fit SQLite's integers is added up here, not there.
_AT: Final = """
    SELECT d.budget, d.window_start, d.run, d.picos, d.uncounted FROM json_each(?) place
    CROSS JOIN budget_draws d ON d.budget = json_extract(place.value, '$[0]')
        AND d.window_start = json_extract(place.value, '$[1]') AND d.run = json_extract(place.value, '$[2]')
"""
_WRITE: Final = (
    "INSERT INTO budget_draws (budget, window_start, run, picos, uncounted) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET picos = excluded.picos, uncounted = excluded.uncounted"
)
_encode: Final = msgspec.json.Encoder().encode
_CORRECTED: Final = "SELECT correction FROM draws_end"


class Draw(msgspec.Struct):
    """``uncounted``: how many entries there are of which nobody can say what they took, not even at most."""

    picos: int = 0
    uncounted: int = 0


class Spent(NamedTuple):
    """What `Counting` looks at of an entry."""

    call: str
    opened_at: int
    key: str
    project: str | None
    customer: str | None
    vendor: str
    currency: str | None
    picos: int | None
    held_picos: int | None
    grade: str


class Cover:
    """A budget, and the window that was asked for last: that of the next entry is mostly the same."""

    __slots__ = ("_latest", "budget")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._latest = Window(0, 0, 0)

    def window(self, at: int) -> Window:
        if not self._latest.start <= at < self._latest.end:
            self._latest = window_at(self.budget, at)
        return self._latest


class Covers:
    """Budgets by what they cover."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        # Apart, since hashing an enum costs more than the look-up.
        self._by_scope: dict[Scope, dict[str | None, list[Cover]]] = {scope: {} for scope in Scope}
        for budget in budgets:
            self._by_scope[budget.scope].setdefault(budget.subject, []).append(Cover(budget))
        self._keys, self._projects, self._customers, self._vendors, everyone = (
            self._by_scope[scope]
            for scope in (Scope.KEY, Scope.PROJECT, Scope.CUSTOMER, Scope.VENDOR, Scope.ORGANISATION)
        )
        self._everyone = everyone.get("", [])

    def of(self, key: str, project: str | None, customer: str | None, vendor: str) -> list[Cover]:
        """The budgets that a call with that key to that vendor draws on."""
        found = [*self._keys.get(key, ()), *self._everyone, *self._vendors.get(vendor, ())]
        if project is not None:
            found += self._projects.get(project, ())
        if customer is not None:
            found += self._customers.get(customer, ())
        return found


class Counting:
    """``draws``: what the entries added took, by place. ``no_rate``: by budget, which rate was missing, in words.

    Entries of windows that were over when the budget began take nothing, nor do those that no longer count at ``at`` of
    a budget that looks back.
    """

    def __init__(self, covers: Covers, rates: Rates, at: int) -> None:
        self.draws: dict[Place, Draw] = {}
        self.no_rate: dict[str, str] = {}
        self._covers = covers
        self._rates = rates
        self._at = at

    def add(self, entry: Entry | Spent) -> None:
        self._count(entry, 1)

    def remove(self, entry: Entry | Spent) -> None:
        """Takes back what `add` added."""
        self._count(entry, -1)

    def worth(self, budget: Budget, currency: str | None, picos: int, at: int) -> int | None:
        """Picos of the budget's currency; None where nobody has stated a rate for that instant."""
        if currency == budget.currency or not picos:
            return picos
        try:
            return in_budget(picos, self._rates.find(currency or "", budget.currency, at))
        except NoRate as error:
            self.no_rate.setdefault(budget.id, str(error))
            return None

    def _count(self, entry: Entry | Spent, sign: int) -> None:
        covers = self._covers.of(entry.key, entry.project, entry.customer, entry.vendor)
        own = run_of(entry.call) if covers else NO_RUN
        for cover in covers:
            budget, window = cover.budget, cover.window(entry.opened_at)
            if not counts(budget, window, self._at):
                continue
            picos = self._taken(budget, entry)
            if picos == 0:
                continue
            place = Place(budget.id, window.start, own if entry.opened_at >= budget.effective_from else NO_RUN)
            draw = self.draws.get(place)
            if draw is None:
                draw = self.draws[place] = Draw()
            if picos is None:
                draw.uncounted += sign
            else:
                draw.picos += sign * picos

    def _taken(self, budget: Budget, entry: Entry | Spent) -> int | None:
        owed = entry.grade != Grade.NONE
        if owed and entry.picos is None and entry.held_picos is None:
            return None
        return self.worth(budget, entry.currency, drawn(entry.picos, entry.held_picos, owed=owed), entry.opened_at)


def counts(budget: Budget, window: Window, at: int) -> bool:
    """Whether draws are kept for a window. Those of a budget that looks back are not, once they no longer count."""
    return window.until > budget.effective_from and (budget.period is not Period.ROLLING or window.until > at)


def add_draws(connection: Connection, draws: Mapping[Place, Draw]) -> None:
    """Adds ``draws`` to what the store has. Within a write transaction."""
    if not draws:
        return
    stored = {
        (budget, window, run): (int(picos), uncounted)
        for budget, window, run, picos, uncounted in connection.exec_driver_sql(_AT, (_encode(list(draws)),))
    }
    rows = []
    for place, more in draws.items():
        picos, uncounted = stored.get(place, (0, 0))
        rows.append((*place, stored_integer(picos + more.picos), uncounted + more.uncounted))
    connection.exec_driver_sql(_WRITE, rows)


def read_draws(connection: Connection, budget: str) -> dict[Place, Draw]:
    """Those that the store has."""
    query = select(budget_draws).where(budget_draws.c.budget == budget)
    return {
        Place(row.budget, row.window_start, row.run): Draw(row.picos, row.uncounted)
        for row in connection.execute(query)
    }


def corrected_up_to(connection: Connection) -> int:
    """The id of the last correction that the draws follow."""
    return int(connection.exec_driver_sql(_CORRECTED).scalar_one())


def count_entries(connection: Connection, counting: Counting, budget: Budget, after: int, until: int) -> None:
    """Counts the posted entries of a budget whose sequence is in ``(after, until]``, as the draws are corrected."""
    of_scope = {
        Scope.KEY: entries.c.key, Scope.PROJECT: entries.c.project, Scope.CUSTOMER: entries.c.customer,
        Scope.VENDOR: entries.c.vendor,
    }  # fmt: skip
    query = select(entries.c.sequence, *(entries.c[name] for name in Spent._fields)).where(
        entries.c.sequence > after, entries.c.sequence <= until, entries.c.opened_at >= _since(budget)
    )
    if budget.scope in of_scope:
        query = query.where(of_scope[budget.scope] == budget.subject)
    corrected = corrected_up_to(connection)
    for page in connection.execution_options(yield_per=PAGE).execute(query).partitions():
        found = latest_corrections(connection, [row.sequence for row in page], corrected)
        for sequence, *values in page:
            counting.add(as_corrected(Spent(*values), found.get(sequence)))


def as_corrected(spent: Spent, correction: Correction | None) -> Spent:
    if correction is None:
        return spent
    return spent._replace(grade=Grade.RECONCILED, currency=correction.currency, picos=correction.picos)


def _since(budget: Budget) -> int:
    """The start of the first window that still counts when the budget begins."""
    if budget.period is Period.ROLLING:
        return window_at(budget, budget.effective_from - budget.span).start
    return window_at(budget, budget.effective_from).start
