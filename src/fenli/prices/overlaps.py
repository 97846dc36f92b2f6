"""No request may find two prices: which rows of one model could be in force for the same request?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from fenli.prices.facts import DEFAULTS, FIXED_AXES
from fenli.prices.offers import TOKENS, Conditions, Offer, TokenRange
from fenli.prices.windows import disjoint


def overlaps(offers: Sequence[Offer]) -> Iterator[tuple[Offer, Offer]]:
    """Pairs of token-priced rows of one model and currency that some request would find at once."""
    for one, other in combinations([offer for offer in offers if offer.unit == TOKENS], 2):
        if _together(one, other) and _alike(one.conditions, other.conditions):
            yield one, other


def _together(one: Offer, other: Offer) -> bool:
    first, second = sorted((one, other), key=lambda offer: offer.effective_from)
    return first.effective_to is None or second.effective_from < first.effective_to


def _alike(one: Conditions, other: Conditions) -> bool:
    return (
        all(_fixed(one, axis) == _fixed(other, axis) for axis in FIXED_AXES)
        and (one.thinking is None or other.thinking is None or one.thinking is other.thinking)
        and _meet(one.prompt_tokens, other.prompt_tokens)
        and _meet(one.completion_tokens, other.completion_tokens)
        and not disjoint(one.window, other.window)
    )


def _fixed(conditions: Conditions, axis: str) -> object:
    value = getattr(conditions, axis)
    return DEFAULTS[axis] if value is None else value


def _meet(one: TokenRange | None, other: TokenRange | None) -> bool:
    if one is None or other is None:
        return True
    return one.low() <= other.high() and other.low() <= one.high()
