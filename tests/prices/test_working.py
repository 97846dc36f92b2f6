"""The working adds up to the cost."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.prices import Conditions, PriceBook, Tariff
from fenli.prices.lanes import known_prices
from fenli.prices.units import whole_picos
from fenli.prices.working import working
from fenli.values import METERS, parse_instant

BOOK = PriceBook.load()
ROWS = [row for vendor in BOOK.vendors() for row in BOOK.offers(vendor) if row.effective_to is None]
AT = parse_instant("2026-12-20T04:00:00Z")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ROWS), st.data())
def test_lines_add_up_to_what_rating_says(row, data):
    meters = [meter for meter in METERS if meter in known_prices(row)]
    usage = data.draw(st.dictionaries(st.sampled_from(meters), st.integers(0, 10**7), min_size=1))
    tariff = Tariff([msgspec.structs.replace(row, conditions=Conditions())], "start")
    rating = tariff.rate(usage, AT)
    lines = list(working(tariff.find(AT, usage), usage))

    assert whole_picos(sum(line.picos for line in lines)) == rating.picos
    assert {line.meter for line in lines} >= {meter for meter, units in usage.items() if units}


def test_what_is_included_is_shown_and_not_charged(offer):
    row = offer(unit="image", input_images="0.04", included={"input_images": 5})

    (line,) = working(row, {"input_images": 7})

    assert (line.units, line.charged, line.picos) == (7, 2, 80 * 10**9)


def test_whose_price_it_is(offer):
    row = offer(input="1", output="2")

    lines = working(row, {"cache_write_1h": 1, "reasoning": 1, "output": 1})
    assert [line.priced_as for line in lines] == ["input", "output", "output"]
