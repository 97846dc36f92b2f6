"""The arithmetic of the tables: percentiles, medians, ratios, slopes. No I/O."""

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` % of all values do not exceed."""
    if not values:
        raise ValueError("no values, so no percentile")
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile lies above 0 and up to 100, not at {percent}")
    # In integers of a thousandth of a percent: 99.9 / 100 * 1000 is 999.0000000000001 as floats, one rank too many.
    rank = ceil(round(percent * 1000) * len(values) / 100_000)
    return sorted(values)[max(rank, 1) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    if not values:
        raise ValueError("no values, so no median")
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def known(values: Sequence[float | None]) -> list[float]:
    """What was measured. A missing figure is left out of a median, never counted as 0."""
    return [value for value in values if value is not None]


def median_known(values: Sequence[float | None]) -> float | None:
    present = known(values)
    return median(present) if present else None


def ratio(value: float | None, base: float | None) -> float | None:
    """`value` / `base`, or None where either is missing or one is below what can be compared (noise less noise)."""
    if value is None or base is None or value < 0 or base <= 0:
        return None
    return value / base


def paired_ratio(values: Sequence[float | None], bases: Sequence[float | None]) -> float | None:
    """Median of the ratios of each round: what slowed a whole round slowed both sides, and cancels out."""
    return median_known([ratio(value, base) for value, base in zip(values, bases, strict=True)])


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Least-squares slope of ys over xs."""
    if len(xs) != len(ys) or len(xs) < 2:
        raise ValueError("a slope needs two points or more, as many xs as ys")
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread == 0:
        raise ValueError("a slope needs two different xs")
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
