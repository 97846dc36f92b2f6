"""Ids that sort by time and never repeat across processes or restarts."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u


def run_id(instant: int, entropy: int | None = None) -> str:
    """Names one run of one process: 9 characters of milliseconds, then 6 of chance. ``entropy`` is for seeded runs."""
    chance = secrets.randbits(30) if entropy is None else entropy
    return _base32(instant // 1_000_000, 9) + _base32(chance, 6)


def call_id(run: str, number: int) -> str:
    """The public id of the ``number``-th call of a run."""
    return f"call_{run}{number:08x}"


def run_of(call: str) -> str:
    """The run in whose journal a call was written, by its id."""
    return call.removeprefix("call_")[:-8]


def _base32(value: int, width: int) -> str:
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
