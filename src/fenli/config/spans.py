"""Spans of time as people write them: ``250ms``, ``5s``, ``2m``, ``1h``."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
PATTERN: Final = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
LONGEST: Final = 24 * UNITS["h"]

_SPAN = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(ms|s|m|h)")


class Span(int):
    """A positive span in nanoseconds, of a day at most."""

    @classmethod
    def parse(cls, text: object) -> Span:
        """Raises ValueError with what to write instead."""
        match = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f'{_shown(text)} is not a span of time: write one such as "250ms", "5s" or "2m"')
        whole, fraction, unit = match[1], match[2] or "", match[3]
        span = cls(int(whole + fraction) * UNITS[unit] // 10 ** len(fraction))
        if not 0 < span <= LONGEST:
            raise ValueError(f'"{text}" is out of range: more than 0 and at most 24h')
        return span

    def __str__(self) -> str:
        for unit, size in reversed(UNITS.items()):
            if not self % size:
                return f"{self // size}{unit}"
        return f"{int(self)}ns"

    __repr__ = __str__


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
