"""What an attempt takes out of the budgets that cover it. The gateway and the office count by the same rules."""

from __future__ import annotations

from fenli.prices.rates import Exchange
from fenli.values.rounding import Rounding


def drawn(cost: int | None, held: int | None, *, owed: bool) -> int:
    """Picos. ``owed``: whether the vendor can have charged. A cost that nobody knows counts as what was held."""
    if not owed:
        return 0
    return cost if cost is not None else held or 0


def in_budget(picos: int, exchange: Exchange | None) -> int:
    """Picos of the budget's currency, each amount for itself rounded up; ``exchange`` None where they are that already.

    The rate is the one in force when the attempt was opened.
    """
    return picos if exchange is None else exchange.convert(picos, Rounding.CEILING)
