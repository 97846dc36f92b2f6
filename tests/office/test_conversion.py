"""Usage in one currency: each amount at the rate of its own instant, and never without a rate."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest
from books import CENT, HOUR, NOON, Worker, held, post_all, settled

from fenli.errors import NoRate
from fenli.ledger.records import Grade
from fenli.office.conversion import converted_usage
from fenli.office.posting import Posting
from fenli.office.reports import usage
from fenli.prices.rates import Rate, Rates
from fenli.store import Database

EARLY = Rate("USD", "CNY", Decimal("7"), NOON - 10 * HOUR, "bank")
LATE = Rate("USD", "CNY", Decimal("7.1234"), NOON + HOUR + 1, "bank")


@pytest.fixture
def three_calls(posting: Posting, data: Path) -> None:
    """One in CNY; one in USD before the rate changes; one in USD after, of unknown cost."""
    worker = Worker(data)
    worker.write(held(1), settled(1))
    worker.write(held(2, currency="USD"), settled(2, currency="USD"))
    later = {"at": NOON + 2 * HOUR, "currency": "USD"}
    worker.write(held(3, **later))
    worker.write(settled(3, **later, grade=Grade.UNKNOWN, usage=None, picos=None, offer=None, rated_at=None))
    post_all(posting)


@pytest.mark.usefixtures("three_calls")
def test_each_amount_takes_the_rate_of_its_own_time(database: Database) -> None:
    found = converted_usage(database, Rates([EARLY, LATE]), "CNY", by="vendor", zone=UTC)
    [row] = found.rows
    assert (row.currency, row.calls, row.unknown) == ("CNY", 3, 1)
    assert row.picos == CENT + 7 * CENT
    assert row.unknown_held == 5 * CENT * 71234 // 10_000
    assert found.rates == [EARLY, LATE]


@pytest.mark.usefixtures("three_calls")
def test_into_the_other_currency_by_the_inverse(database: Database) -> None:
    found = converted_usage(database, Rates([EARLY]), "USD", by="day", since=NOON, until=NOON + HOUR, zone=UTC)
    [row] = found.rows
    assert row.picos == CENT + round(Decimal(CENT) / 7)
    assert found.rates == [EARLY]


@pytest.mark.usefixtures("three_calls")
def test_a_day_without_a_rate_is_named(database: Database) -> None:
    with pytest.raises(NoRate, match=r"no rate of USD/CNY was in force at 2026-11-23T00:00:00\.000Z"):
        converted_usage(database, Rates(), "CNY", by="vendor", zone=UTC)
    with pytest.raises(NoRate, match=r"of (USD|CNY)/EUR"):
        converted_usage(database, Rates([EARLY]), "EUR", by="vendor", zone=UTC)


@pytest.mark.usefixtures("three_calls")
def test_what_needs_no_rate_needs_none(database: Database) -> None:
    found = converted_usage(database, Rates(), "CNY", by="key", until=NOON + 2 * 10**9, zone=UTC)
    assert found.rates == []
    assert found.rows == usage(database, by="key", until=NOON + 2 * 10**9, zone=UTC)
