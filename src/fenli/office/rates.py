"""Rates of exchange in the store. A rate is never changed: a corrected one is a further row, and the newest counts."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select

from fenli.errors import RateRefused
from fenli.office.tables import rates
from fenli.prices.rates import Rate, Rates
from fenli.store import Database
from fenli.values.instants import format_instant


class RecordedRate(msgspec.Struct, frozen=True):
    """A rate as it was stated at ``recorded_at``, ns; ``corrected`` where a newer row says something else."""

    rate: Rate
    recorded_at: int
    corrected: bool = False


def add_rate(database: Database, rate: Rate, others: Iterable[Rate], *, now: int) -> None:
    """Keeps a rate for an instant that has none yet. ``others`` are the rates of files, which it must agree with.

    Raises RateRefused where there is one already, or where the pair is stated the other way round.
    """
    with database.write() as connection:
        before = current_rates(connection)
        if any(_same_place(one, rate) for one in before):
            one = next(one for one in before if _same_place(one, rate))
            raise RateRefused(
                f"{rate.pair} is {one.value} from {format_instant(rate.effective_from)} already ({one.source}): "
                "say --correct if that was wrong"
            )
        Rates((*others, *before, rate))
        _insert(connection, rate, now)


def correct_rate(database: Database, rate: Rate, *, now: int) -> None:
    """Says what a rate should have been. Raises RateRefused where the store has none from that instant."""
    with database.write() as connection:
        if not any(_same_place(one, rate) for one in current_rates(connection)):
            when = format_instant(rate.effective_from)
            raise RateRefused(f"no rate of {rate.pair} from {when} was added, so there is none to correct")
        _insert(connection, rate, now)


def stored_rates(database: Database) -> tuple[Rate, ...]:
    """The rates that count, by pair and instant."""
    with database.read() as connection:
        return current_rates(connection)


def recorded_rates(database: Database) -> list[RecordedRate]:
    """Every row there ever was, by pair, instant and when it was stated."""
    with database.read() as connection:
        rows = connection.execute(
            select(rates).order_by(rates.c.base, rates.c.quote, rates.c.effective_from, rates.c.id)
        ).all()
    newest = {_place(row): row.id for row in rows}
    return [RecordedRate(_rate(row), row.recorded_at, newest[_place(row)] != row.id) for row in rows]


def current_rates(connection: Connection) -> tuple[Rate, ...]:
    """As `stored_rates`, within a transaction of the caller's."""
    newest: dict[tuple[str, str, int], Rate] = {}
    for row in connection.execute(select(rates).order_by(rates.c.id)):
        newest[_place(row)] = _rate(row)
    return tuple(newest[place] for place in sorted(newest))


def _insert(connection: Connection, rate: Rate, now: int) -> None:
    row = {**msgspec.structs.asdict(rate), "value": str(rate.value), "recorded_at": now}
    connection.execute(insert(rates), row)


def _same_place(one: Rate, other: Rate) -> bool:
    return (one.pair, one.effective_from) == (other.pair, other.effective_from)


def _place(row: Any) -> tuple[str, str, int]:
    return row.base, row.quote, row.effective_from


def _rate(row: Any) -> Rate:
    return Rate(row.base, row.quote, Decimal(row.value), row.effective_from, row.source)
