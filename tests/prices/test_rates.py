"""Rates of exchange: found by instant, converted exactly, and never guessed."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import MoneyError, NoRate, RateRefused
from fenli.prices.rates import Rate, Rates, parse_pair, parse_value
from fenli.values import parse_instant
from fenli.values.money import picos_of
from fenli.values.rounding import Rounding

OCTOBER = parse_instant("2026-10-01T00:00:00+08:00")
NOVEMBER = parse_instant("2026-11-01T00:00:00+08:00")
RATES = Rates(
    [
        Rate("USD", "CNY", Decimal("7.1234"), NOVEMBER, "PBoC"),
        Rate("USD", "CNY", Decimal("7.09"), OCTOBER, "PBoC"),
        Rate("USD", "HKD", Decimal("7.8"), OCTOBER),
    ]
)
values = st.decimals("0.000001", "99999", places=6)


def test_the_rate_in_force_is_the_latest_that_has_begun() -> None:
    assert RATES.find("USD", "CNY", NOVEMBER - 1).rate.value == Decimal("7.09")
    assert RATES.find("USD", "CNY", NOVEMBER).rate.value == Decimal("7.1234")
    assert RATES.convert(picos_of("2.5"), "USD", "CNY", NOVEMBER) == picos_of("17.8085")
    assert RATES.changes("USD", "CNY", OCTOBER, NOVEMBER + 1) == [NOVEMBER]
    assert RATES.changes("CNY", "USD", OCTOBER, NOVEMBER) == []


def test_the_other_direction_is_the_exact_inverse() -> None:
    exchange = RATES.find("CNY", "USD", NOVEMBER)
    assert exchange.factor == 1 / Fraction("7.1234")
    assert exchange.rate.pair == "USD/CNY"
    assert exchange.convert(picos_of("7.1234")) == picos_of("1")


def test_a_missing_rate_is_named_and_never_made_from_others() -> None:
    with pytest.raises(NoRate, match=r"USD/CNY was in force at 2026-09-30T15:59:59\.999Z.*--from 2026-09-30"):
        RATES.find("USD", "CNY", OCTOBER - 1)
    with pytest.raises(NoRate, match="HKD/CNY"):
        RATES.find("HKD", "CNY", NOVEMBER)


def test_one_currency_is_itself_without_any_rate() -> None:
    assert Rates().convert(-7, "EUR", "EUR", 0) == -7


def test_a_pair_in_both_directions_or_twice_from_one_instant_is_refused() -> None:
    with pytest.raises(RateRefused, match="USD/CNY and CNY/USD are one pair"):
        Rates([*RATES, Rate("CNY", "USD", Decimal("0.14"), NOVEMBER)])
    with pytest.raises(RateRefused, match=r"two rates from 2026-10-31T16:00:00.000Z, 7.1234 \(PBoC\) and 7.2 \(bank\)"):
        Rates([*RATES, Rate("USD", "CNY", Decimal("7.2"), NOVEMBER, "bank")])


@pytest.mark.parametrize("text", ["USDCNY", "USD/CNY/EUR", "USD/USD", ""])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(RateRefused, match="such as USD/CNY"):
        parse_pair(text)


@pytest.mark.parametrize("text", ["USD/RMB", "usd/CNY", "XXX/CNY"])
def test_an_unknown_currency_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(MoneyError, match="write one of CNY, USD"):
        parse_pair(text)


@pytest.mark.parametrize("text", ["0", "0.000", "-7.1", "7,1", "1e1", "NaN", "７.1", "", 7, 7.1, None])
def test_what_is_no_rate_is_refused(text: object) -> None:
    with pytest.raises(RateRefused, match=r"7\.1234"):
        parse_value(text)


@given(st.integers(-(10**25), 10**25), values)
def test_a_conversion_is_rounded_once_to_the_nearest_pico(picos: int, value: Decimal) -> None:
    rates = Rates([Rate("USD", "CNY", value, 0)])
    exact = picos * Fraction(value)
    assert abs(rates.convert(picos, "USD", "CNY", 0) - exact) <= Fraction(1, 2)
    assert 0 <= rates.convert(picos, "USD", "CNY", 0, Rounding.CEILING) - exact < 1


@given(values)
def test_a_rate_survives_a_snapshot(value: Decimal) -> None:
    rate = Rate("USD", "CNY", value, NOVEMBER, "PBoC")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(rate), type=Rate) == rate
