"""What the calls of one subject came to by day and model: as they were booked, or as they count now.

Whole hours are read from the rollups, the edges from the entries, both with every correction in them; for what was
booked the corrections are taken back out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, Table, select

from fenli.ledger.corrections import corrected
from fenli.ledger.entries import Entry
from fenli.ledger.statements import Subject
from fenli.office.corrections import latest_corrections
from fenli.office.reports import PAGE, read_entries, whole_hours
from fenli.office.rollups import HOUR, Group, Sums, summed, sums_of
from fenli.office.rows import entry_of
from fenli.office.tables import corrections, entries, usage_rollups
from fenli.values.instants import moment_of

# A group, its sums, and whether they are added (1) or taken away (-1).
_Part = tuple[Group, Sums, int]


class CallGroup(NamedTuple):
    """``model``: as the vendor sells it on a vendor's statement, as it was asked for on any other one. ``currency`` of
    the subject's side, "" where none is known."""

    day: str
    model: str
    currency: str


class CallSum(msgspec.Struct):
    """``picos`` of the subject's side. ``unknown`` attempts cost, or are charged, what nobody knows yet; of the costs
    ``unknown_held`` was held, but for ``unheld`` of them."""

    picos: int = 0
    calls: int = 0
    unknown: int = 0
    unknown_held: int = 0
    unheld: int = 0
    usage: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, sums: Sums, subject: Subject, sign: int) -> None:
        charge = subject.side == "charge"
        self.picos += sign * (sums.charge_picos if charge else sums.picos)
        self.calls += sign * (sums.attempts if subject.kind == "vendor" else sums.calls)
        self.unknown += sign * (sums.charge_unknown if charge else sums.unknown)
        self.unknown_held += sign * sums.unknown_held
        self.unheld += sign * sums.unknown_unheld
        for meter, units in sums.usage.items():
            self.usage[meter] = self.usage.get(meter, 0) + sign * units


def totals_as_booked(connection: Connection, subject: Subject, since: int, until: int) -> dict[str, int]:
    """What the attempts opened in ``[since, until)``, ns, were booked at, picos by currency."""
    totals: dict[str, int] = defaultdict(int)
    for group, each in _grouped(_as_booked(connection, subject, since, until, None), subject, None).items():
        totals[group.currency] += each.picos
    return totals


def days_as_booked(
    connection: Connection, subject: Subject, since: int, until: int, zone: tzinfo
) -> dict[CallGroup, CallSum]:
    return _grouped(_as_booked(connection, subject, since, until, zone), subject, zone)


def days_as_corrected(
    connection: Connection, subject: Subject, since: int, until: int, zone: tzinfo
) -> dict[CallGroup, CallSum]:
    return _grouped(corrected_parts(connection, subject, since, until, zone), subject, zone)


def _grouped(parts: Iterable[_Part], subject: Subject, zone: tzinfo | None) -> dict[CallGroup, CallSum]:
    found: dict[CallGroup, CallSum] = {}
    for group, sums, sign in parts:
        currency = group.charge_currency if subject.side == "charge" else group.currency
        model = group.model if subject.kind == "vendor" else group.asked
        day = "" if zone is None else moment_of(group.hour, zone).date().isoformat()
        found.setdefault(CallGroup(day, model, currency), CallSum()).add(sums, subject, sign)
    return found


def _as_booked(
    connection: Connection, subject: Subject, since: int, until: int, zone: tzinfo | None
) -> Iterator[_Part]:
    yield from corrected_parts(connection, subject, since, until, zone)
    rows = connection.execute(
        _entries(subject, since, until).where(entries.c.sequence.in_(select(corrections.c.entry)))
    )
    for page in rows.mappings().partitions(PAGE):
        latest = latest_corrections(connection, [row["sequence"] for row in page])
        for row in page:
            entry = entry_of(dict(row))
            yield from _parts(entry, 1)
            yield from _parts(corrected(entry, latest[row["sequence"]]), -1)


def corrected_parts(
    connection: Connection, subject: Subject, since: int, until: int, zone: tzinfo | None
) -> Iterator[_Part]:
    """Sums as they count now, whose groups' ``hour`` tells the day in ``zone``."""
    first_hour, last_hour = -(-since // HOUR) * HOUR, until // HOUR * HOUR
    if first_hour >= last_hour or (zone is not None and not whole_hours(zone)):
        first_hour = last_hour = until
    hours = _of(subject, usage_rollups).where(usage_rollups.c.hour >= first_hour, usage_rollups.c.hour < last_hour)
    for row in connection.execute(hours).mappings():
        yield Group(*(row[name] for name in Group._fields)), sums_of(row), 1
    for begin, end in ((since, first_hour), (last_hour, until)):
        for found in read_entries(connection, _entries(subject, begin, end)) if begin < end else ():
            yield from _parts(found.entry, 1)


def _parts(entry: Entry, sign: int) -> Iterator[_Part]:
    for group, sums in summed([entry]).items():
        yield group._replace(hour=entry.opened_at), sums, sign


def _entries(subject: Subject, since: int, until: int) -> Select[Any]:
    opened = entries.c.opened_at
    return _of(subject, entries).where(opened >= since, opened < until)


def _of(subject: Subject, table: Table) -> Select[Any]:
    return select(table).where(table.c[subject.kind] == subject.id)
