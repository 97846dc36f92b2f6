"""Statements: what was there, what moved, what is there. The three agree, or there is no statement.

A statement is drawn up exactly from the books, may be converted as a whole, and is then rounded by a named policy. What
conversion and rounding change stands on a line of its own. In the books' currency, rounded the same way, each statement
opens with what the one before closed with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from fenli.errors import BooksError
from fenli.ledger.chart import Move
from fenli.ledger.rounding import NONE, Policy
from fenli.values.money import decimal_of

SubjectKind = Literal["customer", "project", "key", "vendor"]
SUBJECT_KINDS: Final[tuple[SubjectKind, ...]] = ("customer", "project", "key", "vendor")
_CALLS: Final = (Move.COST, Move.CHARGE)
SAVING: Final = "saving"  # by how much packs and credits at a vendor made its calls cheaper than list price


class Subject(msgspec.Struct, frozen=True):
    """Whose statement it is, and which side of the calls counts.

    A customer's balance is the customer's money with us (below zero: owed to us), so charges are negative. A vendor's
    is what we owe. A project's or a key's is what it has come to since it was made.
    """

    kind: SubjectKind
    id: str
    name: str
    side: Literal["charge", "cost"]


class Period(msgspec.Struct, frozen=True):
    """``[since, until)``, ns: whole days of ``zone``, the first one and the last."""

    since: int
    until: int
    first: str
    last: str
    zone: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``picos`` is what the line does to the balance. ``kind`` is a `Move`, or `SAVING`. ``day`` is of the period's
    zone. ``what`` is the model of calls, and of anything else the reference and the reason that were given."""

    kind: str
    day: str
    what: str
    picos: int
    calls: int = 0
    usage: Mapping[str, int] = {}


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of a day and a model of which nobody knows yet what they cost. They are in no line and in no total.

    ``held_picos`` was set aside for them; for ``unheld`` of them nothing was, their model having no price.
    """

    day: str
    what: str
    calls: int
    held_picos: int | None = None
    unheld: int = 0


class Conversion(msgspec.Struct, frozen=True):
    """The one rate that a whole statement was converted by, and the currency that the books keep it in."""

    original: str
    pair: str
    rate: str
    effective_from: int
    source: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """``opening`` plus all ``lines`` plus ``difference`` is ``closing``, picos of ``currency``.

    ``difference`` is what conversion and rounding changed. ``provisional`` says why calls of the period may still be
    missing, None where none can be.
    """

    subject: Subject
    period: Period
    currency: str
    opening: int
    lines: tuple[Line, ...]
    difference: int = 0
    closing: int
    unknown: tuple[Unknown, ...] = ()
    policy: str = NONE.name
    conversion: Conversion | None = None
    provisional: Literal["not_over", "open_calls"] | None = None

    @property
    def movements(self) -> int:
        return sum(line.picos for line in self.lines)

    def total(self, *kinds: str) -> int:
        """Of the lines of these kinds."""
        return sum(line.picos for line in self.lines if line.kind in kinds)


def checked(statement: Statement) -> Statement:
    """The statement itself. Raises BooksError where it does not add up."""
    reached = statement.opening + statement.movements + statement.difference
    if reached != statement.closing:
        raise BooksError(
            f"the statement of {statement.subject.kind} {statement.subject.id} does not add up: "
            f"{decimal_of(statement.opening)} and the movements come to {decimal_of(reached)} {statement.currency}, "
            f"the books say {decimal_of(statement.closing)}: run `fenli ledger verify`"
        )
    return statement


def converted(
    statement: Statement, currency: str, convert: Callable[[int], int], conversion: Conversion | None
) -> Statement:
    """Every amount at one rate; ``convert`` takes picos of the one currency to picos of the other."""
    lines = tuple(msgspec.structs.replace(line, picos=convert(line.picos)) for line in statement.lines)
    unknown = tuple(
        msgspec.structs.replace(one, held_picos=None if one.held_picos is None else convert(one.held_picos))
        for one in statement.unknown
    )
    opening, closing = convert(statement.opening), convert(statement.closing)
    return checked(
        msgspec.structs.replace(
            statement,
            currency=currency,
            opening=opening,
            lines=lines,
            difference=closing - opening - sum(line.picos for line in lines),
            closing=closing,
            unknown=unknown,
            conversion=conversion,
        )
    )


def rounded(statement: Statement, policy: Policy) -> Statement:
    """Lines and totals at the decimals that the policy keeps. Both balances are rounded from the exact ones, so that
    differences never pile up from one statement to the next."""
    lines = tuple(msgspec.structs.replace(line, picos=policy.line(line.picos)) for line in statement.lines)
    opening, closing = policy.total(statement.opening), policy.total(statement.closing)
    return checked(
        msgspec.structs.replace(
            statement,
            opening=opening,
            lines=lines,
            difference=closing - opening - sum(line.picos for line in lines),
            closing=closing,
            policy=policy.name,
        )
    )


def grouped(statement: Statement, by: Literal["day", "model"]) -> Statement:
    """Calls summed up over all models of a day, or over all days of a model; everything else stays as it is."""
    lines = [line for line in statement.lines if line.kind not in _CALLS]
    sums: dict[tuple[str, str, str], Line] = {}
    for line in statement.lines:
        if line.kind in _CALLS:
            day, what = (line.day, "") if by == "day" else ("", line.what)
            before = sums.get((line.kind, day, what))
            sums[line.kind, day, what] = (
                msgspec.structs.replace(line, day=day, what=what)
                if before is None
                else (
                    msgspec.structs.replace(
                        before,
                        picos=before.picos + line.picos,
                        calls=before.calls + line.calls,
                        usage={
                            meter: before.usage.get(meter, 0) + line.usage.get(meter, 0)
                            for meter in {**before.usage, **line.usage}
                        },
                    )
                )
            )
    return checked(msgspec.structs.replace(statement, lines=tuple(sorted([*lines, *sums.values()], key=in_order))))


def in_order(line: Line) -> tuple[str, int, str]:
    """Lines by day; of a day what was paid and given first, then the calls, then what put them right."""
    return line.day, _PLACE[line.kind], line.what


_PLACE: Final[dict[str, int]] = {
    kind: place
    for place, kind in enumerate(
        (
            Move.TOP_UP, Move.CREDIT, Move.ALLOWANCE, Move.PURCHASE, Move.PAYMENT, Move.REPAYMENT, Move.FEE,
            Move.CHARGE, Move.COST, SAVING, Move.UNKNOWN, Move.REFUND, Move.EXPIRY, Move.LAPSE, Move.CORRECTION,
        )
    )
}  # fmt: skip
assert set(_PLACE) == {*Move, SAVING}
