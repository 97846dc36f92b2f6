"""Statements drawn up from the store: calls of the entries, everything else of the transfers, checked against both.

A call belongs to the day on which its attempt was opened, a correction to the day on which it was made: so a statement
stays what it is once every call of its period is posted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, or_, select

from fenli.errors import BooksError
from fenli.ledger.accounts import Phase
from fenli.ledger.chart import Move
from fenli.ledger.entries import OpenHold
from fenli.ledger.statements import SAVING, Line, Period, Statement, Subject, Unknown, checked, in_order
from fenli.office.call_sums import days_as_booked, days_as_corrected, totals_as_booked
from fenli.office.reports import EVER, day_bounds
from fenli.office.subjects import OwnAccounts, own_accounts
from fenli.office.tables import corrections, entries, open_holds, transfers
from fenli.values.instants import moment_of
from fenli.values.money import NO_CURRENCY, decimal_of

_NOT_KNOWN: Final = ("", NO_CURRENCY)
_decode_hold = msgspec.msgpack.Decoder(OpenHold).decode


class _Flow(NamedTuple):
    """What is no call: one movement of the subject's balance."""

    at: int
    kind: str
    currency: str
    picos: int
    what: str


def period_of(first: date, last: date, zone: str) -> Period:
    """The days from ``first`` to ``last``, both of them in, where ``zone`` has them."""
    info = ZoneInfo(zone)
    until = day_bounds(last, info)[1]
    return Period(day_bounds(first, info)[0], until, first.isoformat(), last.isoformat(), zone)


def month_of(month: date, zone: str) -> Period:
    """The calendar month in which ``month`` lies."""
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return period_of(first, following - timedelta(days=1), zone)


def draw_up(connection: Connection, subject: Subject, period: Period, *, now: int) -> list[Statement]:
    """One statement for each currency, exact; none where nothing ever moved. ``now`` in ns.

    Raises BooksError where opening and movements are not the closing balance, or where all movements there ever were
    are not what the accounts hold.
    """
    own, sign = own_accounts(connection, subject), -1 if subject.kind == "customer" else 1
    flows = list(_flows(connection, subject, own, ZoneInfo(period.zone)))
    if subject.kind in ("customer", "vendor"):
        _check_accounts(connection, subject, own, flows, sign)
    opening = _balance(connection, subject, flows, sign, period.since)
    closing = _balance(connection, subject, flows, sign, period.until)
    lines = _lines(connection, subject, period, flows, sign)
    unknown = _unknown(connection, subject, period)
    unplaced = [one for currency in _NOT_KNOWN for one in unknown.pop(currency, [])]
    found = sorted({*opening, *closing, *lines, *unknown} - {*_NOT_KNOWN})
    return [
        checked(
            Statement(
                subject=subject,
                period=period,
                currency=currency,
                opening=opening.get(currency, 0),
                lines=tuple(sorted(lines.get(currency, []), key=in_order)),
                closing=closing.get(currency, 0),
                unknown=tuple(unknown.get(currency, [])) + (tuple(unplaced) if not number else ()),
                provisional=_provisional(connection, period, now),
            )
        )
        for number, currency in enumerate(found or ([""] if unplaced else []))
    ]


def _balance(connection: Connection, subject: Subject, flows: list[_Flow], sign: int, at: int) -> dict[str, int]:
    """Of everything before the instant ``at``."""
    totals: dict[str, int] = defaultdict(int)
    for currency, picos in totals_as_booked(connection, subject, 0, at).items():
        totals[currency] += sign * picos
    for flow in flows:
        if flow.at < at:
            totals[flow.currency] += flow.picos
    return totals


def _check_accounts(connection: Connection, subject: Subject, own: OwnAccounts, flows: list[_Flow], sign: int) -> None:
    moved = _balance(connection, subject, flows, sign, EVER)
    for currency in {*moved, *own.balance} - {*_NOT_KNOWN}:
        if moved.get(currency, 0) != own.balance.get(currency, 0):
            raise BooksError(
                f"all movements of {subject.kind} {subject.id} come to {decimal_of(moved.get(currency, 0))} {currency} "
                f"and the accounts hold {decimal_of(own.balance.get(currency, 0))}: run `fenli ledger verify`"
            )


