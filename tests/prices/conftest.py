from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fenli.prices import Conditions, Offer, PriceBook
from fenli.prices.offers import offer_id
from fenli.values import parse_instant
from fenli.values.money import picos_of


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return PriceBook.load()


@pytest.fixture(scope="session")
def at() -> Callable[[str], int]:
    """``at("2026-10-01 10:00")`` is a Beijing wall clock; an offset overrides."""

    def instant(text: str) -> int:
        text = text.replace(" ", "T")
        return parse_instant(text if text.endswith("Z") or "+" in text else f"{text}+08:00")

    return instant


@pytest.fixture(scope="session")
def offer() -> Callable[..., Offer]:
    """An offer of acme/one with prices per million tokens: ``offer(input="1", output="2", start=0, end=None)``."""

    def make(start: int = 0, end: int | None = None, unit: str = "1M_tokens", **given: Any) -> Offer:
        conditions = Conditions(**{name: given.pop(name) for name in Conditions.__struct_fields__ if name in given})
        scale = 10**6 if unit == "1M_tokens" else 1
        prices = {meter: picos_of(price) // scale for meter, price in given.items()}
        draft = Offer("", "acme", "one", "CNY", start, end, unit, prices, conditions)
        return Offer(offer_id(draft), "acme", "one", "CNY", start, end, unit, prices, conditions)

    return make
