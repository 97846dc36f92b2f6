"""What a customer pays for an attempt, by each kind of plan."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from fenli.errors import AccountRefused, MoneyError, PriceFileError
from fenli.prices.plans import (
    NOTHING,
    Charge,
    Markup,
    PerCall,
    PriceList,
    Subscription,
    Terms,
    charging,
    depends_on_cost,
)
from fenli.values import parse_instant

YUAN = 10**12
OPENED = parse_instant("2026-11-23T15:59:59Z")

LIST = """
vendor = "us"
names = { en = "Our prices" }
currency = "CNY"
instant_basis = "start"

[[offers]]
model = "smart"
effective_from = 2026-01-01T00:00:00+08:00
effective_to = 2026-11-24T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "2", output = "8" }
source = "our price list"
confidence = "high"

[[offers]]
model = "smart"
effective_from = 2026-11-24T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "1", output = "4" }
source = "our price list"
confidence = "high"
"""


class Attempt(NamedTuple):
    opened_at: int = OPENED
    closed_at: int = OPENED + 10**9
    asked: str = "smart"
    final: bool = True
    outcome: str = "ok"
    grade: str = "measured"
    currency: str | None = "USD"
    picos: int | None = 1_000_001
    usage: dict[str, int] | None = {"input": 1000, "output": 100}  # noqa: RUF012  never changed
    facts: dict[str, bool | str] | None = None


def charge(terms: Terms, **changed: Any) -> Charge:
    return charging(terms)(Attempt(**changed))


@pytest.mark.parametrize(
    ("ratio", "picos"), [("1.2", 1_200_001), ("1", 1_000_001), ("0.5", 500_001), ("1.0000005", 1_000_002)]
)
def test_a_markup_is_in_the_currency_of_the_cost_and_rounds_half_up_at_the_pico(ratio: str, picos: int) -> None:
    assert charge(Markup(ratio)) == Charge("USD", picos)


def test_a_markup_of_what_is_not_known_is_not_known() -> None:
    assert charge(Markup("1.2"), picos=None, grade="unknown") == Charge("USD", None)
    assert charge(Markup("1.2"), picos=None, grade="unknown", currency=None) == Charge("XXX", None)
    assert charge(Markup("1.2"), picos=None, grade="none") == NOTHING
    assert charge(Markup("1.2"), picos=0) == Charge("USD", 0)


@pytest.mark.parametrize("ratio", ["", "0", "-1", "20%", "1,2", "1e3", "101", "1.0000000001", " 1"])
def test_a_ratio_is_a_plain_decimal(ratio: str) -> None:
    with pytest.raises(AccountRefused, match=r"such as 1\.2 for 20 % on top"):
        charging(Markup(ratio))


def test_a_call_is_charged_once_and_only_when_it_was_answered() -> None:
    plan = PerCall("CNY", "0.01")
    assert charge(plan) == Charge("CNY", YUAN // 100)
    assert charge(plan, picos=None, grade="unknown") == Charge("CNY", YUAN // 100)
    assert charge(plan, final=False) == charge(plan, outcome="timeout") == NOTHING


def test_a_price_list_is_dated_and_by_the_name_that_was_asked_for() -> None:
    plan = PriceList("ours.toml", LIST)
    assert charge(plan) == Charge("CNY", 2_800_000_000)
    assert charge(plan, opened_at=OPENED + 10**9) == Charge("CNY", 1_400_000_000)
    assert charge(plan, picos=None) == Charge("CNY", 2_800_000_000)


def test_what_a_price_list_does_not_say_is_unknown() -> None:
    plan = PriceList("ours.toml", LIST)
    unknown = Charge("CNY", None)
    assert charge(plan, asked="clever") == unknown
    assert charge(plan, usage=None, grade="unknown") == unknown
    assert charge(plan, usage={"images": 1}) == unknown
    assert charge(plan, opened_at=0) == unknown
    assert charge(plan, facts={"no_such_fact": True}) == unknown
    assert charge(plan, final=False) == charge(plan, grade="none") == NOTHING


def test_a_bad_price_list_is_refused_with_its_line() -> None:
    with pytest.raises(PriceFileError, match=r"ours\.toml"):
        charging(PriceList("ours.toml", LIST.replace('input = "2"', "input = 2.0")))
    with pytest.raises(AccountRefused, match="has no offers"):
        charging(PriceList("ours.toml", LIST.partition("[[offers]]")[0]))


def test_beyond_its_fee_a_subscription_charges_by_what_it_says() -> None:
    plan = Subscription("CNY", "99", "120", "Asia/Shanghai", Markup("1.2"))
    assert charge(plan) == Charge("USD", 1_200_001)
    assert depends_on_cost(plan)
    assert not depends_on_cost(Subscription("CNY", "99", "120", "UTC", PerCall("CNY", "1")))


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"fee": "0"}, AccountRefused, "the fee is 0: write more than 0"),
        ({"fee": "-5"}, AccountRefused, "the fee"),
        ({"allowance": "x"}, AccountRefused, "the allowance: 'x' is not an amount"),
        ({"currency": "RMB"}, MoneyError, "'RMB' is no currency that fenli knows"),
        ({"zone": "Asia/Nowhere"}, AccountRefused, "no time zone: write one such as Asia/Shanghai"),
        ({"zone": ""}, AccountRefused, "no time zone"),
        ({"beyond": Markup("0")}, AccountRefused, "the markup is '0'"),
        ({"beyond": PerCall("CNY", "0")}, AccountRefused, "the price of a call is 0"),
    ],
)
def test_a_subscription_that_cannot_be_kept(changed: dict[str, Any], error: type[Exception], says: str) -> None:
    terms: dict[str, Any] = {"currency": "CNY", "fee": "99", "allowance": "120", "zone": "UTC", "beyond": Markup("1")}
    with pytest.raises(error, match=says):
        charging(Subscription(**terms | changed))
