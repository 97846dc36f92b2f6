"""Seeded chance in named streams: what one stream draws never changes what another does."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """``Chance(7).stream("market")`` draws the same numbers in every run, whatever else is drawn beside it."""

    __slots__ = ("seed",)

    def __init__(self, seed: int | str) -> None:
        self.seed = str(seed)

    def stream(self, name: str) -> Stream:
        return Stream(f"{len(self.seed)}:{self.seed}/{name}")


class Stream:
    """One sequence of draws, built only on what Python promises to keep the same in every release."""

    __slots__ = ("_bits", "_name", "_unit")

    def __init__(self, name: str) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=32).digest()
        source = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - repeatable is the point, secrecy is not
        self._name = name
        self._bits = source.getrandbits
        self._unit = source.random

    def stream(self, name: str) -> Stream:
        """A stream of its own below this one."""
        return Stream(f"{self._name}/{name}")

    def integer(self, low: int, high: int) -> int:
        """One of ``low`` to ``high``, both included."""
        span = high - low + 1
        if span <= 0:
            raise ValueError(f"there is no integer from {low} to {high}")
        width = span.bit_length()
        drawn = self._bits(width)
        while drawn >= span:
            drawn = self._bits(width)
        return low + drawn

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    def probability(self, likely: float) -> bool:
        """True with that probability (0 to 1)."""
        return self._unit() < likely

    def exponential(self, mean: int) -> int:
        """A span with that mean: the time between events that do not know of each other."""
        return int(-math.log(1.0 - self._unit()) * mean)

    def bytes(self, count: int) -> bytes:
        return self._bits(count * 8).to_bytes(count, "big") if count else b""
