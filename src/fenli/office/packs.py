"""What we bought of vendors ahead, resource packs and prepaid balances, and what their calls came to with them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from fenli.errors import AccountRefused
from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.lots import UNITS, Lot, LotKind, Unit
from fenli.office.accounting import accounting, check_note
from fenli.office.accounts import read_accounts
from fenli.office.lots import VENDOR, add_lot, earliest_start, lot_of
from fenli.office.tables import lots
from fenli.store import Database
from fenli.values import Money
from fenli.values.money import currency_of

BOUGHT = (
    LotKind.FREE, LotKind.PROMOTIONAL, LotKind.SUBSCRIPTION, LotKind.PACK, LotKind.GRANTED, LotKind.TOPPED_UP,
)  # fmt: skip


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """``units`` of ``unit`` (money: picos of ``price``'s currency) for ``price``, which is 0 for what was given to us.

    ``models`` None: for every model of the vendor. It covers attempts opened in ``[starts_at, expires_at)``, ns.
    """

    vendor: str
    kind: LotKind
    unit: Unit
    units: int
    price: Money
    reference: str
    models: tuple[str, ...] | None = None
    starts_at: int | None = None
    expires_at: int | None = None
    why: str | None = None


class PackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A lot as it stands. ``cash_left`` is what we paid for what is left of it, picos. ``lapsed_at`` None: it is not
    written off."""

    lot: Lot
    cash_left: int
    lapsed_at: int | None
    reference: str


class VendorCosts(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's calls came to in one currency, picos, two ways that are never added to each other.

    ``list_cost`` is the marginal cost: every call at its list price. ``cash_cost`` is what they cost us: what we owe
    beyond the lots, and the part of the lots' price that was used. ``saved`` is the difference. ``lapsed`` was paid for
    and used by no call, ``unused`` still may be. ``payable`` is what we owe, ``unclear`` what was held for calls of
    unknown cost.
    """

    vendor: str
    currency: str
    list_cost: int
    cash_cost: int
    saved: int
    lapsed: int
    unused: int
    payable: int
    unclear: int


def buy(database: Database, purchase: Purchase, *, now: int) -> bool:
    """Books the purchase and has calls draw on it. False when its reference was booked before.

    Raises AccountRefused for what cannot be bought, or another purchase of the vendor's by the same reference.
    """
    _check(purchase)
    currency = purchase.price.currency
    with database.write() as connection:
        if (before := _by_reference(connection, purchase)) is not None:
            _same(before, purchase)
            return False
        earliest = earliest_start(connection, now)
        if purchase.starts_at is not None and purchase.starts_at < now:
            raise AccountRefused("a purchase covers no call that was opened before now: let it start now, or later")
        lot = add_lot(
            connection, VENDOR, owner=purchase.vendor, kind=purchase.kind, unit=purchase.unit, currency=currency,
            face=purchase.units, cash=purchase.price.picos, scope=purchase.models,
            opens_at=max(earliest, purchase.starts_at or 0), expires_at=purchase.expires_at,
            reference=purchase.reference, why=purchase.why, now=now,
        )  # fmt: skip
        if lot.cash:
            with accounting(connection, now) as books:
                books.apply(_paid(lot, purchase, now))
    return True


def pay_vendor(
    database: Database, vendor: str, amount: Money, *, reference: str, why: str | None = None, now: int
) -> bool:
    """We paid what we owed the vendor. False when ``reference`` was booked before. Raises AccountRefused."""
    if amount.picos <= 0:
        raise AccountRefused(f"a payment of {amount}: write an amount above 0")
    check_note(reference)
    transfer = Transfer(
        key=f"payment/{vendor}/{reference}", kind=Move.PAYMENT,
        debit=AccountName(Kind.PAYABLE, vendor, currency_of(amount.currency)),
        credit=AccountName(Kind.CASH, "", amount.currency), amount=amount.picos, at=now, reference=reference, why=why,
    )  # fmt: skip
    with database.write() as connection, accounting(connection, now) as books:
        return books.apply(transfer)


def list_packs(connection: Connection, vendor: str | None = None) -> list[PackInfo]:
    """Of one vendor, or all; in the order of vendors, then of purchase."""
    query = select(lots).where(lots.c.side == VENDOR).order_by(lots.c.owner, lots.c.id)
    if vendor is not None:
        query = query.where(lots.c.owner == vendor)
    return [
        PackInfo(lot=lot, cash_left=lot.cash_left, lapsed_at=row.lapsed_at, reference=row.reference)
        for row in connection.execute(query)
        for lot in [lot_of(row)]
    ]


def vendor_costs(connection: Connection, vendor: str | None = None) -> list[VendorCosts]:
    """By vendor and currency, of all time."""
    kinds = (Kind.COST, Kind.SAVING, Kind.LAPSED, Kind.PACK, Kind.PAYABLE, Kind.UNCLEAR)
    sums: dict[tuple[str, str], dict[Kind, int]] = {}
    for account in read_accounts(connection, kinds, vendor):
        name = account.name
        of_vendor = sums.setdefault((name.owner.partition("#")[0], name.currency), dict.fromkeys(kinds, 0))
        of_vendor[name.kind] += account.debits_pending if name.kind is Kind.UNCLEAR else account.balance
    return [
        VendorCosts(
            vendor=owner, currency=currency, list_cost=found[Kind.COST],
            cash_cost=found[Kind.COST] - found[Kind.SAVING], saved=found[Kind.SAVING], lapsed=found[Kind.LAPSED],
            unused=found[Kind.PACK], payable=found[Kind.PAYABLE], unclear=found[Kind.UNCLEAR],
        )
        for (owner, currency), found in sorted(sums.items())
    ]  # fmt: skip


def _check(purchase: Purchase) -> None:
    currency_of(purchase.price.currency)
    check_note(purchase.reference)
    check_note(purchase.why)
    if purchase.kind not in BOUGHT:
        raise AccountRefused(f"{purchase.kind} is nothing to buy: write one of {', '.join(BOUGHT)}")
    if purchase.unit not in UNITS:
        raise AccountRefused(f"{purchase.unit!r} is no unit of a pack: write one of {', '.join(UNITS)}")
    if purchase.units <= 0:
        raise AccountRefused(f"a pack of {purchase.units} {purchase.unit}: write how many are in it, 1 or more")
    if purchase.price.picos < 0:
        raise AccountRefused(f"a price of {purchase.price}: write 0 for what was given to us, or what was paid")
    if purchase.models is not None and not purchase.models:
        raise AccountRefused("a pack for no model: name one, or leave the list out for all of them")


def _paid(lot: Lot, purchase: Purchase, now: int) -> Transfer:
    return Transfer(
        key=f"lot/{lot.id}", kind=Move.PURCHASE, debit=AccountName(Kind.PACK, lot.account_owner, lot.currency),
        credit=AccountName(Kind.CASH, "", lot.currency), amount=lot.cash, at=now, reference=purchase.reference,
        why=purchase.why,
    )  # fmt: skip


def _by_reference(connection: Connection, purchase: Purchase) -> Lot | None:
    of_it = (lots.c.side == VENDOR) & (lots.c.owner == purchase.vendor) & (lots.c.reference == purchase.reference)
    row = connection.execute(select(lots).where(of_it)).one_or_none()
    return None if row is None else lot_of(row)


def _same(before: Lot, purchase: Purchase) -> None:
    def said(models: Sequence[str] | frozenset[str] | None) -> list[str] | None:
        return None if models is None else sorted(models)

    was = (before.kind, before.unit, before.face, before.currency, before.cash, before.expires_at, said(before.scope))
    price = purchase.price
    now = (purchase.kind, purchase.unit, purchase.units, price.currency, price.picos, purchase.expires_at)
    if was != (*now, said(purchase.models)):
        raise AccountRefused(
            f"{purchase.reference} was booked before, as another purchase: give this one a reference of its own"
        )
