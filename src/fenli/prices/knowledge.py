"""What was known when: the rows of one model as they stood on an earlier day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from fenli.prices.offers import Offer
from fenli.prices.overlaps import alike


def known_since(offer: Offer) -> int:
    """Instant (ns) from which the row was known: when it took effect, unless it says otherwise."""
    return offer.effective_from if offer.known_from is None else offer.known_from


def known_at(offers: Sequence[Offer], instant: int) -> list[Offer]:
    """The rows of one model and currency as they were known at ``instant`` (ns), those withdrawn later among them.

    A row's end is known with the row that follows it: before any later one was known, it stood open. Of a row that was
    withdrawn later and the others, one ends where the next begins.
    """
    known = [offer for offer in offers if known_since(offer) <= instant < (offer.withdrawn_at or instant + 1)]
    return [
        msgspec.structs.replace(offer, effective_to=_end(offer, known, instant), withdrawn_at=None) for offer in known
    ]


def contradictions(offers: Sequence[Offer]) -> Iterator[tuple[Offer, Offer]]:
    """Pairs of a withdrawn row and another that were known at the same time and start at the same instant."""
    for one, other in combinations(offers, 2):
        if one.withdrawn_at is None and other.withdrawn_at is None:
            continue
        ends = [end for end in (one.withdrawn_at, other.withdrawn_at) if end is not None]
        at_once = max(known_since(one), known_since(other)) < min(ends)
        if at_once and one.effective_from == other.effective_from and alike(one.conditions, other.conditions):
            yield one, other


def _end(offer: Offer, known: Sequence[Offer], instant: int) -> int | None:
    end = offer.effective_to
    if end is not None and end > instant and not any(other.effective_from >= end for other in known):
        end = None
    for other in known:
        withdrawn = other.withdrawn_at is not None or offer.withdrawn_at is not None
        later = offer.effective_from < other.effective_from and (end is None or other.effective_from < end)
        if withdrawn and later and alike(offer.conditions, other.conditions):
            end = other.effective_from
    return end
