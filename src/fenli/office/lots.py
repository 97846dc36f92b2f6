"""Lots in the store: those that entries may still draw on, in the order in which their owners take them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, insert, select

from fenli.errors import AccountRefused
from fenli.ledger.lots import Covered, Lot, LotKind, Unit, in_order
from fenli.office.tables import entries, lots
from fenli.store import stored_integer

Side = Literal["customer", "vendor"]
CUSTOMER: Final[Side] = "customer"
VENDOR: Final[Side] = "vendor"

_COLUMNS: Final = "side, id, owner, kind, unit, currency, face, cash, used, scope, opens_at, expires_at"
_READ: Final = f"SELECT {_COLUMNS} FROM lots WHERE lapsed_at IS NULL AND used <> face"  # noqa: S608  names of ours
_EVERY: Final = f"SELECT {_COLUMNS} FROM lots"  # noqa: S608
_USED: Final = "UPDATE lots SET used = ? WHERE id = ?"
_DRAWN: Final = "INSERT INTO lot_draws VALUES (?, ?, ?, ?, ?, ?)"
_decode_scope = msgspec.json.Decoder(frozenset[str]).decode


class OpenLots:
    """By side and owner, each owner's in order."""

    def __init__(self, found: Iterable[tuple[Side, Lot]], orders: Mapping[str, tuple[str, ...]]) -> None:
        by_owner: dict[tuple[Side, str], list[Lot]] = defaultdict(list)
        for side, lot in found:
            by_owner[side, lot.owner].append(lot)
        self._lots = {
            place: in_order(owned, orders.get(place[1], ()) if place[0] == VENDOR else ())
            for place, owned in by_owner.items()
        }

    @classmethod
    def read(cls, connection: Connection, orders: Mapping[str, tuple[str, ...]]) -> OpenLots:
        """Those with something left."""
        return cls(((row[0], lot_of(row)) for row in connection.exec_driver_sql(_READ)), orders)

    @classmethod
    def unused(cls, connection: Connection, orders: Mapping[str, tuple[str, ...]]) -> OpenLots:
        """Every lot there ever was, as it was before anybody drew on it."""
        rows = connection.exec_driver_sql(_EVERY)
        return cls(((row[0], msgspec.structs.replace(lot_of(row), used=0)) for row in rows), orders)

    def __bool__(self) -> bool:
        return bool(self._lots)

    def drop(self, side: Side, owner: str, id: int) -> None:
        """Nothing is drawn on that lot any more."""
        self._lots[side, owner] = [lot for lot in self.of(side, owner) if lot.id != id]

    def of(self, side: Side, owner: str) -> list[Lot]:
        return self._lots.get((side, owner), [])


def note_draws(connection: Connection, first: int, last: int, covered: Iterable[Covered]) -> None:
    """Writes what the entries of a batch took out of each lot, and what is used of it now."""
    for each in covered:
        connection.exec_driver_sql(_USED, (stored_integer(each.lot.used), each.lot.id))
        amounts = map(stored_integer, (each.units, each.picos, each.cash))
        connection.exec_driver_sql(_DRAWN, (each.lot.id, first, last, *amounts))


def add_lot(
    connection: Connection,
    side: Side,
    *,
    owner: str,
    kind: LotKind,
    unit: Unit,
    currency: str,
    face: int,
    cash: int = 0,
    scope: Iterable[str] | None = None,
    opens_at: int,
    expires_at: int | None,
    reference: str,
    why: str | None = None,
    now: int,
) -> Lot:
    """A lot that is not in the store yet. Raises AccountRefused where it could never cover anything."""
    if face <= 0 or cash < 0:
        raise AccountRefused(f"{owner}: a lot holds more than nothing and costs no less than nothing")
    if expires_at is not None and expires_at <= opens_at:
        raise AccountRefused(f"{owner}: the lot would be over before it begins: write a later end")
    names = None if scope is None else sorted(set(scope))
    values = {
        "side": side, "owner": owner, "kind": str(kind), "unit": unit, "currency": currency, "face": face, "cash": cash,
        "used": 0, "scope": None if names is None else msgspec.json.encode(names).decode(), "opens_at": opens_at,
        "expires_at": expires_at, "created_at": now, "reference": reference, "why": why,
    }  # fmt: skip
    made = connection.execute(insert(lots), values)
    assert made.inserted_primary_key is not None
    return Lot(
        id=made.inserted_primary_key[0], owner=owner, kind=kind, unit=unit, currency=currency, face=face, cash=cash,
        scope=None if names is None else frozenset(names), opens_at=opens_at, expires_at=expires_at,
    )  # fmt: skip


def lot_of(row: Any) -> Lot:
    """A row of `tables.lots`."""
    return Lot(
        id=row.id,
        owner=row.owner,
        kind=LotKind(row.kind),
        unit=row.unit,
        currency=row.currency,
        face=int(row.face),
        cash=int(row.cash),
        used=int(row.used),
        scope=None if row.scope is None else _decode_scope(row.scope),
        opens_at=row.opens_at,
        expires_at=row.expires_at,
    )


def earliest_start(connection: Connection, now: int) -> int:
    """The first instant from which something may hold without changing what is booked: nothing reaches back."""
    latest = connection.execute(select(entries.c.opened_at).order_by(entries.c.opened_at.desc()).limit(1)).scalar()
    return max(now, (latest or 0) + 1)


@cache
def draw_orders() -> dict[str, tuple[str, ...]]:
    """The kinds of lots in the order in which a vendor takes them, by vendor id; see ``data/draw_orders.toml``."""
    text = files("fenli.office").joinpath("data/draw_orders.toml").read_text(encoding="utf-8")
    return {vendor: tuple(LotKind(kind) for kind in row["order"]) for vendor, row in tomllib.loads(text).items()}
