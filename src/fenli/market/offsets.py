"""Offsets on a scenario's timeline as people write them: ``0s``, ``90s``, ``1m30s``, ``2h``, ``15d``."""

from __future__ import annotations

import re
from typing import Final

from fenli.clock import MILLISECOND, SECOND

_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_OFFSET: Final = re.compile(
    r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?", re.ASCII
)
_SIZES: Final = (_DAY, _HOUR, _MINUTE, SECOND, MILLISECOND)


def parse_offset(text: object) -> int | None:
    """Nanoseconds; None for what is no offset."""
    found = _OFFSET.fullmatch(text) if isinstance(text, str) and text else None
    if found is None:
        return None
    return sum(int(count) * size for count, size in zip(found.groups(), _SIZES, strict=True) if count)


def format_offset(offset: int) -> str:
    """The shortest way to write it, to the millisecond."""
    parts = []
    for unit, size in zip(("d", "h", "m", "s", "ms"), _SIZES, strict=True):
        count, offset = divmod(offset, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
