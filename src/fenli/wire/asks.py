"""What every request tells the call, whatever is asked for and in whatever dialect."""

from __future__ import annotations

from typing import Protocol


class Asked(Protocol):
    """``model`` is the public name; ``stream``: the answer is wanted in pieces; ``size``: bytes of the request."""

    model: str
    stream: bool
    size: int

    @property
    def is_text(self) -> bool:
        """Whether its size says how many tokens the vendor reads: nothing in it could be anything but text."""

    def estimate(self, counted: int) -> dict[str, int] | None:
        """Units by meter where the vendor tells none; ``counted`` are our own tokens of the answer. None: unknown."""
