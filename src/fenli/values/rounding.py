"""Rounding of whole picos, by name. Nothing is rounded anywhere but here."""

from __future__ import annotations

import enum
from typing import Final

DECIMALS: Final = 12  # of an amount in picos


class Rounding(enum.StrEnum):
    """Where an exact amount between two steps goes."""

    HALF_UP = "half-up"  # to the nearer one, from the middle away from zero: as the vendors round their bills
    CEILING = "ceiling"  # to the greater one: for what must not be too little, such as a hold


def divided(numerator: int, denominator: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """The whole number that ``numerator / denominator`` rounds to; ``denominator`` is positive."""
    if rounding is Rounding.CEILING:
        return -(-numerator // denominator)
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -nearest if numerator < 0 else nearest


def rounded(picos: int, decimals: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """``picos`` at ``decimals`` (0 to 12) places of the unit, still in picos."""
    step: int = 10 ** (DECIMALS - decimals)
    return divided(picos, step, rounding) * step
