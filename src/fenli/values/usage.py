"""Usage: how many units of each meter a call consumed. Meters are disjoint, so they add up to the vendor's total."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Final

from fenli.errors import UsageError

# input: prompt tokens that no cache served; output: answer tokens that are not reasoning.
METERS: Final = ("input", "cached_input", "cache_write", "output", "reasoning")


class Usage(Mapping[str, int]):
    """An immutable mapping of meter to units (tokens, for the five token meters); absent meters are absent, not zero.

    Raises UsageError for an unknown meter, a negative number or anything but an int.
    """

    __slots__ = ("_units",)

    def __init__(self, units: Mapping[str, int]) -> None:
        for meter, count in units.items():
            if meter not in METERS:
                raise UsageError(f"{meter!r} is not a meter: {', '.join(METERS)}")
            if type(count) is not int or count < 0:
                raise UsageError(f"{meter} is {count!r}: a meter counts whole units and never below zero")
        self._units = dict(units)

    def __getitem__(self, meter: str) -> int:
        return self._units[meter]

    def __iter__(self) -> Iterator[str]:
        return iter(self._units)

    def items(self) -> ItemsView[str, int]:
        """The dict's own view: rating walks it, and the mixin's takes more than twice as long."""
        return self._units.items()

    def __len__(self) -> int:
        return len(self._units)

    def __hash__(self) -> int:
        return hash(frozenset(self._units.items()))

    def __repr__(self) -> str:
        return f"Usage({self._units})"

    @property
    def total(self) -> int:
        return sum(self._units.values())

    @property
    def prompt(self) -> int:
        """Every token the vendor read: what price tiers by prompt length count."""
        units = self._units
        return units.get("input", 0) + units.get("cached_input", 0) + units.get("cache_write", 0)

    @property
    def completion(self) -> int:
        """Every token the vendor wrote: what price tiers by output length count."""
        return self._units.get("output", 0) + self._units.get("reasoning", 0)

    def as_dict(self) -> dict[str, int]:
        return dict(self._units)
