"""No request may find two prices: which rows of one model could be in force for the same request?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from fenli.prices.facts import DEFAULTS, FIXED_AXES, OPEN_AXES
from fenli.prices.offers import Conditions, Offer, TokenRange
from fenli.prices.windows import disjoint


def overlaps(offers: Sequence[Offer]) -> Iterator[tuple[Offer, Offer]]:
    """Pairs of rows of one model and currency that some request would find at once."""
    for one, other in combinations(offers, 2):
        if together(one, other) and alike(one.conditions, other.conditions):
            yield one, other


def together(one: Offer, other: Offer) -> bool:
    """Whether some instant lies in both."""
    first, second = sorted((one, other), key=lambda offer: offer.effective_from)
    return first.effective_to is None or second.effective_from < first.effective_to


def alike(one: Conditions, other: Conditions) -> bool:
    """Whether some request, at some hour, meets both."""
    return (
        all(_fixed(one, axis) == _fixed(other, axis) for axis in FIXED_AXES)
        and all(_open(one, axis, other) for axis in OPEN_AXES)
        and _meet(one.prompt_tokens, other.prompt_tokens)
        and _meet(one.completion_tokens, other.completion_tokens)
        and not disjoint(one.window, other.window)
    )


def _fixed(conditions: Conditions, axis: str) -> object:
    value = getattr(conditions, axis)
    return DEFAULTS[axis] if value is None else value


def _open(one: Conditions, axis: str, other: Conditions) -> bool:
    ours, theirs = getattr(one, axis), getattr(other, axis)
    return ours is None or theirs is None or ours == theirs


def _meet(one: TokenRange | None, other: TokenRange | None) -> bool:
    if one is None or other is None:
        return True
    return one.low() <= other.high() and other.low() <= one.high()
