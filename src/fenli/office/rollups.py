"""Sums of entries by hour, kept up to date in the transaction that posts them. Exact, however large."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from fenli.clock import SECOND
from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.office.rows import units_of, units_text
from fenli.store import stored_integer

HOUR: Final = 3600 * SECOND


class Group(NamedTuple):
    """What one rollup sums over. ``hour``: the instant at which it begins; "" where a name or a currency is none."""

    hour: int
    key: str
    project: str
    customer: str
    asked: str
    vendor: str
    model: str
    currency: str
    charge_currency: str
    grade: str


class Sums(msgspec.Struct):
    """``picos`` adds up the known costs only; what is not known is counted in ``unknown``, with what was held for it.

    ``unknown_unheld``: how many of the unknown had no hold either, their model having no price. ``charge_picos`` and
    ``charge_unknown`` are the customers' side, of the entries that have a charge.
    """

    calls: int = 0
    attempts: int = 0
    usage: dict[str, int] = msgspec.field(default_factory=dict)
    picos: int = 0
    unknown: int = 0
    unknown_held: int = 0
    unknown_unheld: int = 0
    charge_picos: int = 0
    charge_unknown: int = 0

    def add(self, entry: Entry) -> None:
        self.calls += entry.final
        self.attempts += 1
        for meter, units in (entry.usage or {}).items():
            self.usage[meter] = self.usage.get(meter, 0) + units
        if entry.picos is not None:
            self.picos += entry.picos
        elif entry.grade is not Grade.NONE:
            self.unknown += 1
            self.unknown_held += entry.held_picos or 0
            self.unknown_unheld += entry.held_picos is None
        if entry.charge_picos is not None:
            self.charge_picos += entry.charge_picos
        elif entry.charge_currency is not None:
            self.charge_unknown += 1

    def merge(self, other: Sums) -> None:
        for meter, units in other.usage.items():
            self.usage[meter] = self.usage.get(meter, 0) + units
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def less(self, other: Sums) -> None:
        """Takes back what was merged; a meter of which nothing is left is absent again."""
        for meter, units in other.usage.items():
            self.usage[meter] -= units
        self.usage = {meter: units for meter, units in self.usage.items() if units}
        for name in COUNTS:
            setattr(self, name, getattr(self, name) - getattr(other, name))


COUNTS: Final = (
    "calls", "attempts", "picos", "unknown", "unknown_held", "unknown_unheld", "charge_picos", "charge_unknown",
)  # fmt: skip
_COLUMNS: Final = ("usage", *COUNTS)

# Bound by hand, as in `office.rows`. What does not fit SQLite's integers is added up here, not there.
_WHERE: Final = " AND ".join(f'"{name}" = ?' for name in Group._fields)
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM usage_rollups WHERE {_WHERE}"  # noqa: S608  names of ours
_UPDATE: Final = f"UPDATE usage_rollups SET {', '.join(f'{name} = ?' for name in _COLUMNS)} WHERE {_WHERE}"  # noqa: S608
_INSERT: Final = "INSERT INTO usage_rollups ({}) VALUES ({})".format(  # noqa: S608
    ", ".join(f'"{name}"' for name in (*_COLUMNS, *Group._fields)), ", ".join("?" * len((*_COLUMNS, *Group._fields)))
)
_DELETE: Final = f"DELETE FROM usage_rollups WHERE {_WHERE}"  # noqa: S608


# The enum's value, since hashing the enum itself costs more than all else here.
_dimensions = attrgetter(*Group._fields[1:-1], "grade._value_")


def group_of(entry: Entry) -> Group:
    return Group(entry.opened_at - entry.opened_at % HOUR, *(name or "" for name in _dimensions(entry)))


def summed(entries: Iterable[Entry]) -> dict[Group, Sums]:
    sums: dict[tuple[int, tuple[str, ...]], tuple[Group, Sums]] = {}
    for entry in entries:
        place = entry.opened_at // HOUR, _dimensions(entry)
        found = sums.get(place)
        if found is None:
            found = sums[place] = group_of(entry), Sums()
        found[1].add(entry)
    return dict(sums.values())


def add_to_rollups(connection: Connection, sums: dict[Group, Sums]) -> None:
    """Adds ``sums`` to what the store has. Within a write transaction."""
    fresh, changed = [], []
    for group, more in sums.items():
        row = connection.exec_driver_sql(_SELECT, group).one_or_none()
        if row is None:
            fresh.append((*_columns(more), *group))
        else:
            total = _read(row)
            total.merge(more)
            changed.append((*_columns(total), *group))
    if fresh:
        connection.exec_driver_sql(_INSERT, fresh)
    if changed:
        connection.exec_driver_sql(_UPDATE, changed)


def move(connection: Connection, entry: Entry, corrected: Entry) -> None:
    """Takes ``entry`` out of the group it was summed in and puts ``corrected`` into its own."""
    group = group_of(entry)
    left = _read(connection.exec_driver_sql(_SELECT, group).one())
    left.less(summed([entry])[group])
    if left.attempts:
        connection.exec_driver_sql(_UPDATE, (*_columns(left), *group))
    else:
        connection.exec_driver_sql(_DELETE, group)
    add_to_rollups(connection, summed([corrected]))


def sums_of(row: Any) -> Sums:
    """The sums in a row of `usage_rollups`, a mapping by column."""
    return Sums(usage=units_of(row["usage"]), **{name: row[name] for name in COUNTS})


def _read(row: Any) -> Sums:
    usage, *counts = row
    return Sums(usage=units_of(usage), **dict(zip(COUNTS, map(int, counts), strict=True)))


def _columns(sums: Sums) -> tuple[Any, ...]:
    return (units_text(sums.usage), *(stored_integer(getattr(sums, name)) for name in COUNTS))
