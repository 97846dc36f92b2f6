"""What the books say: entries, and exact sums of them. Unknown is shown apart and never as zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, exists, select

from fenli.errors import ValueRefused
from fenli.ledger.corrections import Correction, corrected
from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.office.corrections import latest_corrections
from fenli.office.rollups import HOUR, Group, Sums, summed, sums_of
from fenli.office.rows import entry_of
from fenli.office.tables import corrections, entries, usage_rollups
from fenli.store import Database
from fenli.values.instants import instant_of, moment_of

By = Literal["key", "project", "customer", "route", "model", "vendor", "grade", "day"]
BY: Final[tuple[By, ...]] = ("key", "project", "customer", "route", "model", "vendor", "grade", "day")
EVER: Final = 2**63 - 1
PAGE: Final = 1_000


class EntryRow(msgspec.Struct, frozen=True):
    """An entry with its number in the books, where it can be found again. ``entry`` is what counts: as corrected, where
    there is a ``correction``."""

    sequence: int
    entry: Entry
    correction: Correction | None = None


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Exact sums over one group (an id, a public name, ``vendor/model``, a day ``2026-11-23``) in one pair of
    currencies. The group is "" for what has no project or no customer.

    Amounts in picos. ``picos`` is what is known; ``unknown`` attempts cost something that is not known, for which
    ``unknown_held`` had been set aside, and for ``unknown_unheld`` of them not even that is known.
    ``currency`` is None for what no price was known of. ``charge_picos`` of ``charge_currency`` is what customers pay,
    as far as it is known; for ``charge_unknown`` attempts they pay what is not known. Nobody pays where it is None.
    """

    group: str
    currency: str | None
    calls: int
    attempts: int
    usage: dict[str, int]
    picos: int
    unknown: int
    unknown_held: int
    unknown_unheld: int
    charge_currency: str | None
    charge_picos: int
    charge_unknown: int


def list_entries(
    database: Database,
    *,
    limit: int = 100,
    since: int | None = None,
    until: int | None = None,
    key: str | None = None,
    vendor: str | None = None,
    model: str | None = None,
    grade: str | None = None,
    outcome: str | None = None,
    project: str | None = None,
    customer: str | None = None,
    newest_first: bool = True,
) -> list[EntryRow]:
    """Entries whose attempt was opened in ``[since, until)``, ns. ``model``: as asked for, or as sold; ``project`` and
    ``customer`` by id."""
    query = select(entries).where(*_opened(since, until))
    exactly = (
        (entries.c.key, key), (entries.c.vendor, vendor), (entries.c.project, project),
        (entries.c.customer, customer), (entries.c.outcome, outcome),
    )  # fmt: skip
    for column, wanted in exactly:
        query = query if wanted is None else query.where(column == wanted)
    if grade is not None:
        was_corrected = exists().where(corrections.c.entry == entries.c.sequence)
        as_posted = (entries.c.grade == grade) & ~was_corrected
        query = query.where(was_corrected if grade == Grade.RECONCILED else as_posted)
    if model is not None:
        vendor_part, slash, model_part = model.partition("/")
        exact = (entries.c.vendor == vendor_part) & (entries.c.model == model_part)
        query = query.where((entries.c.asked == model) | (exact if slash else entries.c.model == model))
    order = entries.c.opened_at, entries.c.sequence
    query = query.order_by(*(column.desc() if newest_first else column for column in order)).limit(limit)
    with database.read() as connection:
        return list(read_entries(connection, query))


def usage(
    database: Database, *, by: By, since: int | None = None, until: int | None = None, zone: tzinfo
) -> list[UsageRow]:
    """Sums over what was opened in ``[since, until)``, ns. ``zone`` decides where a day begins.

    Whole hours are read from the rollups, the edges from the entries; both add up to the same to the last pico.
    Raises ValueRefused for an unknown ``by``.
    """
    if by not in BY:
        raise ValueRefused(f"usage by {by!r}: choose one of {', '.join(BY)}")
    first, last = since or 0, EVER if until is None else until
    totals: dict[tuple[str, str, str], Sums] = {}
    with database.read() as connection:
        for group, sums in _sums(connection, first, last, by, zone):
            name = _name(group, by, zone)
            totals.setdefault((name, group.currency, group.charge_currency), Sums()).merge(sums)
    return [_row(*names, sums) for names, sums in sorted(totals.items())]


def read_entries(connection: Connection, query: Select[Any]) -> Iterator[EntryRow]:
    """Streams the result, entries as they count now; the memory used does not grow with it."""
    for page in connection.execute(query.execution_options(yield_per=PAGE)).mappings().partitions():
        found = latest_corrections(connection, [row["sequence"] for row in page])
        for row in page:
            correction = found.get(row["sequence"])
            yield EntryRow(row["sequence"], corrected(entry_of(dict(row)), correction), correction)


def _sums(connection: Connection, since: int, until: int, by: By, zone: tzinfo) -> Iterator[tuple[Group, Sums]]:
    first_hour, last_hour = -(-since // HOUR) * HOUR, until // HOUR * HOUR
    if first_hour >= last_hour or (by == "day" and not whole_hours(zone)):
        yield from _from_entries(connection, since, until)
        return
    yield from _from_entries(connection, since, first_hour)
    hours = select(usage_rollups).where(usage_rollups.c.hour >= first_hour, usage_rollups.c.hour < last_hour)
    for row in connection.execute(hours).mappings():
        yield Group(*(row[name] for name in Group._fields)), sums_of(row)
    yield from _from_entries(connection, last_hour, until)


def _from_entries(connection: Connection, since: int, until: int) -> Iterable[tuple[Group, Sums]]:
    if since >= until:
        return
    query = select(entries).where(*_opened(since, until))
    for row in read_entries(connection, query):
        for group, sums in summed([row.entry]).items():
            yield group._replace(hour=row.entry.opened_at), sums


def _opened(since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    bounds = []
    if since is not None:
        bounds.append(entries.c.opened_at >= since)
    if until is not None:
        bounds.append(entries.c.opened_at < until)
    return bounds


def _name(group: Group, by: By, zone: tzinfo) -> str:
    if by == "day":
        return moment_of(group.hour, zone).date().isoformat()
    if by == "model":
        return f"{group.vendor}/{group.model}"
    name: str = getattr(group, "asked" if by == "route" else by)
    return name


def _row(name: str, currency: str, charge_currency: str, sums: Sums) -> UsageRow:
    return UsageRow(
        group=name,
        currency=currency or None,
        charge_currency=charge_currency or None,
        **msgspec.structs.asdict(sums),
    )


def whole_hours(zone: tzinfo) -> bool:
    """Whether the zone's days begin on the hour of UTC, in this century's summers and winters."""
    for year in range(2000, 2100):
        for month in (1, 7):
            offset = datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta()
            if offset % timedelta(hours=1):
                return False
    return True


def day_bounds(day: date, zone: tzinfo) -> tuple[int, int]:
    """``[first, last)`` instants of a day in ``zone``."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    return instant_of(begin), instant_of(datetime(following.year, following.month, following.day, tzinfo=zone))
