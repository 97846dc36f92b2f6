"""Slips of the pen are doubted, real prices are not."""

from __future__ import annotations

import pytest

from fenli.prices.doubts import doubts


def fields(*offers, others=()) -> list[tuple[str, str]]:
    return [(offer.id, field) for offer, field, _ in doubts(offers, others)]


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        ({"input": "1", "cached_input": "2"}, "prices.cached_input"),
        ({"input": "1", "audio_input": "5", "cached_audio_input": "6"}, "prices.cached_audio_input"),
        ({"input": "8", "output": "2"}, "prices.output"),
        ({"input": "0.002", "output": "2"}, "prices.output"),
    ],
)
def test_a_row_against_itself(offer, prices, field):
    row = offer(**prices)

    assert fields(row) == [(row.id, field)]
    assert fields(offer(**prices, confirmed="read twice")) == []


@pytest.mark.parametrize(
    "prices",
    [
        {"input": "1", "cached_input": "1", "output": "1"},
        {"input": "0.15", "output": "3.5"},
        {"input": "1", "output": "0", "free": True},
        {"input": "0", "output": "9", "free": True},
        {"output": "37"},
    ],
)
def test_a_sound_row(offer, prices):
    assert fields(offer(**prices)) == []


def test_the_odd_one_out_is_doubted(offer):
    rows = [offer(start=0, end=5, input="4"), offer(start=5, end=9, input="0.8"), offer(start=9, input="0.0008")]

    assert fields(*rows) == [(rows[2].id, "prices.input")]
    ((_, _, said),) = doubts(rows)
    assert "is 0.0008, 1000 times away from any other price of the model (0.8 in " in said


def test_of_two_the_later_is_doubted(offer):
    dear, cheap = offer(start=0, end=5, input="0.5"), offer(start=5, input="500")

    assert fields(dear, cheap) == [(cheap.id, "prices.input")]


def test_a_price_war_is_no_slip(offer):
    rows = [offer(start=n, end=n + 1, input=price) for n, price in enumerate(("140", "20", "4", "0.8", "0"))]

    assert fields(*rows) == []


def test_dollars_are_held_against_yuan_for_the_same_requests(offer):
    yuan, dollars = offer(input="8", output="28"), offer(input="1.4", output="4.4", currency="USD")
    mixed_up = offer(input="8", output="28", currency="USD")

    assert fields(yuan, dollars) == []
    assert fields(yuan, mixed_up) == [(mixed_up.id, "prices.input"), (mixed_up.id, "prices.output")]
    assert fields(mixed_up, others=[yuan]) == [(mixed_up.id, "prices.input"), (mixed_up.id, "prices.output")]
    assert fields(offer(input="8", output="28", batch=True), mixed_up) == []
    assert fields(offer(5, 9, input="8", output="28"), offer(9, input="8", output="28", currency="USD")) == []


def test_one_plausible_neighbour_is_enough(offer):
    """A cut that one list has had and the other has not."""
    rows = [offer(0, 5, input="8"), offer(5, input="2"), offer(input="1.4", currency="USD")]

    assert fields(*rows) == []
    assert fields(*rows[1:]) == [(rows[2].id, "prices.input")]
