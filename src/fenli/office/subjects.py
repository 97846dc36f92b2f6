"""Whose statement it is: customers, projects, keys and vendors by id or name, and the accounts that are theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, or_, select

from fenli.errors import AccountRefused
from fenli.ledger.chart import Kind
from fenli.ledger.statements import Subject, SubjectKind
from fenli.office.tables import accounts, customers, keys, projects, usage_rollups

_TABLES: Final[dict[SubjectKind, Table]] = {"customer": customers, "project": projects, "key": keys}


class OwnAccounts(NamedTuple):
    """Currencies by id: ``own`` are the accounts that make up the balance of a customer or a vendor, ``saving`` those
    that take what lots made cheaper. ``balance`` is what is posted on the former, by currency, picos, positive where
    it is somebody else's money."""

    own: dict[int, str]
    saving: dict[int, str]
    balance: dict[str, int]


def find_subject(connection: Connection, kind: SubjectKind, id_or_name: str) -> Subject:
    """Raises AccountRefused with the ids that there are."""
    if kind == "vendor":
        return _vendor(connection, id_or_name)
    table = _TABLES[kind]
    query = select(table).where(or_(table.c.id == id_or_name, table.c.name == id_or_name))
    rows = connection.execute(query).all()
    exact = [row for row in rows if row.id == id_or_name] or rows
    if len(exact) != 1:
        there = [row.id for row in exact] or [row.id for row in connection.execute(select(table.c.id))]
        problem = "names more than one" if exact else "is not there"
        raise AccountRefused(f"{kind} {id_or_name!r} {problem}: give one of these ids: {_listed(there)}")
    [row] = exact
    if kind == "customer" or (kind == "project" and row.customer) or (kind == "key" and _pays(connection, row.project)):
        return Subject(kind, row.id, row.name, "charge")
    return Subject(kind, row.id, row.name, "cost")


def own_accounts(connection: Connection, subject: Subject) -> OwnAccounts:
    """Empty for a project or a key: their calls are in the accounts of a customer or of ours."""
    own: dict[int, str] = {}
    saving: dict[int, str] = {}
    balance: dict[str, int] = {}
    if subject.kind in ("customer", "vendor"):
        held, lots = (
            ((Kind.WALLET, Kind.OWED), Kind.CREDIT) if subject.kind == "customer" else ((Kind.PAYABLE,), Kind.PACK)
        )
        of_lots = accounts.c.owner.startswith(f"{subject.id}#", autoescape=True)
        for row in connection.execute(select(accounts).where(or_(accounts.c.owner == subject.id, of_lots))):
            direct = row.owner == subject.id
            if row.kind in held if direct else row.kind == lots:
                own[row.id] = row.currency
                balance[row.currency] = balance.get(row.currency, 0) + row.credits_posted - row.debits_posted
            elif direct and row.kind == Kind.SAVING:
                saving[row.id] = row.currency
    return OwnAccounts(own, saving, balance)


def _vendor(connection: Connection, id: str) -> Subject:
    booked = set(connection.execute(select(usage_rollups.c.vendor).distinct()).scalars())
    paid = connection.execute(select(accounts.c.owner).where(accounts.c.kind == Kind.PAYABLE)).scalars()
    known = booked | set(paid)
    if id not in known:
        raise AccountRefused(f"nothing was ever booked with vendor {id!r}: give one of these: {_listed(known)}")
    return Subject("vendor", id, id, "cost")


def _pays(connection: Connection, project: str | None) -> bool:
    query = select(projects.c.customer).where(projects.c.id == project)
    return project is not None and connection.execute(query).scalar_one() is not None


def _listed(ids: Iterable[Any]) -> str:
    return ", ".join(sorted(ids)) or "there are none yet"
