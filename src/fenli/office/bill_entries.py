"""Our side of a vendor's bill: the entries of its days, place by place, as they count now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from fenli.clock import SECOND
from fenli.ledger.chart import Kind, Move
from fenli.ledger.reconciliation import Ours, Place
from fenli.ledger.records import Grade
from fenli.ledger.statements import Period, Subject
from fenli.office.call_sums import corrected_parts
from fenli.office.reports import EntryRow, day_bounds, read_entries
from fenli.office.rollups import Sums, summed
from fenli.office.tables import accounts, entries, transfers
from fenli.values.instants import moment_of

RESIDUE: Final = "bill/"  # how the keys of transfers begin that book what no entry explains
_BESIDE: Final = 2 * 86_400 * SECOND  # a request may be on the bill of a day beside its own

Names = Mapping[str, str]  # models of ours, by the name that the bill has for them


def ours_by_day(connection: Connection, vendor: str, period: Period, width: int, names: Names) -> dict[Place, Ours]:
    """By the first ``width`` characters of each day in the period's zone: 10 for days, 7 for months."""
    found: dict[Place, Ours] = defaultdict(Ours)
    subject, zone = Subject("vendor", vendor, vendor, "cost"), ZoneInfo(period.zone)
    for group, sums, sign in corrected_parts(connection, subject, period.since, period.until, zone):
        day = moment_of(group.hour, zone).date().isoformat()[:width]
        place = Place(day, names.get(group.model, group.model), group.currency)
        found[place].merge(_ours(sums, group.grade, sign))
    return dict(found)


def ours_by_request(
    connection: Connection, vendor: str, period: Period, names: Names, theirs: Mapping[str, Place]
) -> dict[Place, Ours]:
    """Of the requests that the bill names, and of what else the period's entries cost; ``theirs`` by request."""
    found: dict[Place, Ours] = defaultdict(Ours)
    for row in _between(connection, vendor, period.since - _BESIDE, period.until + _BESIDE):
        entry = row.entry
        place = theirs.get(entry.upstream_id or "")
        if place is not None and entry.currency not in (None, place.currency):
            place = None
        if place is None and period.since <= entry.opened_at < period.until and entry.grade is not Grade.NONE:
            model = names.get(entry.model, entry.model)
            place = Place("", model, entry.currency or "", entry.upstream_id or f"{entry.call} {entry.attempt}")
        if place is not None:
            for group, sums in summed([entry]).items():
                found[place].merge(_ours(sums, group.grade, 1))
    return dict(found)


def booked_apart(connection: Connection, vendor: str) -> dict[Place, int]:
    """What earlier reconciliations booked on the vendor's account for no entry in particular, picos by place."""
    found: dict[Place, int] = defaultdict(int)
    query = select(transfers.c.key, transfers.c.amount, accounts.c.currency, accounts.c.id, transfers.c.debit).join(
        accounts, (accounts.c.id == transfers.c.debit) | (accounts.c.id == transfers.c.credit)
    )
    query = query.where(
        transfers.c.key.startswith(RESIDUE), transfers.c.kind == Move.CORRECTION, accounts.c.kind == Kind.BILLED,
        accounts.c.owner == vendor,
    )  # fmt: skip
    for row in connection.execute(query):
        found[place_of(row.key, row.currency)] += row.amount if row.debit == row.id else -row.amount
    return dict(found)


def key_of(bill: int, number: int, place: Place) -> str:
    """The key of the ``number``-th transfer that books what no entry explains in a place."""
    return f"{RESIDUE}{bill}/{number}/{place.day}/{quote(place.request_id, '')}/{place.model}"


def place_of(key: str, currency: str) -> Place:
    day, request, model = key.removeprefix(RESIDUE).split("/", 4)[2:]
    return Place(day, model, currency, unquote(request))


def entries_in(connection: Connection, vendor: str, period: Period, place: Place, names: Names) -> list[EntryRow]:
    """Those that the vendor may ask for, in the order of the books; by day and model, or by request."""
    if place.request_id:
        rows = _between(connection, vendor, period.since - _BESIDE, period.until + _BESIDE, place.request_id)
    else:
        first = date.fromisoformat(place.day if len(place.day) > 7 else f"{place.day}-01")
        zone = ZoneInfo(period.zone)
        bounds = day_bounds(first, zone) if len(place.day) > 7 else (period.since, period.until)
        rows = _between(connection, vendor, *bounds)
    wanted = (place.currency, None)
    return [
        row
        for row in rows
        if row.entry.grade is not Grade.NONE
        and row.entry.currency in wanted
        and (place.request_id or names.get(row.entry.model, row.entry.model) == place.model)
    ]


def answered_as(connection: Connection, vendor: str, period: Period, theirs: Collection[str]) -> dict[str, str]:
    """Models of ours that no bill names, by the one name of a bill that all of their entries were answered with."""
    table = entries.c
    query = (
        select(table.model, table.answered_model)
        .where(table.vendor == vendor, table.opened_at >= period.since, table.opened_at < period.until)
        .where(table.answered_model.is_not(None))
        .distinct()
    )
    answered: dict[str, set[str]] = defaultdict(set)
    for model, name in connection.execute(query):
        answered[model].add(name)
    return {
        model: next(iter(names))
        for model, names in answered.items()
        if model not in theirs and len(names) == 1 and names <= {*theirs}
    }


def _between(
    connection: Connection, vendor: str, since: int, until: int, request: str | None = None
) -> Iterator[EntryRow]:
    table = entries.c
    query: Select[Any] = select(entries).where(
        table.vendor == vendor, table.opened_at >= since, table.opened_at < until
    )  # fmt: skip
    if request is not None:
        query = query.where(table.upstream_id == request)
    return read_entries(connection, query.order_by(table.sequence))


def _ours(sums: Sums, grade: str, sign: int) -> Ours:
    asked = grade != Grade.NONE
    return Ours(
        known=sign * sums.picos,
        attempts=sign * sums.attempts * asked,
        unknown=sign * sums.unknown,
        unknown_held=sign * sums.unknown_held,
        unheld=sign * sums.unknown_unheld,
        estimated=sign * sums.attempts * (grade == Grade.ESTIMATED),
        usage={meter: sign * units for meter, units in sums.usage.items()},
    )
