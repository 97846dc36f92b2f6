"""JSON as different servers write it."""

from __future__ import annotations

import enum
import json
from typing import Any

import msgspec


class Spelling(enum.StrEnum):
    """The same JSON as different servers write it."""

    COMPACT = "compact"
    SPACED = "spaced"
    ESCAPED = "escaped"  # non-ASCII as \\uXXXX


def encode(value: Any, spelling: Spelling = Spelling.COMPACT) -> bytes:
    if spelling is Spelling.COMPACT:
        return msgspec.json.encode(value)
    separators = (", ", ": ") if spelling is Spelling.SPACED else (",", ":")
    return json.dumps(value, ensure_ascii=spelling is Spelling.ESCAPED, separators=separators).encode()
