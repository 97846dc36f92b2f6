from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fenli.prices import Conditions, Offer, PriceBook
from fenli.prices.offers import offer_id
from fenli.prices.units import per_one
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
    """An offer of acme/one, prices per million tokens: ``offer(input="1", output="2", start=0, end=None)``. What is
    neither a field of an offer nor a condition is a meter."""

    def make(start: int = 0, end: int | None = None, unit: str = "1M_tokens", **given: Any) -> Offer:
        conditions = Conditions(**{name: given.pop(name) for name in Conditions.__struct_fields__ if name in given})
        fields = {name: given.pop(name) for name in Offer.__struct_fields__ if name in given}
        units = fields.get("units", {})
        prices = {meter: per_one(picos_of(price), units.get(meter, unit)) for meter, price in given.items()}
        whole = {meter: price.numerator for meter, price in prices.items()}
        per = {meter: price.denominator for meter, price in prices.items() if price.denominator > 1}
        fields = {"currency": "CNY", "per": per, "conditions": conditions, **fields}
        draft = Offer("", "acme", "one", effective_from=start, effective_to=end, unit=unit, prices=whole, **fields)
        return msgspec.structs.replace(draft, id=offer_id(draft))

    return make
