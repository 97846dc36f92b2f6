"""What comes with time: a plan's fee and allowance when its month begins, and the end of lots whose time is over.

A month begins before any entry of it is posted, and a lot ends after every entry that may draw on it is: so what an
entry draws on hangs on when it was opened, and not on when it was posted.
"""

from __future__ import annotations

import calendar
import logging
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, func, select, update

from fenli.clock import SECOND
from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.entries import OpenHold
from fenli.ledger.lots import Lot, LotKind
from fenli.office.accounting import Accounting, accounting
from fenli.office.lots import CUSTOMER, Side, add_lot, lot_of
from fenli.office.paying import take
from fenli.office.tables import chain_end, lots, open_holds
from fenli.office.terms import Assignment, StoredTerms
from fenli.prices.plans import Subscription
from fenli.store import Database
from fenli.values import format_instant
from fenli.values.instants import instant_of, moment_of
from fenli.values.money import picos_of

log = logging.getLogger(__name__)

LOOK: Final = SECOND  # how often to look for lots that are over, and how long after their end
_decode_hold = msgspec.msgpack.Decoder(OpenHold).decode


class Cycle:
    """One for the process that posts."""

    def __init__(self, database: Database, terms: StoredTerms) -> None:
        self._database = database
        self._terms = terms
        self._due: int | None = None  # when the next month begins; None until it is worked out
        self._version: object = None
        self._look_at = 0

    def begin(self, connection: Connection, books: Accounting, until: int) -> None:
        """Fees and allowances of every month that begins by ``until``, ns, each once."""
        if self._version != self._terms.version:
            self._due, self._version = None, self._terms.version
        if self._due is not None and until < self._due:
            return
        self._due = None  # until the transaction is through: what is written may be undone
        posted, starts = False, []
        for assignment, terms in self._terms.subscriptions():
            done = _begun(connection, assignment)
            for number, start, end in _months(assignment, terms, done):
                if start > until:
                    starts.append(start)
                    break
                _post_month(connection, books, assignment, terms, number, start, end)
                posted = True
        if not posted:
            self._due = min(starts, default=2**63)

    def turn(self, now: int) -> None:
        """Called when every journal was read to its end, some time after ``now``, ns."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK
        with self._database.read() as connection:
            self._terms.refresh(connection)
            over = _over(connection, now - LOOK)
        if self._version == self._terms.version and self._due is not None and now < self._due and not over:
            return
        with self._database.write() as connection, accounting(connection, now) as books:
            self.begin(connection, books, now)
            for side, lot in _over(connection, now - LOOK):
                _lapse(connection, books, side, lot)


def month_after(start: int, months: int, zone: ZoneInfo) -> int:
    """The same day and time of the day so many months later, ns; the last day where the month has no such day."""
    moment = moment_of(start, zone)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return instant_of(moment.replace(year=year, month=month + 1, day=day)) + start % 1_000


def _begun(connection: Connection, assignment: Assignment) -> int:
    """How many months of it have begun."""
    of_it = lots.c.reference.startswith(f"{_reference(assignment)}-", autoescape=True)
    query = select(func.count()).select_from(lots).where(lots.c.side == CUSTOMER, lots.c.owner == assignment.customer)
    return int(connection.execute(query.where(of_it)).scalar_one())


def _months(assignment: Assignment, terms: Subscription, first: int) -> Iterator[tuple[int, int, int]]:
    """The number, start and end of each month of the assignment, from month ``first`` (0: its first) on."""
    zone = ZoneInfo(terms.zone)
    number, start = first, month_after(assignment.starts_at, first, zone)
    while assignment.ends_at is None or start < assignment.ends_at:
        end = month_after(assignment.starts_at, number + 1, zone)
        yield number, start, end
        number, start = number + 1, end


def _reference(assignment: Assignment) -> str:
    return f"plan-{assignment.id}"


def _post_month(
    connection: Connection, books: Accounting, assignment: Assignment, terms: Subscription,
    number: int, start: int, end: int,
) -> None:  # fmt: skip
    reference = f"{_reference(assignment)}-{number + 1}"
    why = f"month from {format_instant(start, ZoneInfo(terms.zone))}"
    take(
        books, assignment.customer, terms.currency, picos_of(terms.fee),
        kind=Move.FEE, key=f"fee/{reference}", reference=reference, why=why,
    )  # fmt: skip
    lot = add_lot(
        connection, CUSTOMER, owner=assignment.customer, kind=LotKind.ALLOWANCE, unit="money", currency=terms.currency,
        face=picos_of(terms.allowance), scope=None if assignment.project is None else [assignment.project],
        opens_at=start, expires_at=end, reference=reference, why=why, now=books.now,
    )  # fmt: skip
    books.apply(grant(lot, Move.ALLOWANCE, books.now, reference, why))


def grant(lot: Lot, kind: Move, now: int, reference: str, why: str | None) -> Transfer:
    """What puts a customer's new lot into the books."""
    return Transfer(
        key=f"lot/{lot.id}", kind=kind, debit=AccountName(Kind.GIVEN, lot.owner, lot.currency),
        credit=AccountName(Kind.CREDIT, lot.account_owner, lot.currency), amount=lot.face, at=now,
        reference=reference, why=why,
    )  # fmt: skip


def _over(connection: Connection, by: int) -> list[tuple[Side, Lot]]:
    """Lots whose time is over and on which no attempt that is still open can draw."""
    ended = select(lots).where(lots.c.lapsed_at.is_(None), lots.c.expires_at <= by)
    found = [(row.side, lot_of(row)) for row in connection.execute(ended)]
    if not found:
        return []
    holds = map(_decode_hold, connection.execute(select(open_holds.c.hold)).scalars())
    oldest = min(((hold.attempted or hold.held).at for hold in holds), default=by)
    return [(side, lot) for side, lot in found if lot.expires_at is not None and lot.expires_at <= oldest]


def _lapse(connection: Connection, books: Accounting, side: Side, lot: Lot) -> None:
    posted = connection.execute(select(chain_end.c.sequence)).scalar_one()
    connection.execute(update(lots).where(lots.c.id == lot.id).values(lapsed_at=books.now, lapsed_after=posted))
    if side == CUSTOMER:
        left, kind = lot.left, Move.EXPIRY
        debit, credit = (Kind.CREDIT, lot.account_owner), (Kind.GIVEN, lot.owner)
    else:
        left, kind = lot.cash_left, Move.LAPSE
        debit, credit = (Kind.LAPSED, lot.owner), (Kind.PACK, lot.account_owner)
    if not left:
        return
    log.info("%s: %s of what was left of lot %d", lot.owner, kind, lot.id)
    lapse = Transfer(
        key=f"lot/{lot.id}/{kind}", kind=kind, debit=AccountName(*debit, lot.currency),
        credit=AccountName(*credit, lot.currency), amount=left, at=books.now, names=f"lot/{lot.id}",
    )  # fmt: skip
    books.apply(lapse)
