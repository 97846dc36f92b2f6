"""Customers' money: top-ups, credits that expire, refunds, and what it all comes to."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from fenli.errors import AccountRefused
from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.lots import Lot, LotKind, in_order
from fenli.office.accounting import accounting, check_note
from fenli.office.accounts import read_accounts, read_transfers
from fenli.office.customers import find_customer
from fenli.office.cycle import grant
from fenli.office.lots import CUSTOMER, add_lot, earliest_start, lot_of
from fenli.office.paying import put_in
from fenli.office.tables import lots
from fenli.store import Database
from fenli.values import Money
from fenli.values.money import currency_of


class Purse(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer has and owes in one currency, picos. ``credits`` are those that something is left of and that
    are not over, in the order in which calls draw on them; ``charged`` is all that was ever charged."""

    currency: str
    wallet: int
    owed: int
    charged: int
    credits: tuple[Lot, ...]

    @property
    def credit(self) -> int:
        return sum(lot.left for lot in self.credits)


def top_up(
    database: Database, customer: str, amount: Money, *, reference: str, why: str | None = None, now: int
) -> bool:
    """The customer paid ``amount`` in; what is owed is paid with it first. False when ``reference`` was booked before.

    Raises AccountRefused for an unknown customer, an amount that is not above zero, or another top-up by the same
    reference.
    """
    _above_zero(amount, "a top-up")
    check_note(reference)
    cash = AccountName(Kind.CASH, "", amount.currency)
    with database.write() as connection:
        find_customer(connection, customer)
        with accounting(connection, now) as books:
            key = f"topup/{customer}/{reference}"
            return put_in(
                books, customer, cash, amount.picos, kind=Move.TOP_UP, key=key, reference=reference, why=why
            )  # fmt: skip


def refund(
    database: Database, customer: str, amount: Money, *, reference: str, why: str | None = None, now: int
) -> bool:
    """Pays money of the wallet back to the customer. False when ``reference`` was booked before.

    Raises AccountRefused as `top_up` does, and where the wallet holds less.
    """
    _above_zero(amount, "a refund")
    check_note(reference)
    transfer = Transfer(
        key=f"refund/{customer}/{reference}", kind=Move.REFUND,
        debit=AccountName(Kind.WALLET, customer, amount.currency), credit=AccountName(Kind.CASH, "", amount.currency),
        amount=amount.picos, at=now, reference=reference, why=why,
    )  # fmt: skip
    with database.write() as connection:
        find_customer(connection, customer)
        with accounting(connection, now) as books:
            return books.apply(transfer)


def give_credit(
    database: Database,
    customer: str,
    amount: Money,
    *,
    reference: str,
    expires_at: int | None = None,
    why: str | None = None,
    now: int,
) -> bool:
    """A credit that calls draw on before the wallet, from now until ``expires_at`` (ns). False when ``reference`` was
    booked before. Raises AccountRefused as `top_up` does, and for an end that is not in the future."""
    _above_zero(amount, "a credit")
    check_note(reference)
    with database.write() as connection:
        find_customer(connection, customer)
        if (before := _lot(connection, customer, reference)) is not None:
            _same_credit(before, amount, expires_at, reference)
            return False
        lot = add_lot(
            connection, CUSTOMER, owner=customer, kind=LotKind.CREDIT, unit="money", currency=amount.currency,
            face=amount.picos, opens_at=earliest_start(connection, now), expires_at=expires_at, reference=reference,
            why=why, now=now,
        )  # fmt: skip
        with accounting(connection, now) as books:
            books.apply(grant(lot, Move.CREDIT, now, reference, why))
    return True


def purses(connection: Connection, customer: str) -> list[Purse]:
    """By currency. Raises AccountRefused for an unknown customer."""
    find_customer(connection, customer)
    left = select(lots).where(lots.c.side == CUSTOMER, lots.c.owner == customer, lots.c.lapsed_at.is_(None))
    open_lots = [lot for lot in map(lot_of, connection.execute(left)) if lot.left]
    found = read_accounts(connection, (Kind.WALLET, Kind.OWED, Kind.REVENUE), customer)
    balances = {(account.name.kind, account.name.currency): account.balance for account in found}
    currencies = sorted({name for _, name in balances} | {lot.currency for lot in open_lots})
    return [
        Purse(
            currency=currency,
            wallet=balances.get((Kind.WALLET, currency), 0),
            owed=balances.get((Kind.OWED, currency), 0),
            charged=balances.get((Kind.REVENUE, currency), 0),
            credits=tuple(in_order(lot for lot in open_lots if lot.currency == currency)),
        )
        for currency in currencies
    ]


def movements(connection: Connection, customer: str, newest: int) -> list[Transfer]:
    """Transfers that touched the customer's wallet, credits or debts, oldest first: at most the ``newest`` so many."""
    find_customer(connection, customer)
    own = [account.name for account in read_accounts(connection, (Kind.WALLET, Kind.CREDIT, Kind.OWED), customer)]
    return read_transfers(connection, own, newest)


def _lot(connection: Connection, customer: str, reference: str) -> Lot | None:
    of_it = select(lots).where(lots.c.side == CUSTOMER, lots.c.owner == customer, lots.c.reference == reference)
    row = connection.execute(of_it).one_or_none()
    return None if row is None else lot_of(row)


def _same_credit(before: Lot, amount: Money, expires_at: int | None, reference: str) -> None:
    if (before.currency, before.face, before.expires_at) != (amount.currency, amount.picos, expires_at):
        was = Money(before.currency, before.face)
        raise AccountRefused(f"{reference} was booked before, as {was}: give the new credit a reference of its own")


def _above_zero(amount: Money, what: str) -> None:
    currency_of(amount.currency)
    if amount.picos <= 0:
        raise AccountRefused(f"{what} of {amount}: write an amount above 0")
