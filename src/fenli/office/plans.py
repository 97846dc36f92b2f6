"""Plans in the store, and whom they hold for. Both are only ever added to, and nothing reaches back in time."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from sqlalchemy import Connection, func, insert, select

from fenli.errors import AccountRefused
from fenli.office.customers import find_customer, find_project
from fenli.office.lots import earliest_start
from fenli.office.tables import plan_assignments, plans
from fenli.office.terms import Assignment, read_assignments
from fenli.prices.plans import Terms, charging
from fenli.store import Database
from fenli.values import format_instant

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Terms).decode


class Plan(msgspec.Struct, frozen=True):
    id: int
    name: str
    terms: Terms
    created_at: int


def create_plan(database: Database, name: str, terms: Terms, *, now: int) -> Plan:
    """Raises AccountRefused for a name in use or terms that cannot be kept, PriceFileError for a bad price list."""
    if not _NAME.fullmatch(name):
        raise AccountRefused(
            f"{name!r} is no name for a plan: write small letters, digits, dots and dashes, such as 'standard-2026'"
        )
    charging(terms)
    with database.write() as connection:
        if connection.execute(select(plans.c.id).where(plans.c.name == name)).first() is not None:
            raise AccountRefused(f"there is a plan {name!r} already, and plans do not change: choose another name")
        values = {"name": name, "terms": _encode(terms).decode(), "created_at": now}
        made = connection.execute(insert(plans), values).inserted_primary_key
    assert made is not None
    return Plan(made[0], name, terms, now)


def list_plans(connection: Connection) -> list[Plan]:
    """By name."""
    rows = connection.execute(select(plans).order_by(plans.c.name))
    return [Plan(row.id, row.name, _decode(row.terms), row.created_at) for row in rows]


def assign_plan(
    database: Database,
    plan: str | None,
    *,
    customer: str | None = None,
    project: str | None = None,
    starts_at: int | None = None,
    now: int,
) -> Assignment:
    """From ``starts_at`` (ns; as soon as possible where None) on, the customer's projects pay by ``plan``, or the one
    ``project`` does; None: nothing is charged.

    Raises AccountRefused for what does not exist, and for a start in the past: what is booked stays as it is.
    """
    with database.write() as connection:
        owner = _owner(connection, customer, project)
        wanted = None if plan is None else _find(connection, plan).id
        earliest = earliest_start(connection, now)
        starts = earliest if starts_at is None else starts_at
        if starts < now:
            when = format_instant(starts)
            raise AccountRefused(
                f"{when} is over, and a plan does not reach back: leave --from out, or write a later one"
            )
        starts = max(starts, earliest)
        same = (plan_assignments.c.customer == owner) & plan_assignments.c.project.is_not_distinct_from(project)
        latest = connection.execute(select(func.max(plan_assignments.c.starts_at)).where(same)).scalar()
        if latest is not None and starts <= latest:
            raise AccountRefused(
                f"a plan from {format_instant(latest)} on is agreed already: let the next one start after it"
            )
        values = {
            "customer": owner, "project": project, "plan": wanted, "starts_at": starts, "created_at": now,
        }  # fmt: skip
        made = connection.execute(insert(plan_assignments), values).inserted_primary_key
    assert made is not None
    return Assignment(made[0], owner, project, wanted, starts, None)


def list_assignments(connection: Connection, customer: str | None = None) -> list[Assignment]:
    """Of one customer, or all, in the order in which they hold."""
    return [each for each in read_assignments(connection) if customer in (None, each.customer)]


def _owner(connection: Connection, customer: str | None, project: str | None) -> str:
    if (customer is None) == (project is None):
        raise AccountRefused("a plan is for one customer or one project: write --customer or --project")
    if customer is not None:
        return find_customer(connection, customer).id
    assert project is not None
    found = find_project(connection, project)
    if found.customer is None:
        raise AccountRefused(f"project {project!r} has no customer, so nobody pays for it: choose another project")
    return found.customer


def _find(connection: Connection, name: str) -> Plan:
    known = {plan.name: plan for plan in list_plans(connection)}
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "make one with `fenli plan create`"
        raise AccountRefused(f"there is no plan {name!r}: {there}")
    return known[name]
