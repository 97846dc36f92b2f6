"""Usage: how many units of each meter a call consumed. Meters are disjoint, so they add up to the vendor's total."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Final

from fenli.errors import UsageError

# What one unit of each meter is. input: tokens of the prompt that no cache served, and that the vendor counts nowhere
# else; output: tokens of the answer that are not reasoning. cache_write keeps for the vendor's shortest time,
# cache_write_1h for an hour. cache_storage is tokens times the seconds they are kept; throughput is what is reserved
# (tokens per minute) times the days or months. images and videos are those made.
COUNTS: Final[dict[str, str]] = {
    "input": "token",
    "cached_input": "token",
    "cache_write": "token",
    "output": "token",
    "reasoning": "token",
    "cache_write_1h": "token",
    "audio_input": "token",
    "cached_audio_input": "token",
    "image_input": "token",
    "video_input": "token",
    "audio_output": "token",
    "image_output": "token",
    "input_characters": "character",
    "output_characters": "character",
    "audio_seconds": "second of audio",
    "video_seconds": "second of video",
    "input_images": "image",
    "images": "image",
    "videos": "video",
    "pages": "page",
    "calls": "call",
    "searches": "call",
    "cache_storage": "token-second",
    "throughput_days": "TPM-day",
    "throughput_months": "TPM-month",
}
METERS: Final = tuple(COUNTS)

# The tokens that a vendor reads and writes: what price tiers by prompt and by output length count.
WRITTEN: Final = ("output", "reasoning", "audio_output", "image_output")
READ: Final = tuple(meter for meter in METERS if COUNTS[meter] == "token" and meter not in WRITTEN)


class Usage(Mapping[str, int]):
    """An immutable mapping of meter to whole units (`COUNTS` says of what); absent meters are absent, not zero.

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
        """Every token."""
        return self.prompt + self.completion

    @property
    def prompt(self) -> int:
        """Every token the vendor read: what price tiers by prompt length count."""
        units = self._units
        return sum([units[meter] for meter in READ if meter in units])

    @property
    def completion(self) -> int:
        """Every token the vendor wrote: what price tiers by output length count."""
        units = self._units
        return sum([units[meter] for meter in WRITTEN if meter in units])
