from __future__ import annotations

import pytest

from fenli.errors import ValueRefused
from fenli.ledger.rounding import POLICIES, policy_named
from fenli.values.money import decimal_of, picos_of


@pytest.mark.parametrize(
    ("name", "line", "total"),
    [
        ("none", "0.123456789012", "2.345678901234"),
        ("line-8", "0.12345679", "2.3456789"),
        ("total-2", "0.123456789012", "2.35"),
        ("line-8-total-2", "0.12345679", "2.35"),
    ],
)
def test_what_each_policy_keeps(name: str, line: str, total: str) -> None:
    policy = policy_named(name)
    assert decimal_of(policy.line(picos_of("0.123456789012"))) == line
    assert decimal_of(policy.total(picos_of("2.345678901234"))) == total


def test_the_middle_goes_up_whatever_the_sign() -> None:
    policy = policy_named("total-2")
    assert decimal_of(policy.total(picos_of("0.125"))) == "0.13"
    assert decimal_of(policy.total(picos_of("-0.125"))) == "-0.13"


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueRefused, match="choose one of none, line-8, total-2, line-8-total-2"):
        policy_named("bankers")
    assert list(POLICIES) == [policy.name for policy in POLICIES.values()]
