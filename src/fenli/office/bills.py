"""Vendors' bills in the store. One is imported whole, and once; a mistaken one is dropped and stays on record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from fenli.errors import BillRefused
from fenli.ledger.bills import BillLine
from fenli.office.tables import bill_lines, bills, transfers
from fenli.store import Database

_encode = msgspec.json.Encoder().encode
_decode_meters = msgspec.json.Decoder(tuple[str, ...]).decode


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """``layout`` is how the file ``name`` was read. Its lines are for ``first_day`` to ``last_day`` of ``zone``, or for
    months where these are such. ``totals`` in picos by currency. Instants in ns."""

    id: int
    vendor: str
    name: str
    layout: str
    zone: str
    first_day: str
    last_day: str
    imported_at: int
    dropped_at: int | None
    lines: int
    totals: dict[str, int]

    @property
    def by_month(self) -> bool:
        return len(self.first_day) == len("2026-10")


def import_bill(
    database: Database,
    vendor: str,
    name: str,
    content: bytes,
    lines: Sequence[BillLine],
    *,
    layout: str,
    zone: str,
    now: int,
) -> Bill:
    """Raises BillRefused where this very file, or another bill of the vendor's for the same days, is there already."""
    days = sorted({line.day for line in lines})
    digest = hashlib.sha256(content).digest()
    row = {
        "vendor": vendor, "name": name, "digest": digest, "layout": layout, "zone": zone, "first_day": days[0],
        "last_day": days[-1], "imported_at": now,
    }  # fmt: skip
    with database.write() as connection:
        _check_new(connection, vendor, digest, lines)
        made = connection.execute(insert(bills), row).inserted_primary_key
        assert made is not None
        connection.execute(insert(bill_lines), [_row_of(made[0], line) for line in lines])
        return find_bill(connection, made[0])


def drop_bill(database: Database, id: int, *, now: int) -> Bill:
    """The bill counts no more. Raises BillRefused for one that is not there, or according to which was corrected."""
    with database.write() as connection:
        found = find_bill(connection, id)
        if found.dropped_at is not None:
            raise BillRefused(f"bill {id} was dropped already: `fenli bill list` shows those that count")
        used = select(transfers.c.id).where(transfers.c.reference == reference(id)).limit(1)
        if connection.execute(used).first() is not None:
            raise BillRefused(
                f"the books were corrected by bill {id}, so it stays: import what replaces it as a further one"
            )
        connection.execute(update(bills).where(bills.c.id == id).values(dropped_at=now))
        return find_bill(connection, id)


def reference(id: int) -> str:
    """What corrections by a bill refer to."""
    return f"bill {id}"


def list_bills(connection: Connection, vendor: str | None = None) -> list[Bill]:
    """Every bill there ever was, oldest first."""
    query = select(bills.c.id).order_by(bills.c.id)
    if vendor is not None:
        query = query.where(bills.c.vendor == vendor)
    return [find_bill(connection, id) for id in connection.execute(query).scalars().all()]


def find_bill(connection: Connection, id: int) -> Bill:
    """Raises BillRefused when there is none."""
    row = connection.execute(select(bills).where(bills.c.id == id)).one_or_none()
    if row is None:
        raise BillRefused(f"there is no bill {id}: `fenli bill list` shows those there are")
    totals: dict[str, int] = {}
    for currency, picos in connection.execute(
        select(bill_lines.c.currency, bill_lines.c.picos).where(bill_lines.c.bill == id)
    ):
        totals[currency] = totals.get(currency, 0) + picos
    count = connection.execute(select(func.count()).select_from(bill_lines).where(bill_lines.c.bill == id)).scalar_one()
    fields = {name: getattr(row, name) for name in Bill.__struct_fields__ if name not in ("lines", "totals")}
    return Bill(**fields, lines=count, totals=totals)


def read_lines(connection: Connection, ids: Iterable[int]) -> list[tuple[int, BillLine]]:
    """Of these bills, in the order of their files; each with its bill."""
    query = select(bill_lines).where(bill_lines.c.bill.in_(list(ids))).order_by(bill_lines.c.bill, bill_lines.c.line)
    return [(row["bill"], _line_of(row)) for row in connection.execute(query).mappings()]


def _check_new(connection: Connection, vendor: str, digest: bytes, lines: Sequence[BillLine]) -> None:
    known = connection.execute(select(bills).where(bills.c.vendor == vendor, bills.c.dropped_at.is_(None))).all()
    for row in known:
        if row.digest == digest:
            raise BillRefused(f"this file is bill {row.id} already, imported as {row.name}: nothing was done")
    taken = select(bill_lines.c.bill, bill_lines.c.day).where(
        bill_lines.c.bill.in_([row.id for row in known]), bill_lines.c.day.in_({line.day for line in lines})
    )
    same = connection.execute(taken.order_by(bill_lines.c.day).limit(1)).first()
    if same is not None:
        raise BillRefused(
            f"bill {same.bill} has lines for {same.day} of {vendor} already, and they would count twice: "
            f"`fenli bill drop {same.bill}` first, or import only the days that are new"
        )


def _row_of(bill: int, line: BillLine) -> dict[str, Any]:
    row = msgspec.structs.asdict(line)
    return {**row, "bill": bill, "meters": None if line.meters is None else _encode(line.meters).decode()}


def _line_of(row: Any) -> BillLine:
    fields = {name: row[name] for name in BillLine.__struct_fields__}
    return BillLine(**{**fields, "meters": None if row["meters"] is None else _decode_meters(row["meters"])})
