"""How a cost comes about, meter by meter: what `fenli prices rate` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import msgspec

from fenli.prices.lanes import INSTEAD
from fenli.prices.offers import Offer


class Line(msgspec.Struct, frozen=True):
    """``units`` of ``meter`` were used and ``charged`` of them count, at the price that the row has for ``priced_as``:
    ``picos``, which need not be whole before all lines are added."""

    meter: str
    units: int
    charged: int
    priced_as: str
    picos: Fraction


def working(offer: Offer, usage: Mapping[str, int]) -> Iterator[Line]:
    """For usage that ``offer`` has rated: every meter in it that has a price there, its own or another's."""
    for meter, units in usage.items():
        source = meter
        while source not in offer.prices and source in INSTEAD:
            source = INSTEAD[source]
        if source in offer.prices:
            price = Fraction(offer.prices[source], offer.per.get(source, 1))
            charged = offer.charged(meter, units)
            yield Line(meter, units, charged, source, charged * price)
