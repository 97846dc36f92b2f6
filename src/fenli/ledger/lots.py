"""Lots: what was set apart for calls to draw on until it is used up or over.

A customer's credits and allowances are lots, and so are the packs and prepaid balances that we have at vendors. An
entry draws on the lots that were open when its attempt was, in the owner's order; what no lot covers is paid as usual.
Everything follows from the entries in their sequence and the lots, so it can be worked out again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec


class LotKind(enum.StrEnum):
    FREE = "free"
    PROMOTIONAL = "promotional"
    SUBSCRIPTION = "subscription"
    PACK = "pack"
    GRANTED = "granted"
    TOPPED_UP = "topped_up"
    CREDIT = "credit"
    ALLOWANCE = "allowance"


Unit = Literal["money", "tokens", "calls"]
UNITS: Final[tuple[Unit, ...]] = ("money", "tokens", "calls")


class Lot(msgspec.Struct, kw_only=True):
    """``face`` and ``used`` in ``unit`` (money: picos of ``currency``), ``cash`` in picos: what it cost us.

    It covers entries whose attempt was opened in ``[opens_at, expires_at)``, ns, in ``currency`` and, where there is a
    ``scope``, for one of the names in it.
    """

    id: int
    owner: str
    kind: LotKind
    unit: Unit
    currency: str
    face: int
    cash: int = 0
    used: int = 0
    scope: frozenset[str] | None = None
    opens_at: int = 0
    expires_at: int | None = None

    @property
    def left(self) -> int:
        return self.face - self.used

    @property
    def account_owner(self) -> str:
        return f"{self.owner}#{self.id}"

    def cash_of(self, used: int) -> int:
        """What the first ``used`` units cost us, picos, rounded down; all of them cost exactly ``cash``."""
        return self.cash * used // self.face

    @property
    def cash_left(self) -> int:
        return self.cash - self.cash_of(self.used)

    def covers(self, need: Need) -> bool:
        return (
            self.left > 0
            and self.currency == need.currency
            and self.opens_at <= need.at
            and (self.expires_at is None or need.at < self.expires_at)
            and (self.scope is None or need.name in self.scope)
        )


class Need(NamedTuple):
    """What one entry asks of the lots: ``picos`` of ``currency``, at list price, for so many ``tokens``.

    ``at``: when its attempt was opened, ns. ``name`` is what a lot's scope may be limited to.
    """

    at: int
    currency: str
    picos: int
    tokens: int
    name: str | None


class Draw(NamedTuple):
    """``units`` of the lot stand for ``picos`` of the need and ``cash`` of what the lot cost us."""

    lot: Lot
    units: int
    picos: int
    cash: int


class Covered(msgspec.Struct):
    """What one lot stood for: units of its own, picos of the entries' list price or charge, picos of its own cost."""

    lot: Lot
    units: int = 0
    picos: int = 0
    cash: int = 0

    def add(self, drawn: Draw) -> None:
        self.units += drawn.units
        self.picos += drawn.picos
        self.cash += drawn.cash


def in_order(lots: Iterable[Lot], kinds: Sequence[str] = ()) -> list[Lot]:
    """Kinds in their order first, those not in it after them; of one kind what expires first, then what is oldest."""
    ranks = {kind: rank for rank, kind in enumerate(kinds)}

    def place(lot: Lot) -> tuple[int, bool, int, int, int]:
        never = lot.expires_at is None
        return ranks.get(lot.kind, len(ranks)), never, lot.expires_at or 0, lot.opens_at, lot.id

    return sorted(lots, key=place)


def draw(lots: Iterable[Lot], need: Need) -> list[Draw]:
    """Takes what the need asks for out of ``lots``, in their order, and says what it took; the lots are changed.

    A lot of tokens or calls that covers only part of the need stands for that part of its list price, rounded down to a
    pico; the rest is drawn on the next lot.
    """
    draws: list[Draw] = []
    rest = need.picos
    for lot in lots:
        if rest <= 0:
            break
        if not lot.covers(need):
            continue
        asked = _units(lot.unit, need, rest)
        units = min(lot.left, asked)
        if units <= 0:
            continue
        picos = rest if units == asked else rest * units // asked
        cash = lot.cash_of(lot.used + units) - lot.cash_of(lot.used)
        lot.used += units
        rest -= picos
        draws.append(Draw(lot, units, picos, cash))
    return draws


def _units(unit: Unit, need: Need, rest: int) -> int:
    """How many units of a lot stand for ``rest`` of the need; parts of a unit count whole."""
    whole: Mapping[Unit, int] = {"money": need.picos, "tokens": need.tokens, "calls": 1}
    return -(-whole[unit] * rest // need.picos)
