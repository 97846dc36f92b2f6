"""Whose each key is and by which plan its customer pays: what `ledger.entries.Poster` must know, out of the store."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from fenli.ledger.entries import NOBODY, Entry, Owner
from fenli.office.tables import keys, plan_assignments, plans, projects
from fenli.prices.plans import NOTHING, Charge, Charging, Subscription, Terms, charging

# Rows of these tables are only ever added, so their last ids say whether anything is new.
_VERSION: Final = "SELECT (SELECT max(rowid) FROM keys), (SELECT max(id) FROM plan_assignments)"

_decode_terms = msgspec.json.Decoder(Terms).decode
_Target = tuple[str, str | None]  # a customer, and a project or None for all of its projects


class Assignment(NamedTuple):
    """``plan`` None: nothing is charged. It holds over ``[starts_at, ends_at)``, ns; the last one without an end."""

    id: int
    customer: str
    project: str | None
    plan: int | None
    starts_at: int
    ends_at: int | None


class StoredTerms:
    """Implements `ledger.entries.Terms` with what the store held at the last `refresh`, which ``version`` names."""

    def __init__(self) -> None:
        self.version: tuple[int | None, ...] | None = None
        self._owners: dict[str, Owner] = {}
        self._charging: dict[int, Charging] = {}
        self._plans: dict[int, Terms] = {}
        self._assigned: dict[_Target, tuple[list[int], list[Assignment]]] = {}

    def refresh(self, connection: Connection) -> bool:
        """Reads what is new; whether anything was."""
        version = tuple(connection.exec_driver_sql(_VERSION).one())
        if version == self.version:
            return False
        query = select(keys.c.id, keys.c.project, projects.c.customer)
        rows = connection.execute(query.join(projects, projects.c.id == keys.c.project))
        self._owners = {row.id: Owner(row.project, row.customer) for row in rows}
        for plan in connection.execute(select(plans)):
            if plan.id not in self._plans:
                self._plans[plan.id] = _decode_terms(plan.terms)
                self._charging[plan.id] = charging(self._plans[plan.id])
        assigned = defaultdict(list)
        for assignment in read_assignments(connection):
            assigned[assignment.customer, assignment.project].append(assignment)
        self._assigned = {target: ([each.starts_at for each in found], found) for target, found in assigned.items()}
        self.version = version
        return True

    def owner(self, key: str) -> Owner:
        return self._owners.get(key, NOBODY)

    def charge(self, entry: Entry) -> Charge:
        """By the plan that was in force when the attempt was opened."""
        plan = self._in_force(entry)
        return NOTHING if plan is None else self._charging[plan](entry)

    def terms_of(self, entry: Entry) -> Terms | None:
        """The terms that the entry was charged by; None where nobody pays."""
        plan = self._in_force(entry)
        return None if plan is None else self._plans[plan]

    def subscriptions(self) -> list[tuple[Assignment, Subscription]]:
        """Every assignment of one, those that are over too."""
        found = []
        for _, assignments in self._assigned.values():
            for assignment in assignments:
                terms = None if assignment.plan is None else self._plans[assignment.plan]
                if isinstance(terms, Subscription):
                    found.append((assignment, terms))
        return found

    def _in_force(self, entry: Entry) -> int | None:
        """The project's own assignment counts before the customer's."""
        if entry.customer is None:
            return None
        for target in ((entry.customer, entry.project), (entry.customer, None)):
            starts, assignments = self._assigned.get(target, ((), ()))
            place = bisect_right(starts, entry.opened_at)
            if place:
                return assignments[place - 1].plan
        return None


def read_assignments(connection: Connection) -> list[Assignment]:
    """Every one, by customer and project, in the order in which they hold."""
    order = plan_assignments.c.customer, plan_assignments.c.project, plan_assignments.c.starts_at
    rows = connection.execute(select(plan_assignments).order_by(*order)).all()
    found = []
    ends: dict[_Target, int] = {}
    for row in reversed(rows):
        target = row.customer, row.project
        found.append(Assignment(row.id, *target, row.plan, row.starts_at, ends.get(target)))
        ends[target] = row.starts_at
    return found[::-1]
