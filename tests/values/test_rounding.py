from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.values.money import decimal_of, picos_of
from fenli.values.rounding import Rounding, divided, rounded

picos = st.integers(-(10**30), 10**30)
EXACT = Context(prec=100)


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("0.004999999999", 2, "0"),
        ("1.234567895", 8, "1.2345679"),
        ("0.000000005", 8, "0.00000001"),
        ("0.000000004999", 8, "0"),
        ("2.5", 0, "3"),
        ("0.000000000001", 12, "0.000000000001"),
    ],
)
def test_half_up_goes_away_from_zero_in_the_middle(amount: str, decimals: int, text: str) -> None:
    assert decimal_of(rounded(picos_of(amount), decimals)) == text


@given(picos, st.integers(0, 12))
def test_both_ways_agree_with_the_decimal_module(value: int, decimals: int) -> None:
    step = Decimal(1).scaleb(12 - decimals)
    for rounding, theirs in ((Rounding.HALF_UP, ROUND_HALF_UP), (Rounding.CEILING, ROUND_CEILING)):
        units = EXACT.divide(Decimal(value), step).to_integral_value(theirs, EXACT)
        assert rounded(value, decimals, rounding) == int(EXACT.multiply(units, step))


@given(picos, st.integers(1, 10**20))
def test_a_quotient_is_off_by_half_at_most_and_a_ceiling_is_never_too_little(above: int, below: int) -> None:
    exact = Fraction(above, below)
    assert abs(divided(above, below) - exact) <= Fraction(1, 2)
    assert 0 <= divided(above, below, Rounding.CEILING) - exact < 1
    assert divided(-above, below) == -divided(above, below)
