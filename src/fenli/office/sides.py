"""The two sides of a batch of entries: what vendors charge us, and what we charge customers.

One transfer for each pair of accounts sums up the whole batch and names its entries by sequence. Where there are lots,
each entry draws on them in its turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from fenli.ledger.accounts import Phase, Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.entries import Entry
from fenli.ledger.lots import Covered, Draw, Need, draw
from fenli.office.accounting import Accounting
from fenli.office.lots import CUSTOMER, VENDOR, OpenLots, Side, draw_orders, note_draws
from fenli.office.paying import accounts_of, take
from fenli.office.rollups import Group, Sums
from fenli.values import Usage

_Owner = tuple[str, str]  # a vendor's or a customer's id, and a currency


class Totals(msgspec.Struct):
    """What a batch comes to, picos: known costs and what is pending for unknown ones by vendor and currency, charges by
    customer and currency, and what lots covered, by side and the lot's id."""

    costs: dict[_Owner, int]
    unclear: dict[_Owner, int]
    charges: dict[_Owner, int]
    covered: dict[tuple[Side, int], Covered]


def totals(sums: Mapping[Group, Sums], entries: Iterable[Entry], lots: OpenLots) -> Totals:
    """``sums`` are those of ``entries``. Draws on ``lots``, which are changed."""
    found = Totals(defaultdict(int), defaultdict(int), defaultdict(int), {})
    for group, each in sums.items():
        if each.picos:
            found.costs[group.vendor, group.currency] += each.picos
        if each.unknown_held:
            found.unclear[group.vendor, group.currency] += each.unknown_held
        if each.charge_picos:
            found.charges[group.customer, group.charge_currency] += each.charge_picos
    if lots:
        for entry in entries:
            for side, drawn in _draws(entry, lots):
                place = side, drawn.lot.id
                covered = found.covered.get(place) or Covered(drawn.lot)
                covered.add(drawn)
                found.covered[place] = covered
    return found


def post_sides(
    connection: Connection, books: Accounting, first: int, entries: Sequence[Entry], sums: Mapping[Group, Sums]
) -> None:
    """Posts both sides of ``entries``, the first of which has sequence ``first``. Within their transaction."""
    last = first + len(entries) - 1
    found = totals(sums, entries, OpenLots.read(connection, draw_orders()))
    made = vendor_transfers(found, first, last, books.now)
    books.load(name for transfer in made for name in (transfer.debit, transfer.credit))
    books.load(name for owner in found.charges for name in accounts_of(*owner))
    for transfer in made:
        books.add(transfer)
    for (customer, currency), amount in found.charges.items():
        rest = amount
        for (side, _), covered in found.covered.items():
            if (side, covered.lot.owner, covered.lot.currency) == (CUSTOMER, customer, currency):
                rest -= covered.picos
                books.add(_charge(covered, first, last, books.now))
        take(
            books, customer, currency, rest, kind=Move.CHARGE,
            key=f"{first}-{last}/charge/{customer}/{currency}", first=first, last=last,
        )  # fmt: skip
    note_draws(connection, first, last, found.covered.values())


def vendor_transfers(found: Totals, first: int, last: int, now: int) -> list[Transfer]:
    """The vendors' side. What lots covered is not owed: it was paid with the lot, or saved."""
    amounts: dict[tuple[AccountName, AccountName], int] = defaultdict(int)
    rest = dict(found.costs)
    for (side, _), covered in found.covered.items():
        if side != VENDOR:
            continue
        lot = covered.lot
        cost, pack, saving = (
            AccountName(kind, owner, lot.currency)
            for kind, owner in (
                (Kind.COST, lot.owner), (Kind.PACK, lot.account_owner), (Kind.SAVING, lot.owner),
            )
        )  # fmt: skip
        rest[lot.owner, lot.currency] -= covered.picos
        paid = min(covered.picos, covered.cash)
        amounts[cost, pack] += paid
        amounts[cost, saving] += covered.picos - paid
        amounts[saving, pack] += covered.cash - paid
    for (vendor, currency), amount in rest.items():
        payable = AccountName(Kind.PAYABLE, vendor, currency)
        amounts[AccountName(Kind.COST, vendor, currency), payable] += amount
    transfers = [
        _summed(Move.COST, Phase.POSTED, debit, credit, amount, first, last, now)
        for (debit, credit), amount in amounts.items()
        if amount
    ]
    for (vendor, currency), amount in found.unclear.items():
        unclear, payable = AccountName(Kind.UNCLEAR, vendor, currency), AccountName(Kind.PAYABLE, vendor, currency)
        transfers.append(_summed(Move.UNKNOWN, Phase.PENDING, unclear, payable, amount, first, last, now))
    return transfers


def _draws(entry: Entry, lots: OpenLots) -> Iterable[tuple[Side, Draw]]:
    if entry.picos and entry.currency and (found := lots.of(VENDOR, entry.vendor)):
        used = Usage(entry.usage or {})
        need = Need(entry.opened_at, entry.currency, entry.picos, used.prompt + used.completion, entry.model)
        for drawn in draw(found, need):
            yield VENDOR, drawn
    if entry.charge_picos and entry.charge_currency and entry.customer:
        found = lots.of(CUSTOMER, entry.customer)
        need = Need(entry.opened_at, entry.charge_currency, entry.charge_picos, 0, entry.project)
        for drawn in draw(found, need):
            yield CUSTOMER, drawn


def _charge(covered: Covered, first: int, last: int, now: int) -> Transfer:
    lot = covered.lot
    credit = AccountName(Kind.CREDIT, lot.account_owner, lot.currency)
    revenue = AccountName(Kind.REVENUE, lot.owner, lot.currency)
    return _summed(Move.CHARGE, Phase.POSTED, credit, revenue, covered.picos, first, last, now)


def _summed(
    kind: Move, phase: Phase, debit: AccountName, credit: AccountName, amount: int, first: int, last: int, now: int
) -> Transfer:
    return Transfer(
        key=f"{first}-{last}/{kind}/{debit.kind}:{debit.owner}/{credit.kind}:{credit.owner}/{debit.currency}",
        kind=kind, phase=phase, debit=debit, credit=credit, amount=amount, at=now, first=first, last=last,
    )  # fmt: skip
