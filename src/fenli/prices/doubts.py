"""Prices that look like slips of the pen: swapped, of another currency, or a thousandfold. A row that is right all the
same says why in ``confirmed``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

import msgspec

from fenli.prices.lanes import INSTEAD
from fenli.prices.offers import Offer
from fenli.prices.overlaps import together

# What lists of one seller in yuan and in dollars come to: 5.5 to 7.5, with room for a cut that only one has had yet.
YUAN_A_DOLLAR: Final = (4, 10)
# Between neighbours among all prices of a model; real ones lie up to 30 apart.
FARTHEST: Final = 100
ANSWER_TO_PROMPT: Final = 100
CONFIRM: Final = 'or write confirmed = "why it is right"'

Doubt = tuple[Offer, str, str]


def doubts(offers: Sequence[Offer], other_list: Sequence[Offer] = ()) -> Iterator[Doubt]:
    """Rows of one model in all currencies; ``other_list`` is the same seller's for the same model. Each doubt: the row,
    the field, and what is wrong with it."""
    found = [*_swapped(offers), *_slipped(offers), *_mixed_up(offers, other_list)]
    yield from (doubt for doubt in found if not doubt[0].confirmed)


def _swapped(offers: Iterable[Offer]) -> Iterator[Doubt]:
    for offer in offers:
        prices = offer.prices
        for meter in ("cached_input", "cached_audio_input"):
            own = INSTEAD[meter]
            if own in prices and prices.get(meter, 0) > prices[own]:
                yield offer, f"prices.{meter}", f"is more than {own}: swap them if they are swapped, {CONFIRM}"
        reads, writes = prices.get("input", 0), prices.get("output", 0)
        if reads and writes and not reads <= writes:
            yield offer, "prices.output", f"is less than input: swap them if they are swapped, {CONFIRM}"
        if reads and writes > ANSWER_TO_PROMPT * reads:
            times = writes // reads
            yield offer, "prices.output", f"is {times} times input: write it per {offer.unit}, {CONFIRM}"


def _slipped(offers: Iterable[Offer]) -> Iterator[Doubt]:
    """Where a meter's prices fall into two heaps far apart, the smaller one is doubted; of two alike, the later."""
    heaps: dict[tuple[str, str], list[tuple[Fraction, Offer]]] = defaultdict(list)
    for offer in offers:
        for meter, picos in offer.prices.items():
            if picos:
                heaps[offer.currency, meter].append((Fraction(picos, offer.per.get(meter, 1)), offer))
    for (_, meter), heap in heaps.items():
        heap.sort(key=lambda priced: (priced[0], priced[1].effective_from))
        for place, ((below, _), (above, _)) in enumerate(pairwise(heap), start=1):
            if above >= FARTHEST * below:
                low, high = heap[:place], heap[place:]
                few, many = (high, low) if _weight(high) < _weight(low) else (low, high)
                nearest = (many[-1] if many is low else many[0])[1]
                for _, offer in few:
                    yield (
                        offer,
                        f"prices.{meter}",
                        f"is {offer.quoted(meter)}, {above // below} times away from any other price of the model "
                        f"({nearest.quoted(meter)} in {nearest.id}): write it per {offer.unit_of(meter)}, {CONFIRM}",
                    )


def _weight(heap: Sequence[tuple[Fraction, Offer]]) -> tuple[int, int]:
    return len(heap), -max(offer.effective_from for _, offer in heap)


def _mixed_up(offers: Sequence[Offer], other_list: Sequence[Offer]) -> Iterator[Doubt]:
    """Prices in dollars that fit none of the prices in yuan, for the same requests at the same time."""
    yuan = [offer for offer in (*offers, *other_list) if offer.currency == "CNY"]
    least, most = YUAN_A_DOLLAR
    for offer in offers:
        if offer.currency != "USD":
            continue
        likes = [other for other in yuan if together(offer, other) and _request(offer) == _request(other)]
        for meter in offer.prices:
            pairs = [(_ratio(other, offer, meter), other) for other in likes if _priced(other, offer, meter)]
            if pairs and not any(least <= ratio <= most for ratio, _ in pairs):
                ratio, other = pairs[-1]
                yield (
                    offer,
                    f"prices.{meter}",
                    f"is {offer.quoted(meter)} USD beside {other.quoted(meter)} CNY ({other.id}): {_shown(ratio)} "
                    f"yuan to the dollar, where {least} to {most} is usual: write each list in its own currency, "
                    f"{CONFIRM}",
                )


def _priced(yuan: Offer, dollars: Offer, meter: str) -> bool:
    return bool(yuan.prices.get(meter) and dollars.prices[meter])


def _ratio(yuan: Offer, dollars: Offer, meter: str) -> Fraction:
    return Fraction(yuan.prices[meter] * dollars.per.get(meter, 1), dollars.prices[meter] * yuan.per.get(meter, 1))


def _shown(ratio: Fraction) -> str:
    tenths = int(ratio * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _request(offer: Offer) -> object:
    """Its conditions. The same hours are written in another zone on each list, so only their side counts."""
    window = offer.conditions.window
    return (msgspec.structs.replace(offer.conditions, window=None), window.outside if window else None)
