from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fenli.errors import RateRefused
from fenli.office.rates import add_rate, correct_rate, recorded_rates, stored_rates
from fenli.prices.rates import Rate
from fenli.store import Database

RATE = Rate("USD", "CNY", Decimal("7.1234"), 1_000, "PBoC")
BETTER = msgspec.structs.replace(RATE, value=Decimal("7.1243"))


def test_a_rate_is_kept_with_every_digit(database: Database) -> None:
    exact = msgspec.structs.replace(RATE, value=Decimal("7.123400000000000001"))
    add_rate(database, exact, (), now=5)
    assert stored_rates(database) == (exact,)


def test_a_correction_counts_and_the_wrong_rate_stays_on_record(database: Database) -> None:
    add_rate(database, RATE, (), now=5)
    with pytest.raises(RateRefused, match=r"is 7\.1234 from .* already \(PBoC\): say --correct"):
        add_rate(database, BETTER, (), now=6)
    correct_rate(database, BETTER, now=7)
    assert stored_rates(database) == (BETTER,)
    assert [(one.rate.value, one.recorded_at, one.corrected) for one in recorded_rates(database)] == [
        (RATE.value, 5, True),
        (BETTER.value, 7, False),
    ]


def test_what_was_never_added_cannot_be_corrected(database: Database) -> None:
    with pytest.raises(RateRefused, match="none to correct"):
        correct_rate(database, RATE, now=5)
    assert recorded_rates(database) == []


def test_a_rate_must_agree_with_those_of_files(database: Database) -> None:
    with pytest.raises(RateRefused, match="two rates from"):
        add_rate(database, BETTER, (RATE,), now=5)
    with pytest.raises(RateRefused, match="are one pair"):
        add_rate(database, Rate("CNY", "USD", Decimal("0.14"), 0, "bank"), (RATE,), now=5)
    assert stored_rates(database) == ()
