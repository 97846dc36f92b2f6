"""Which rows are in force when: a timeline cut where the answer can change, remembered where it was last asked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from fenli.prices.offers import TOKENS, UNBOUNDED, Offer
from fenli.prices.windows import Hours

EVER: Final = 2**127
_INSTEAD: Final = {"cached_input": "input", "cache_write": "input", "reasoning": "output"}
_METERS: Final = ("input", "cached_input", "cache_write", "output", "reasoning")


class Row:
    """A compiled offer. ``prices`` are picos per token of every meter whose price is known: a meter without a price
    of its own takes that of ``input`` (cached or written tokens) or ``output`` (reasoning)."""

    __slots__ = (
        "end", "hours", "input_max", "offer", "offer_id", "output_max", "prices", "reads", "start", "tiers", "writes",
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
        self.prices = _meter_prices(offer)
        self.reads = "input" in self.prices
        self.writes = "output" in self.prices
        self.input_max = max(self.prices.get(meter, 0) for meter in ("input", "cached_input", "cache_write"))
        self.output_max = max(self.prices.get(meter, 0) for meter in ("output", "reasoning"))

    @property
    def plain(self) -> bool:
        return self.tiers == (0, UNBOUNDED, 0, UNBOUNDED)

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
        self.prices = only.prices if only else None
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

    __slots__ = ("_ahead", "_before", "_cuts", "_hourly", "_spans", "now")

    def __init__(self, rows: Iterable[Row], *, ahead: int = 0, hourly: bool = True) -> None:
        rows = [row for row in rows if row.offer.unit == TOKENS]
        self._ahead = ahead
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


def _meter_prices(offer: Offer) -> dict[str, int]:
    prices = {}
    for meter in _METERS:
        price = offer.prices.get(meter)
        if price is None and meter in _INSTEAD:
            price = offer.prices.get(_INSTEAD[meter])
        if price is not None:
            prices[meter] = price
    return prices
