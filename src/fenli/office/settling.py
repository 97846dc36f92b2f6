"""Booking what a vendor's bills say: entries of unknown cost get theirs, the vendor's account gets the rest.

A bill by requests corrects each request's entry. A bill by days says what the unknown entries of a day and a model cost
together, and they share it as their holds are to each other; what is left over, such as the vendor's rounding, is no
entry's and is booked on the vendor's accounts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection, func, select

from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.reconciliation import Compared, Settlement, allot, settlement
from fenli.office.accounting import accounting
from fenli.office.bill_entries import RESIDUE, entries_in, key_of
from fenli.office.bills import reference
from fenli.office.corrections import Corrections
from fenli.office.reconciling import Reconciliation, reconcile
from fenli.office.reports import EntryRow
from fenli.office.tables import transfers
from fenli.store import Database
from fenli.values import Money


class Posted(msgspec.Struct, frozen=True):
    """So many ``entries`` were corrected and ``transfers`` made; somebody has to look at the places in ``left``."""

    entries: int
    transfers: int
    left: tuple[Compared, ...]


def post(database: Database, found: Reconciliation, *, month: date | None, now: int) -> Posted:
    """All in one transaction; posted again, it changes nothing. ``month`` as `reconcile` was asked for.

    Both sides are compared once more within it, so that nothing that was posted meanwhile is taken for what it was.
    """
    corrected = moved = 0
    with database.write() as connection:
        now_found = reconcile(connection, found.vendor, month=month, names=found.names)
        corrections = Corrections(connection, now)
        for one in now_found.compared:
            booked = settlement(one)
            if booked is None or one.theirs is None:
                continue
            bill = now_found.bill_of[one.place]
            rows = entries_in(connection, found.vendor, now_found.period, one.place, now_found.names)
            parts, residue = _parts(one, booked, rows)
            for row, picos in parts:
                amount = Money(one.place.currency, picos)
                corrections.post(row.entry.call, row.entry.attempt, amount, why=_why(one), reference=reference(bill))
                corrected += 1
            if residue:
                _book_apart(connection, found.vendor, bill, one, residue, now)
                moved += 1
    return Posted(corrected, moved, tuple(one for one in now_found.compared if one.causes and settlement(one) is None))


def _parts(one: Compared, booked: Settlement, rows: Sequence[EntryRow]) -> tuple[list[tuple[EntryRow, int]], int]:
    """What each entry cost, and what no entry explains."""
    if one.place.request_id and len(rows) == 1 and one.theirs is not None and one.theirs.picos >= 0:
        return [(rows[0], one.theirs.picos)], 0
    if booked.unknown is None:
        return [], booked.residue
    unknown = [row for row in rows if row.entry.picos is None]
    return list(
        zip(unknown, allot(booked.unknown, [row.entry.held_picos for row in unknown]), strict=True)
    ), booked.residue


def _book_apart(connection: Connection, vendor: str, bill: int, one: Compared, picos: int, now: int) -> None:
    before = select(func.count()).select_from(transfers).where(transfers.c.key.startswith(f"{RESIDUE}{bill}/"))
    number = connection.execute(before).scalar_one() + 1
    billed, payable = (AccountName(kind, vendor, one.place.currency) for kind in (Kind.BILLED, Kind.PAYABLE))
    debit, credit = (billed, payable) if picos > 0 else (payable, billed)
    with accounting(connection, now) as books:
        books.apply(
            Transfer(
                key=key_of(bill, number, one.place), kind=Move.CORRECTION, debit=debit, credit=credit,
                amount=abs(picos), at=now, reference=reference(bill), why=_why(one),
            )
        )  # fmt: skip


def _why(one: Compared) -> str:
    place = one.place.request_id or one.place.day
    return f"{', '.join(one.causes)}: {one.place.model} {place}"[:200]
