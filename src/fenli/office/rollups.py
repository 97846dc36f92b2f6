"""Sums of entries by hour, kept up to date in the transaction that posts them. Exact, however large."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, insert, select, update

from fenli.clock import SECOND
from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade
from fenli.office.rows import units_of, units_text
from fenli.office.tables import usage_rollups

HOUR: Final = 3600 * SECOND


class Group(NamedTuple):
    """What one rollup sums over. ``hour``: the instant at which it begins; ``currency``: "" where none is known."""

    hour: int
    key: str
    vendor: str
    model: str
    currency: str
    grade: str


class Sums(msgspec.Struct):
    """``picos`` adds up the known costs only; what is not known is counted in ``unknown``, with what was held for it.

    ``unknown_unheld``: how many of the unknown had no hold either, their model having no price.
    """

    calls: int = 0
    attempts: int = 0
    usage: dict[str, int] = msgspec.field(default_factory=dict)
    picos: int = 0
    unknown: int = 0
    unknown_held: int = 0
    unknown_unheld: int = 0

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

    def merge(self, other: Sums) -> None:
        for meter, units in other.usage.items():
            self.usage[meter] = self.usage.get(meter, 0) + units
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_COUNTS: Final = ("calls", "attempts", "picos", "unknown", "unknown_held", "unknown_unheld")
_SAME_GROUP: Final = and_(*(usage_rollups.c[name] == bindparam(f"in_{name}") for name in Group._fields))
_SELECT: Final = select(usage_rollups).where(_SAME_GROUP)
_UPDATE: Final = update(usage_rollups).where(_SAME_GROUP)
_INSERT: Final = insert(usage_rollups)


def group_of(entry: Entry) -> Group:
    hour = entry.opened_at - entry.opened_at % HOUR
    return Group(hour, entry.key, entry.vendor, entry.model, entry.currency or "", str(entry.grade))


def summed(entries: Iterable[Entry]) -> dict[Group, Sums]:
    sums: dict[Group, Sums] = {}
    for entry in entries:
        group = group_of(entry)
        found = sums.get(group)
        if found is None:
            found = sums[group] = Sums()
        found.add(entry)
    return sums


def add_to_rollups(connection: Connection, sums: dict[Group, Sums]) -> None:
    """Adds ``sums`` to what the store has. Within a write transaction."""
    fresh, changed = [], []
    for group, more in sums.items():
        wanted = {f"in_{name}": value for name, value in group._asdict().items()}
        row = connection.execute(_SELECT, wanted).mappings().one_or_none()
        if row is None:
            fresh.append(group._asdict() | _columns(more))
        else:
            total = sums_of(row)
            total.merge(more)
            changed.append(wanted | _columns(total))
    if fresh:
        connection.execute(_INSERT, fresh)
    if changed:
        connection.execute(_UPDATE, changed)


def sums_of(row: Any) -> Sums:
    """The sums in a row of `usage_rollups`, a mapping by column."""
    return Sums(usage=units_of(row["usage"]), **{name: row[name] for name in _COUNTS})


def _columns(sums: Sums) -> dict[str, Any]:
    return {"usage": units_text(sums.usage)} | {name: getattr(sums, name) for name in _COUNTS}
