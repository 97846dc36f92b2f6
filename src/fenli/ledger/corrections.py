"""Corrections: what an attempt turned out to cost. Its entry stays as it is; the newest correction of it counts."""

from __future__ import annotations

import msgspec

from fenli.ledger.entries import Entry
from fenli.ledger.records import Grade


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """``entry`` is a sequence; amounts in picos, ``at`` in ns. ``picos_before`` and ``charge_before`` are what counted
    until then, None where it was not known or nothing was owed. ``charge_picos`` follows the cost where the customer's
    plan does, and is what it was elsewhere."""

    entry: int
    call: str
    attempt: int
    at: int
    currency: str
    picos: int
    picos_before: int | None
    charge_currency: str | None
    charge_picos: int | None
    charge_before: int | None
    why: str
    reference: str


def corrected(entry: Entry, correction: Correction | None) -> Entry:
    """What counts now."""
    if correction is None:
        return entry
    return msgspec.structs.replace(
        entry,
        grade=Grade.RECONCILED,
        currency=correction.currency,
        picos=correction.picos,
        charge_currency=correction.charge_currency,
        charge_picos=correction.charge_picos,
    )
