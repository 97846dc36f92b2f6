"""What the tests of accounts share: customers with keys and plans, and the accounts as plain values."""

from __future__ import annotations

from typing import Any

from books import NOON, SECOND, Worker, held, settled
from sqlalchemy import select

from fenli.ledger.chart import AccountName, Kind
from fenli.office.accounts import read_accounts
from fenli.office.customers import create_customer, create_project
from fenli.office.keys import create_key
from fenli.office.plans import assign_plan, create_plan
from fenli.office.tables import lots
from fenli.prices.plans import Markup, Terms
from fenli.store import Database

YUAN = 10**12
BEFORE = NOON - 3600 * SECOND  # when everything that the tests begin with was made


FIFTH_ON_TOP = Markup("1.2")


def sell(database: Database, customer: str = "acme", terms: Terms | None = FIFTH_ON_TOP) -> str:
    """A customer with one project, a key of it, and a plan from an hour ago on; the key's id."""
    create_customer(database, customer, now=BEFORE)
    create_project(database, f"{customer}-web", customer=customer, now=BEFORE)
    key = create_key(database, f"{customer}-key", project=f"{customer}-web", now=BEFORE)
    if terms is not None:
        create_plan(database, f"{customer}-plan", terms, now=BEFORE)
        assign_plan(database, f"{customer}-plan", customer=customer, now=BEFORE)
    return key.id


def call(worker: Worker, number: int, key: str, picos: int, **changed: Any) -> None:
    """One call of ``key`` at a cost, whole within one write."""
    opened = {name: changed.pop(name) for name in ("at", "vendor", "model") if name in changed}
    worker.write(held(number, key=key, **opened), settled(number, picos=picos, **changed))


def balances(database: Database) -> dict[str, int]:
    """Every account that is not empty: ``{"wallet acme CNY": picos}``; what is pending with a ``?`` behind."""
    found = {}
    with database.read() as connection:
        for account in read_accounts(connection):
            if account.balance:
                found[str(account.name)] = account.balance
            if account.debits_pending or account.credits_pending:
                found[f"{account.name} ?"] = account.debits_pending + account.credits_pending
    return found


def balance(database: Database, kind: Kind, owner: str, currency: str = "CNY") -> int:
    with database.read() as connection:
        accounts = {account.name: account.balance for account in read_accounts(connection)}
    return accounts.get(AccountName(kind, owner, currency), 0)


def lot_rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(lots).order_by(lots.c.id)))
