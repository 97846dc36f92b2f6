"""What vendors said is left of our money with them: written down each time, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, Select, func, select

from fenli.ledger.records import OK
from fenli.office.tables import balance_polls, balances
from fenli.store import Database
from fenli.values import format_instant
from fenli.values.money import decimal_of
from fenli.vendors.balances import Balance, Holding

NOT_TOLD: Final = "not_told"  # it answered, and there is no balance in what it said

# A row for each currency, one with nulls where a poll has none.
_ROWS: Final = select(
    balance_polls, balances.c.currency, balances.c.picos, balances.c.granted_picos, balances.c.topped_up_picos
).join(balances, balances.c.poll == balance_polls.c.id, isouter=True)


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a vendor was asked. ``asked_at`` is an instant and ``took`` a span, ns. ``outcome`` is ok, not_told
    or a kind of failure; ``note`` says why there is no ``balance``. ``reply`` is as it came, where it told one."""

    vendor: str
    asked_at: int
    took: int
    outcome: str
    status: int | None = None
    note: str | None = None
    balance: Balance | None = None
    reply: bytes | None = None

    @property
    def told(self) -> bool:
        return self.outcome == OK


def add_poll(database: Database, poll: Poll) -> None:
    balance = poll.balance
    usable = None if balance is None or balance.usable is None else int(balance.usable)
    row = msgspec.structs.asdict(poll) | {"usable": usable}
    del row["balance"]
    with database.write() as connection:
        number = connection.execute(balance_polls.insert().values(row)).inserted_primary_key
        assert number is not None
        for holding in balance.holdings if balance is not None else ():
            connection.execute(
                balances.insert().values(
                    poll=number[0],
                    currency=holding.currency,
                    picos=holding.picos,
                    granted_picos=holding.granted,
                    topped_up_picos=holding.topped_up,
                )
            )


def last_polls(database: Database) -> dict[str, Poll]:
    """The last one of each vendor, by vendor."""
    return _newest(database, select(func.max(balance_polls.c.id)).group_by(balance_polls.c.vendor))


def last_told(database: Database) -> dict[str, Poll]:
    """The last one of each vendor that told a balance."""
    told = balance_polls.c.outcome == OK
    return _newest(database, select(func.max(balance_polls.c.id)).where(told).group_by(balance_polls.c.vendor))


def list_polls(database: Database, vendor: str, since: int | None = None, until: int | None = None) -> list[Poll]:
    """Those of the vendor asked in ``[since, until)``, oldest first."""
    query = _ROWS.where(balance_polls.c.vendor == vendor).order_by(balance_polls.c.id, balances.c.currency)
    if since is not None:
        query = query.where(balance_polls.c.asked_at >= since)
    if until is not None:
        query = query.where(balance_polls.c.asked_at < until)
    return _read(database, query)


def poll_as_data(poll: Poll) -> dict[str, Any]:
    """For JSON: amounts are decimal text, null where they are not told; the instant is ISO 8601."""
    balance = poll.balance
    return {
        "vendor": poll.vendor,
        "asked_at": format_instant(poll.asked_at),
        "took_ns": poll.took,
        "outcome": poll.outcome,
        "status": poll.status,
        "note": poll.note,
        "usable": None if balance is None else balance.usable,
        "holdings": [
            {
                "currency": holding.currency,
                "left": decimal_of(holding.picos),
                "granted": None if holding.granted is None else decimal_of(holding.granted),
                "topped_up": None if holding.topped_up is None else decimal_of(holding.topped_up),
            }
            for holding in (balance.holdings if balance is not None else ())
        ],
    }


def metrics_of(polls: Iterable[Poll]) -> str:
    """Prometheus text format. Amounts are decimals, to the last digit; a vendor that failed to tell has none."""
    told, failed = [], []
    for poll in polls:
        failed.append(f'fenli_vendor_balance_failed{{vendor="{poll.vendor}"}} {int(not poll.told)}')
        for holding in poll.balance.holdings if poll.balance is not None else ():
            labels = f'vendor="{poll.vendor}",currency="{holding.currency}"'
            told.append(f"fenli_vendor_balance{{{labels}}} {decimal_of(holding.picos)}")
    if not failed:
        return ""
    lines = [
        "# HELP fenli_vendor_balance What the vendor says is left, in units of the currency.",
        "# TYPE fenli_vendor_balance gauge",
        *told,
        "# HELP fenli_vendor_balance_failed 1 while the vendor, when last asked, did not tell.",
        "# TYPE fenli_vendor_balance_failed gauge",
        *failed,
    ]
    return "".join(f"{line}\n" for line in lines)


def _newest(database: Database, newest: Select[Any]) -> dict[str, Poll]:
    found = _read(
        database, _ROWS.where(balance_polls.c.id.in_(newest)).order_by(balance_polls.c.vendor, balances.c.currency)
    )
    return {poll.vendor: poll for poll in found}


def _read(database: Database, query: Select[Any]) -> list[Poll]:
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [_poll(list(of_poll)) for _, of_poll in groupby(rows, itemgetter("id"))]


def _poll(rows: list[RowMapping]) -> Poll:
    first = rows[0]
    told = tuple(
        Holding(row["currency"], row["picos"], row["granted_picos"], row["topped_up_picos"])
        for row in rows
        if row["currency"] is not None
    )
    usable = None if first["usable"] is None else bool(first["usable"])
    names = ("vendor", "asked_at", "took", "outcome", "status", "note", "reply")
    return Poll(**{name: first[name] for name in names}, balance=Balance(told, usable) if told else None)
