"""Which rows are in force when: a timeline cut where the answer can change, remembered where it was last asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from fenli.prices.offers import UNBOUNDED, Offer
from fenli.prices.windows import Hours
from fenli.values.usage import METERS, READ, WRITTEN

EVER: Final = 2**127
# Whose price counts for tokens that a row says nothing of. Cached and written tokens without a price of their own cost
# what new ones do: such a row says nothing of a discount. So do images, which become tokens. Sound has no such rule.
INSTEAD: Final = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "cached_audio_input": "audio_input",
    "image_input": "input",
    "video_input": "input",
    "reasoning": "output",
}


class Row:
    """A compiled offer. ``prices`` are those of `known_prices`. ``plain``: it takes any request. ``simple``: a cost is
    the sum of units times prices, and nothing more."""

    __slots__ = (
        "end", "hours", "input_max", "offer", "offer_id", "output_max", "plain", "prices", "reads", "simple", "start",
        "tiers", "writes",
    )  # fmt: skip

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.offer_id = offer.id
        self.start = offer.effective_from
        self.end = EVER if offer.effective_to is None else offer.effective_to
        conditions = offer.conditions
        self.hours = Hours(conditions.window) if conditions.window is not None else None
        prompt, completion = conditions.prompt_tokens, conditions.completion_tokens
        self.tiers = (
            prompt.low() if prompt else 0,
            prompt.high() if prompt else UNBOUNDED,
            completion.low() if completion else 0,
            completion.high() if completion else UNBOUNDED,
        )
        self.plain = self.tiers == (0, UNBOUNDED, 0, UNBOUNDED)
        self.simple = not (offer.per or offer.included or offer.minimum)
        self.prices = known_prices(offer)
        self.reads = "input" in self.prices
        self.writes = "output" in self.prices
        self.input_max = max(self.prices.get(meter, 0) for meter in READ)
        self.output_max = max(self.prices.get(meter, 0) for meter in WRITTEN)

    def takes(self, prompt: int, completion: int) -> bool:
        low, high, least, most = self.tiers
        return low <= prompt <= high and least <= completion <= most


class Segment:
    """What is in force over ``[start, end)``. ``only``: the one row, when it takes any request. ``dearest``: the row
    that costs the most whatever the request, where there is such a row. ``undecided``: rows that hang on a holiday
    calendar which does not reach this day."""

    __slots__ = ("dearest", "end", "offer_id", "only", "prices", "rows", "start", "undecided")

    def __init__(self, start: int, end: int, rows: Sequence[Row], undecided: Sequence[Row]) -> None:
        self.start = start
        self.end = end
        self.rows = tuple(rows)
        self.undecided = tuple(undecided)
        only = rows[0] if len(rows) == 1 and not undecided and rows[0].plain else None
        self.only = only
        self.prices = only.prices if only and only.simple else None
        self.offer_id = only.offer_id if only else ""
        self.dearest = _dearest(self.rows)


def _dearest(rows: Sequence[Row]) -> Row | None:
    for row in rows:
        most = all(row.input_max >= other.input_max and row.output_max >= other.output_max for other in rows)
        if most and row.plain and row.reads and row.writes:
            return row
    return None


class Lane:
    """The rows that share their fixed conditions, over all time. ``ahead`` (ns) puts a row in force that much early;
    ``hourly`` minds windows. Remembers the last two segments, since calls settle a little out of order."""

    __slots__ = ("_before", "_cuts", "_hourly", "_spans", "now")

    def __init__(self, rows: Iterable[Row], *, ahead: int = 0, hourly: bool = True) -> None:
        rows = tuple(rows)
        self._hourly = hourly
        cuts = {-EVER, EVER}
        for row in rows:
            cuts |= {row.start - ahead, row.end}
        self._cuts = sorted(cuts)
        self._spans = [
            tuple(row for row in rows if row.start - ahead <= start and end <= row.end)
            for start, end in pairwise(self._cuts)
        ]
        self.now = self._before = Segment(0, 0, (), ())

    def at(self, instant: int) -> Segment:
        before = self._before
        segment = before if before.start <= instant < before.end else self._cut(instant)
        self._before, self.now = self.now, segment
        return segment

    def _cut(self, instant: int) -> Segment:
        index = bisect_right(self._cuts, instant) - 1
        start, end = self._cuts[index], self._cuts[index + 1]
        if not self._hourly:
            return Segment(start, end, self._spans[index], ())
        held, undecided = [], []
        for row in self._spans[index]:
            holds: bool | None = True
            if row.hours is not None:
                holds, opens, closes = row.hours.at(instant)
                start, end = max(start, opens), min(end, closes)
            if holds:
                held.append(row)
            elif holds is None:
                undecided.append(row)
        return Segment(start, end, held, undecided)


def known_prices(offer: Offer) -> dict[str, int]:
    """Picos for ``offer.per`` units of every meter whose price is known, its own or that of the meter in `INSTEAD`.

    Tokens written for an hour cost more than those written for less: where only the latter have a price of their own,
    the former have none.
    """
    prices = dict(offer.prices)
    for meter, other in INSTEAD.items():
        dearer = meter == "cache_write_1h" and other in offer.prices
        if meter not in prices and other in prices and not dearer:
            prices[meter] = prices[other]
    return {meter: prices[meter] for meter in METERS if meter in prices}
