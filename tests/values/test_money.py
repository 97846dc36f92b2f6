from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import MoneyError
from fenli.values import PICO, Money
from fenli.values.money import decimal_of, picos_of

picos = st.integers(-(10**40), 10**40)
amounts = st.builds(lambda p: Money("CNY", p), picos)


@given(picos)
def test_format_then_parse_is_exact(value):
    assert picos_of(decimal_of(value)) == value


@given(picos)
def test_the_text_is_the_shortest_exact_decimal(value):
    text = decimal_of(value)

    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")
    whole, _, fraction = text.lstrip("-").partition(".")
    assert int(whole + fraction.ljust(12, "0")) == abs(value)


@given(st.integers(0, 10**25), st.integers(0, 10**12 - 1))
def test_parsing_keeps_every_digit(units, fraction):
    assert picos_of(f"{units}.{fraction:012d}") == units * PICO + fraction


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.0194", 19_400_000_000),
        ("1", PICO),
        ("-2.50", -2_500_000_000_000),
        ("0.000000000001", 1),
        ("0.0000000000010", 1),
        ("12345678901234567890.123456789012", 12345678901234567890123456789012),
        ("0", 0),
        ("007", 7 * PICO),
    ],
)
def test_parse(text, value):
    assert Money.parse("CNY", text).picos == value


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1_000", "1,000", "1e3", "NaN", "Infinity", ".5", "5.", "+1", "１", "0x1", "1" * 31, "--1"]
)
def test_what_is_not_a_plain_decimal(text):
    with pytest.raises(MoneyError, match="is not an amount: write a plain decimal"):
        Money.parse("CNY", text)


def test_finer_than_a_pico():
    with pytest.raises(MoneyError, match="finer than a pico"):
        Money.parse("CNY", "0.0000000000001")


@pytest.mark.parametrize("value", [1.0, Decimal(1), "1", True, None])
def test_money_is_made_of_whole_picos_only(value):
    with pytest.raises(MoneyError, match="never touches a float"):
        Money("CNY", value)


@pytest.mark.parametrize("value", [0.1, 1, Decimal(1), None])
def test_amounts_are_strings(value):
    with pytest.raises(MoneyError, match="as a string"):
        Money.parse("CNY", value)


@pytest.mark.parametrize("currency", ["", "cny", "RM", "CNYY", "C1Y", "元元元", "C Y"])
def test_currencies_are_iso_codes(currency):
    with pytest.raises(MoneyError, match="is not a currency"):
        Money(currency, 1)


@given(amounts, amounts, amounts)
def test_addition_is_that_of_integers(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b - b == a
    assert a + -a == Money("CNY", 0)
    assert (a < b) is (a.picos < b.picos)
    assert (a <= b) is (a.picos <= b.picos)
    assert bool(a) is (a.picos != 0)


@given(amounts, st.integers(0, 1000))
def test_multiplication_counts(a, count):
    assert (a * count).picos == a.picos * count


def test_currencies_do_not_mix():
    yuan, dollar = Money("CNY", 1), Money("USD", 1)
    for mix in (yuan.__add__, yuan.__sub__, yuan.__lt__, yuan.__le__):
        with pytest.raises(MoneyError, match="do not mix"):
            mix(dollar)
        with pytest.raises(MoneyError, match="do not mix"):
            mix(1)
    assert yuan != dollar
    assert yuan != 1


@pytest.mark.parametrize("count", [1.5, True, "2", Decimal(2)])
def test_money_is_multiplied_by_whole_counts_only(count):
    with pytest.raises(MoneyError, match="whole counts only"):
        Money("CNY", 1) * count


def test_money_is_immutable_and_hashable():
    amount = Money("CNY", 5)
    with pytest.raises(AttributeError):
        amount.picos = 6
    assert {amount, Money("CNY", 5)} == {amount}
    assert str(amount) == "0.000000000005 CNY"
    assert repr(amount) == "Money('CNY', 5)"
