"""Corrections in the store: a row, the transfers that move the difference, and the sums, all in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select

from fenli.errors import AccountRefused
from fenli.ledger.accounts import Phase, Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.corrections import Correction, corrected
from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.office.accounting import Accounting, accounting, check_note
from fenli.office.paying import put_in, take
from fenli.office.rollups import move
from fenli.office.rows import entry_of
from fenli.office.tables import corrections, entries
from fenli.office.terms import StoredTerms
from fenli.prices.plans import Charge, depends_on_cost
from fenli.values import Money

NEWEST: Final = 2**63 - 1
_FIELDS: Final = Correction.__struct_fields__
_OF_BATCH: Final = """
    SELECT t."key", t.kind FROM transfers t JOIN accounts d ON d.id = t.debit
    WHERE t.first = (SELECT max(first) FROM transfers WHERE first <= ?) AND t.last >= ? AND t.kind = ?
        AND d.kind = ? AND d.owner = ? AND d.currency = ? ORDER BY t.id LIMIT 1
"""


def post_correction(
    connection: Connection, call: str, attempt: int, amount: Money, *, why: str, reference: str, now: int
) -> Correction:
    """The attempt cost ``amount`` and nothing else. Within a write transaction; see `Corrections.post`."""
    return Corrections(connection, now).post(call, attempt, amount, why=why, reference=reference)


class Corrections:
    """Posts many within one write transaction."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now
        self._terms = StoredTerms()
        self._terms.refresh(connection)

    def post(self, call: str, attempt: int, amount: Money, *, why: str, reference: str) -> Correction:
        """The attempt cost ``amount``, according to ``reference``. The same correction made again changes nothing.

        Raises AccountRefused for an attempt that is not in the books, another currency, an amount below zero, or
        another correction by the same reference.
        """
        sequence, entry = self._entry(call, attempt)
        check_note(why)
        check_note(reference)
        place = f"{call}, attempt {attempt}"
        if amount.picos < 0:
            raise AccountRefused(f"{place}: a call costs no less than nothing: {amount} cannot be right")
        if entry.currency is not None and entry.currency != amount.currency:
            raise AccountRefused(f"{place} is in {entry.currency}: give what it cost in that, not in {amount.currency}")
        before = latest_corrections(self._connection, [sequence])
        same = self._by_reference(sequence, reference)
        if same is not None:
            if (same.picos, same.currency) != (amount.picos, amount.currency):
                was = Money(same.currency, same.picos)
                raise AccountRefused(f"{place} was corrected to {was} by {reference}: give {amount} its own reference")
            return same
        return self._post(sequence, entry, corrected(entry, before.get(sequence)), amount, why, reference)

    def _post(self, sequence: int, entry: Entry, counted: Entry, amount: Money, why: str, reference: str) -> Correction:
        priced = msgspec.structs.replace(
            counted, grade=Grade.RECONCILED, currency=amount.currency, picos=amount.picos
        )  # fmt: skip
        terms = self._terms.terms_of(entry)
        if terms is not None and depends_on_cost(terms):
            charge = self._terms.charge(priced)
        else:
            charge = Charge(counted.charge_currency, counted.charge_picos)
        correction = Correction(
            entry=sequence, call=entry.call, attempt=entry.attempt, at=self._now, currency=amount.currency,
            picos=amount.picos, picos_before=counted.picos, charge_currency=charge[0], charge_picos=charge[1],
            charge_before=counted.charge_picos, why=why, reference=reference,
        )  # fmt: skip
        made = self._connection.execute(insert(corrections), msgspec.structs.asdict(correction))
        assert made.inserted_primary_key is not None
        key = f"correction/{made.inserted_primary_key[0]}"
        with accounting(self._connection, self._now) as books:
            self._cost_side(books, key, entry, counted, correction)
            self._charge_side(books, key, entry, counted, correction)
        move(self._connection, counted, corrected(entry, correction))
        return correction

    def _cost_side(self, books: Accounting, key: str, entry: Entry, counted: Entry, correction: Correction) -> None:
        cost, payable, unclear = (
            AccountName(kind, entry.vendor, correction.currency) for kind in (Kind.COST, Kind.PAYABLE, Kind.UNCLEAR)
        )
        first_made = self._covering(correction.entry, Move.COST, cost)
        if counted.picos is None and counted.grade is Grade.UNKNOWN and entry.held_picos:
            first_made = self._covering(correction.entry, Move.UNKNOWN, unclear)
            books.apply(
                Transfer(
                    key=f"{key}/void", kind=Move.CORRECTION, phase=Phase.VOID, debit=unclear, credit=payable,
                    amount=entry.held_picos, at=books.now, names=first_made,
                    reference=correction.reference, why=correction.why,
                )
            )  # fmt: skip
        more = correction.picos - (counted.picos or 0)
        if more:
            debit, credit = (cost, payable) if more > 0 else (payable, cost)
            books.apply(
                Transfer(
                    key=f"{key}/cost", kind=Move.CORRECTION, debit=debit, credit=credit, amount=abs(more),
                    at=books.now, names=first_made, reference=correction.reference, why=correction.why,
                )
            )  # fmt: skip

    def _charge_side(self, books: Accounting, key: str, entry: Entry, counted: Entry, correction: Correction) -> None:
        customer, currency = entry.customer, correction.charge_currency
        more = (correction.charge_picos or 0) - (counted.charge_picos or 0)
        if customer is None or currency is None or not more:
            return
        notes: dict[str, Any] = {"reference": correction.reference, "why": correction.why}
        if more > 0:
            take(books, customer, currency, more, kind=Move.CORRECTION, key=f"{key}/charge", **notes)
        else:
            revenue = AccountName(Kind.REVENUE, customer, currency)
            put_in(books, customer, revenue, -more, kind=Move.CORRECTION, key=f"{key}/charge", **notes)

    def _covering(self, sequence: int, kind: Move, debit: AccountName) -> str | None:
        """The key of the transfer that summed the entry up."""
        values = (sequence, sequence, str(kind), *map(str, debit))
        row = self._connection.exec_driver_sql(_OF_BATCH, values).one_or_none()
        return None if row is None else str(row[0])

    def _entry(self, call: str, attempt: int) -> tuple[int, Entry]:
        query = select(entries).where(entries.c.call == call, entries.c.attempt == attempt)
        row = self._connection.execute(query).mappings().one_or_none()
        if row is None:
            raise AccountRefused(f"attempt {attempt} of {call} is not in the books: `fenli ledger list` shows what is")
        return row["sequence"], entry_of(dict(row))

    def _by_reference(self, sequence: int, reference: str) -> Correction | None:
        of_it = select(corrections).where(corrections.c.entry == sequence, corrections.c.reference == reference)
        row = self._connection.execute(of_it).mappings().one_or_none()
        return None if row is None else correction_of(row)


def corrections_of(
    connection: Connection, sequences: Iterable[int], until: int = NEWEST
) -> dict[int, list[Correction]]:
    """By the entry's sequence, oldest first; entries that were never corrected are left out.

    ``until``: the id of the last correction that is looked at.
    """
    query = select(corrections).where(corrections.c.entry.in_(list(sequences)), corrections.c.id <= until)
    found: dict[int, list[Correction]] = defaultdict(list)
    for row in connection.execute(query.order_by(corrections.c.id)).mappings():
        found[row["entry"]].append(correction_of(row))
    return dict(found)


def latest_corrections(connection: Connection, sequences: Iterable[int], until: int = NEWEST) -> dict[int, Correction]:
    """Those that count; ``until`` as above."""
    return {sequence: found[-1] for sequence, found in corrections_of(connection, sequences, until).items()}


def correction_of(row: Any) -> Correction:
    """A row of `tables.corrections`, a mapping by column."""
    return Correction(**{name: row[name] for name in _FIELDS})
