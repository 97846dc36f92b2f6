"""What an attempt takes out of the budgets that cover it. The gateway and the office count by the same rule."""

from __future__ import annotations


def drawn(cost: int | None, held: int | None, *, owed: bool) -> int:
    """Picos. ``owed``: whether the vendor can have charged. A cost that nobody knows counts as what was held."""
    if not owed:
        return 0
    return cost if cost is not None else held or 0
