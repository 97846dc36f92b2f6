"""How a statement is rounded, by name. The books stay exact; what rounding changes is a line of its own.

Vendors differ: Tencent Cloud keeps 8 decimals on a line and pays 2, Huawei Cloud rounds the month's total only.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import ValueRefused
from fenli.values.rounding import DECIMALS, rounded


class Policy(msgspec.Struct, frozen=True):
    """How many decimals a line and a total keep; the rest is rounded half up, away from zero."""

    name: str
    line_decimals: int
    total_decimals: int

    def line(self, picos: int) -> int:
        return rounded(picos, self.line_decimals)

    def total(self, picos: int) -> int:
        return rounded(picos, self.total_decimals)


POLICIES: Final = {
    policy.name: policy
    for policy in (
        Policy("none", DECIMALS, DECIMALS),
        Policy("line-8", 8, 8),
        Policy("total-2", DECIMALS, 2),
        Policy("line-8-total-2", 8, 2),
    )
}
NONE: Final = POLICIES["none"]


def policy_named(name: str) -> Policy:
    """Raises ValueRefused with those there are."""
    if name not in POLICIES:
        raise ValueRefused(f"{name!r} is no way of rounding: choose one of {', '.join(POLICIES)}")
    return POLICIES[name]
