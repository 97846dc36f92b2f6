"""Customers and their projects. Neither is ever changed, since entries are booked by what they say."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select

from fenli.errors import AccountRefused
from fenli.office.tables import customers, projects
from fenli.store import Database

NAME_MAX: Final = 100
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Customer(msgspec.Struct, frozen=True):
    id: str
    name: str
    created_at: int


class Project(msgspec.Struct, frozen=True):
    """``customer`` None: for our own use, nobody pays."""

    id: str
    name: str
    customer: str | None
    created_at: int


def create_customer(database: Database, id: str, name: str | None = None, *, now: int) -> Customer:
    """Raises AccountRefused for an id that is in use or cannot be one."""
    made = Customer(_id(id, "customer"), _name(name or id), now)
    with database.write() as connection:
        if _customer(connection, id) is not None:
            raise AccountRefused(f"there is a customer {id!r} already: choose another id")
        connection.execute(insert(customers), msgspec.structs.asdict(made))
    return made


def list_customers(database: Database) -> list[Customer]:
    """By id."""
    with database.read() as connection:
        return [Customer(*row) for row in connection.execute(select(customers).order_by(customers.c.id))]


def find_customer(connection: Connection, id: str) -> Customer:
    """Raises AccountRefused when there is none."""
    found = _customer(connection, id)
    if found is None:
        known = connection.execute(select(customers.c.id).order_by(customers.c.id).limit(20)).scalars().all()
        there = f"there are {', '.join(known)}" if known else "make one with `fenli customer create`"
        raise AccountRefused(f"there is no customer {id!r}: {there}")
    return found


def create_project(
    database: Database, id: str, name: str | None = None, *, customer: str | None = None, now: int
) -> Project:
    """Raises AccountRefused for an id that is in use or cannot be one, and for an unknown customer."""
    made = Project(_id(id, "project"), _name(name or id), customer, now)
    with database.write() as connection:
        if connection.execute(select(projects.c.id).where(projects.c.id == id)).first() is not None:
            raise AccountRefused(f"there is a project {id!r} already: choose another id")
        if customer is not None:
            find_customer(connection, customer)
        connection.execute(insert(projects), msgspec.structs.asdict(made))
    return made


def list_projects(database: Database, customer: str | None = None) -> list[Project]:
    """By id; of one customer, or all."""
    query = select(projects.c.id, projects.c.name, projects.c.customer, projects.c.created_at).order_by(projects.c.id)
    if customer is not None:
        query = query.where(projects.c.customer == customer)
    with database.read() as connection:
        return [Project(*row) for row in connection.execute(query)]


def find_project(connection: Connection, id: str) -> Project:
    """Raises AccountRefused when there is none."""
    row = connection.execute(select(projects).where(projects.c.id == id)).one_or_none()
    if row is None:
        raise AccountRefused(f"there is no project {id!r}: `fenli project list` shows those there are")
    return Project(row.id, row.name, row.customer, row.created_at)


def _customer(connection: Connection, id: str) -> Customer | None:
    row = connection.execute(select(customers).where(customers.c.id == id)).one_or_none()
    return None if row is None else Customer(row.id, row.name, row.created_at)


def _id(text: str, what: str) -> str:
    if not _ID.fullmatch(text):
        raise AccountRefused(
            f"{text!r} is no id for a {what}: write small letters, digits, dots and dashes, such as 'acme-2'"
        )
    return text


def _name(text: str) -> str:
    if not text.strip() or len(text) > NAME_MAX or not text.isprintable():
        raise AccountRefused(f"{text!r} is no name: write 1 to {NAME_MAX} printable characters")
    return text
