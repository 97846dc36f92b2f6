"""What the gateway writes down about a call, in the order it happens.

    held ──────────┬── settled (usage, cost, grade)
    (attempt 1)    └── released (the vendor is owed nothing)
    attempted ─────┬── settled
    (attempt 2..)  └── released

`Held` opens the call and its first attempt, `Attempted` every further one; each is written before its vendor hears of
it. Each attempt ends in exactly one `Settled` or `Released`; the call ends with the one whose ``final`` is true.
Amounts are picos; instants and spans are nanoseconds.
"""

from __future__ import annotations

import enum

import msgspec


class Grade(enum.StrEnum):
    """How well the cost of an attempt is known."""

    MEASURED = "measured"  # rated from the vendor's own usage
    ESTIMATED = "estimated"  # rated from what we counted ourselves
    UNKNOWN = "unknown"  # the vendor may have charged; listed for reconciliation
    RECONCILED = "reconciled"  # corrected from the vendor's bill
    NONE = "none"  # released: nothing to pay


class Held(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=1):
    """``number`` names the call within its run; ``picos`` is None where the model has no price (unpriced, not zero).

    ``prompt_bytes`` are those of the request. ``text``: whether its prompt is text alone, None where nobody looked.
    """

    number: int
    at: int
    key: str
    asked: str
    stream: bool
    prompt_bytes: int
    vendor: str
    model: str
    currency: str | None
    picos: int | None
    retry: int = 0
    request_id: str | None = None
    text: bool | None = None


class Attempted(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=2):
    number: int
    attempt: int
    at: int
    vendor: str
    model: str
    currency: str | None
    picos: int | None


class Settled(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=3):
    """``usage`` is by meter; ``raw_usage`` the vendor's own JSON; ``rated_at`` the instant whose price counted.

    ``facts`` are those that chose the price row and are not what `prices.facts` takes for granted.
    """

    number: int
    attempt: int
    at: int
    final: bool
    outcome: str
    grade: Grade
    status: int | None = None
    usage: dict[str, int] | None = None
    raw_usage: bytes | None = None
    currency: str | None = None
    picos: int | None = None
    offer: str | None = None
    rated_at: int | None = None
    first_content: int | None = None
    upstream_id: str | None = None
    answered_model: str | None = None
    note: str | None = None
    facts: dict[str, bool | str] | None = None


class Released(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=4):
    number: int
    attempt: int
    at: int
    final: bool
    outcome: str
    status: int | None = None
    note: str | None = None


Record = Held | Attempted | Settled | Released

AMOUNT_MAX = 2**63 - 1  # the most picos that a record can carry: nine million yuan or dollars

OK = "ok"  # the outcome of a call that was answered whole; every other outcome is an `errors.Kind`