def _lines(
    connection: Connection, subject: Subject, period: Period, flows: list[_Flow], sign: int
) -> dict[str, list[Line]]:
    zone = ZoneInfo(period.zone)
    lines: dict[str, list[Line]] = defaultdict(list)
    kind = Move.CHARGE if subject.side == "charge" else Move.COST
    for group, each in days_as_booked(connection, subject, period.since, period.until, zone).items():
        known = max(0, each.calls - each.unknown)
        if group.currency not in _NOT_KNOWN and (each.picos or known):
            lines[group.currency].append(
                Line(
                    kind=kind, day=group.day, what=group.model, picos=sign * each.picos, calls=known,
                    usage={meter: units for meter, units in each.usage.items() if units},
                )
            )  # fmt: skip
    moved: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for flow in flows:
        if period.since <= flow.at < period.until:
            day = moment_of(flow.at, zone).date().isoformat()
            moved[flow.currency, flow.kind, day, flow.what] += flow.picos
    for (currency, name, day, what), picos in moved.items():
        lines[currency].append(Line(kind=name, day=day, what=what, picos=picos))
    return lines


def _unknown(connection: Connection, subject: Subject, period: Period) -> dict[str, list[Unknown]]:
    found: dict[str, list[Unknown]] = defaultdict(list)
    groups = days_as_corrected(connection, subject, period.since, period.until, ZoneInfo(period.zone))
    for group, each in sorted(groups.items()):
        if each.unknown:
            held = each.unknown_held if subject.side == "cost" and group.currency not in _NOT_KNOWN else None
            found[group.currency].append(
                Unknown(day=group.day, what=group.model, calls=each.unknown, held_picos=held, unheld=each.unheld)
            )
    return found


def _flows(connection: Connection, subject: Subject, own: OwnAccounts, zone: ZoneInfo) -> Iterator[_Flow]:
    """Everything there ever was but calls: of the transfers for a customer or a vendor, else of the corrections."""
    if subject.kind not in ("customer", "vendor"):
        yield from _corrected(connection, subject, zone)
        return
    table = transfers.c
    query = select(transfers).where(
        table.phase.in_((Phase.POSTED, Phase.POST)),
        or_(table.debit.in_(list(own.own)), table.credit.in_([*own.own, *own.saving])),
        or_(table.first.is_(None), table.debit.in_(list(own.saving)), table.credit.in_(list(own.saving))),
    )
    calls = _corrected_calls(connection, subject, zone)
    for row in connection.execute(query.order_by(table.id)):
        if row.first is not None:
            picos = ((row.debit in own.saving) - (row.credit in own.saving)) * row.amount
            yield _Flow(row.at, SAVING, own.saving.get(row.debit) or own.saving[row.credit], picos, "")
        elif picos := ((row.credit in own.own) - (row.debit in own.own)) * row.amount:
            currency = own.own.get(row.debit) or own.own[row.credit]
            yield _Flow(row.at, row.kind, currency, picos, calls.get(_correction_of(row.key)) or _words(row))


def _corrected(connection: Connection, subject: Subject, zone: ZoneInfo) -> Iterator[_Flow]:
    of_it = entries.c[subject.kind] == subject.id
    query = select(corrections).join(entries, entries.c.sequence == corrections.c.entry).where(of_it)
    calls = _corrected_calls(connection, subject, zone)
    for row in connection.execute(query.order_by(corrections.c.id)):
        what = calls.get(row.id) or _words(row)
        if subject.side == "cost":
            yield _Flow(row.at, Move.CORRECTION, row.currency, row.picos - (row.picos_before or 0), what)
        elif row.charge_currency is not None and (more := (row.charge_picos or 0) - (row.charge_before or 0)):
            yield _Flow(row.at, Move.CORRECTION, row.charge_currency, more, what)


def _corrected_calls(connection: Connection, subject: Subject, zone: ZoneInfo) -> dict[int, str]:
    """What those who pay are told of each correction, by its id: which calls it is for, and nothing of vendors."""
    if subject.side == "cost":
        return {}
    query = select(corrections.c.id, entries.c.asked, entries.c.opened_at).join(
        entries, entries.c.sequence == corrections.c.entry
    )
    rows = connection.execute(query.where(entries.c[subject.kind] == subject.id))
    return {row.id: f"{row.asked} {moment_of(row.opened_at, zone).date()}" for row in rows}


def _correction_of(key: str) -> int:
    """The id in the key of a transfer that a correction made; 0 in any other one."""
    kind, _, rest = key.partition("/")
    return int(rest.partition("/")[0]) if kind == "correction" else 0


def _words(row: Any) -> str:
    """The reference of whoever asked for it, and the reason."""
    return ": ".join(part for part in (row.reference, row.why) if part)


def _provisional(connection: Connection, period: Period, now: int) -> Literal["not_over", "open_calls"] | None:
    if now < period.until:
        return "not_over"
    for hold in map(_decode_hold, connection.execute(select(open_holds.c.hold)).scalars()):
        if (hold.attempted or hold.held).at < period.until:
            return "open_calls"
    return None
