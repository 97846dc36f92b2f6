"""Reconciling a vendor's bills with our entries: both sides of every place, out of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from sqlalchemy import Connection

from fenli.errors import BillRefused
from fenli.ledger.bills import BillLine
from fenli.ledger.reconciliation import Compared, Ours, Place, by_place, compare, elsewhere, places, shifted
from fenli.ledger.statements import Period
from fenli.office.bill_entries import answered_as, booked_apart, ours_by_day, ours_by_request
from fenli.office.bills import Bill, list_bills, read_lines
from fenli.office.statements import month_of, period_of

# Where vendors' days may begin, when they do not begin where the bill is said to have them.
ZONES: Final = ("UTC", "Asia/Shanghai", "America/Los_Angeles")


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """``compared``: every place, in order. ``elsewhere``: the zone in which the bills' days seem to begin, None where
    theirs seems right. ``names``: models of ours by the name that the bills have for them. ``bill_of`` says on which
    bill a place is."""

    vendor: str
    period: Period
    bills: tuple[Bill, ...]
    compared: tuple[Compared, ...]
    elsewhere: str | None
    names: dict[str, str]
    bill_of: dict[Place, int]


def reconcile(
    connection: Connection, vendor: str, *, month: date | None = None, names: Mapping[str, str] | None = None
) -> Reconciliation:
    """Compares a month, in the bills' zone, or all that the newest bill covers. ``names`` are further ones of models.

    Raises BillRefused where there is no bill for it.
    """
    known = [bill for bill in list_bills(connection, vendor) if bill.dropped_at is None]
    if not known:
        raise BillRefused(f"there is no bill of {vendor}: `fenli bill import` takes one")
    period = _period(known[-1], month)
    bills = _bills(known, period)
    width = len(bills[0].first_day)
    first, last = period.first[:width], period.last[:width]
    listed = [
        (bill, line) for bill, line in read_lines(connection, [bill.id for bill in bills]) if first <= line.day <= last
    ]
    lines = [line for _, line in listed]
    renamed = answered_as(connection, vendor, period, {line.model for line in lines}) | dict(names or {})
    compared, zone = _sides(connection, vendor, period, lines, renamed)
    return Reconciliation(
        vendor=vendor,
        period=period,
        bills=tuple(bills),
        compared=tuple(compared),
        elsewhere=zone,
        names=renamed,
        bill_of=dict(zip(places(lines), (bill for bill, _ in listed), strict=True)),
    )


def _period(newest: Bill, month: date | None) -> Period:
    if month is not None:
        return month_of(month, newest.zone)
    if newest.by_month:
        last = month_of(date.fromisoformat(f"{newest.last_day}-01"), newest.zone)
        return period_of(date.fromisoformat(f"{newest.first_day}-01"), date.fromisoformat(last.last), newest.zone)
    return period_of(date.fromisoformat(newest.first_day), date.fromisoformat(newest.last_day), newest.zone)


def _bills(known: Sequence[Bill], period: Period) -> list[Bill]:
    """Those for the period. A month's last day is not later than any day that begins with it."""
    found = [
        bill for bill in known if bill.first_day <= period.last and bill.last_day >= period.first[: len(bill.last_day)]
    ]
    if not found:
        there = ", ".join(f"{bill.first_day} to {bill.last_day}" for bill in known)
        raise BillRefused(f"no bill is for {period.first} to {period.last}: there are bills for {there}")
    if len({(bill.zone, bill.by_month) for bill in found}) > 1:
        ids = ", ".join(str(bill.id) for bill in found)
        raise BillRefused(f"bills {ids} count days in different ways: drop what is wrong with `fenli bill drop`")
    return found


def _sides(
    connection: Connection, vendor: str, period: Period, lines: Sequence[BillLine], names: Mapping[str, str]
) -> tuple[list[Compared], str | None]:
    """What is compared, and the zone in which the days seem to begin."""
    theirs, apart = by_place(lines), booked_apart(connection, vendor)
    requests = {place.request_id: place for place in theirs if place.request_id}
    if requests:
        ours = ours_by_request(connection, vendor, period, names, requests)
        return compare(_with(ours, apart), theirs), None
    width = len(lines[0].day) if lines else len(period.first)
    found = compare(_with(ours_by_day(connection, vendor, period, width, names), apart), theirs)
    if not any(one.causes for one in found):
        return found, None
    in_zones = {period.zone: found}
    for zone in ZONES:
        if zone not in in_zones:
            there = period_of(date.fromisoformat(period.first), date.fromisoformat(period.last), zone)
            in_zones[zone] = compare(_with(ours_by_day(connection, vendor, there, width, names), apart), theirs)
    better = elsewhere(in_zones, period.zone)
    return (found if better is None else shifted(found)), better


def _with(ours: dict[Place, Ours], apart: Mapping[Place, int]) -> dict[Place, Ours]:
    """What was booked for no entry in particular counts where there are entries."""
    for place, picos in apart.items():
        if place in ours:
            ours[place].known += picos
    return ours
