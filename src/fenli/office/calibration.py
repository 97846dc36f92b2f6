"""How many tokens the bytes of prompts come to, learnt from what vendors measured: what a hold need not be beyond.

Only prompts of text alone are samples, and only where the gateway has looked: an image that is named by its address is
many tokens and few bytes.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, select

from fenli.ledger.entries import OpenHold
from fenli.ledger.records import Grade, Settled
from fenli.office.tables import calibrations

MILLION: Final = 1_000_000
# Shorter prompts are mostly what vendors put around them.
BYTES_MIN: Final = 256
SAMPLES_MIN: Final = 50
# The most that was seen, and a quarter of it for what was not.
SAFETY_PERCENT: Final = 125
# Tokens for 1,000 bytes are rounded up to such steps, so that a new extreme seldom makes a new snapshot.
STEP: Final = 50
MOST: Final = 1_000  # a token a byte

_TEXT: Final = ("input", "cached_input", "cache_write", "cache_write_1h")
_ADD: Final = (
    "INSERT INTO calibrations (vendor, model, samples, most_ppm) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "samples = samples + excluded.samples, most_ppm = max(most_ppm, excluded.most_ppm)"
)


class Seen(msgspec.Struct):
    """``most_ppm``: the most tokens that a million bytes would have come to."""

    samples: int = 0
    most_ppm: int = 0


class Calibration:
    """What one batch of records shows, by vendor and model."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], Seen] = {}

    def look(self, record: Settled, hold: OpenHold | None) -> None:
        """``hold``: the one that the record ends."""
        if hold is None or not hold.held.text or hold.held.prompt_bytes < BYTES_MIN:
            return
        if record.grade is not Grade.MEASURED or not record.usage:
            return
        tokens = sum(record.usage.get(meter, 0) for meter in _TEXT)
        ppm = tokens * MILLION // hold.held.prompt_bytes
        if 0 < ppm <= MILLION:  # no tokenizer makes more than one token of a byte: what is more was no text of ours
            target = hold.attempted or hold.held
            seen = self.seen.setdefault((target.vendor, target.model), Seen())
            seen.samples += 1
            seen.most_ppm = max(seen.most_ppm, ppm)

    def keep(self, connection: Connection) -> None:
        """Within a write transaction."""
        if self.seen:
            rows = [(*model, seen.samples, seen.most_ppm) for model, seen in self.seen.items()]
            connection.exec_driver_sql(_ADD, rows)


def prompt_ratios(connection: Connection) -> dict[str, int]:
    """By ``vendor/model``, the tokens that 1,000 bytes of a text prompt come to at most; of those seen often enough."""
    rows = connection.execute(select(calibrations).where(calibrations.c.samples >= SAMPLES_MIN))
    return {f"{row.vendor}/{row.model}": ratio_of(row.most_ppm) for row in rows}


def ratio_of(most_ppm: int) -> int:
    """Tokens for 1,000 bytes, with the safety on top."""
    safe = -(-most_ppm * SAFETY_PERCENT // (100 * 1_000))
    return min(MOST, -(-safe // STEP) * STEP)
