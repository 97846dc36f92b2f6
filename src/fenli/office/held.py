"""What attempts that are still open hold on budgets, by what was posted of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from fenli.budgets import Budget
from fenli.ledger.entries import BETWEEN, OpenHold
from fenli.office.draws import Counting, Covers
from fenli.office.tables import open_holds
from fenli.office.terms import StoredTerms
from fenli.prices.rates import Rates

_decode_hold = msgspec.msgpack.Decoder(OpenHold).decode


class HeldOn(NamedTuple):
    """``window``: the start of the budget's window; ``picos`` of its currency, None where nobody says the worth."""

    budget: Budget
    window: int
    opened_at: int
    picos: int | None


def held_on(connection: Connection, budgets: Sequence[Budget], rates: Rates, at: int) -> Iterator[HeldOn]:
    """One for each open attempt and each budget that covers it."""
    if not budgets:
        return
    covers, terms = Covers(budgets), StoredTerms()
    counting = Counting(covers, rates, at)
    terms.refresh(connection)
    query = select(open_holds.c.hold).where(open_holds.c.attempt != BETWEEN)
    for hold in map(_decode_hold, connection.execute(query).scalars()):
        target, owner = hold.attempted or hold.held, terms.owner(hold.held.key)
        for cover in covers.of(hold.held.key, owner.project, owner.customer, target.vendor):
            picos = None
            if target.picos is not None:
                picos = counting.worth(cover.budget, target.currency, target.picos, target.at)
            yield HeldOn(cover.budget, cover.window(target.at).start, target.at, picos)
