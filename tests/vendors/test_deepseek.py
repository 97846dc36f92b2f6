from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.balances import Balance, Holding
from fenli.vendors.catalog import VENDORS


def test_its_cache_hits_are_part_of_the_prompt_and_its_reasoning_of_the_completion() -> None:
    assert meters(
        "deepseek", prompt_tokens=1200, completion_tokens=340, total_tokens=1540, prompt_cache_hit_tokens=1024,
        prompt_cache_miss_tokens=176, prompt_tokens_details={"cached_tokens": 1024},
        completion_tokens_details={"reasoning_tokens": 300},
    ) == {"input": 176, "cached_input": 1024, "output": 40, "reasoning": 300}  # fmt: skip


def test_a_usage_without_details() -> None:
    assert meters("deepseek", prompt_tokens=16, completion_tokens=10, total_tokens=26, prompt_cache_hit_tokens=0) == {
        "input": 16,
        "output": 10,
    }


ERRORS = [
    (
        401,
        {
            "message": "Authentication Fails, Your api key: ****abcd is invalid",
            "type": "authentication_error",
            "code": "invalid_request_error",
        },
        Kind.BAD_KEY,
    ),
    (
        402,
        {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"},
        Kind.NO_BALANCE,
    ),
    (429, {"message": "Rate limit reached", "type": "rate_limit_error"}, Kind.RATE_LIMITED),
    (503, {"message": "Service is too busy"}, Kind.OVERLOADED),
    (
        400,
        {"message": "Content Exists Risk", "type": "invalid_request_error", "code": "invalid_request_error"},
        Kind.CONTENT_FILTERED,
    ),
    (
        400,
        {
            "message": "This model's maximum context length is 131072 tokens. However, you requested 200000",
            "type": "invalid_request_error",
        },
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        400,
        {"message": "Model Not Exist", "type": "invalid_request_error", "code": "invalid_request_error"},
        Kind.MODEL_NOT_FOUND,
    ),
    (400, {"message": "Failed to deserialize the JSON body", "type": "invalid_request_error"}, Kind.BAD_REQUEST),
    (422, {"message": "Invalid parameters"}, Kind.BAD_REQUEST),
    (500, {"message": "Server error"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("deepseek", status, **error) is wanted


def test_its_balance_is_told_in_each_currency_with_what_was_granted_and_paid_in() -> None:
    told = b"""{"is_available": true, "balance_infos": [
        {"currency": "CNY", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"},
        {"currency": "USD", "total_balance": "-0.25", "granted_balance": "0.00", "topped_up_balance": "-0.25"}]}"""
    found = VENDORS["deepseek"].balance
    assert found is not None
    yuan = Holding("CNY", 110 * 10**12, 10 * 10**12, 100 * 10**12)
    assert found.read(told, "CNY") == Balance((yuan, Holding("USD", -25 * 10**10, 0, -25 * 10**10)), usable=True)


def test_an_account_that_can_call_no_more_says_so() -> None:
    told = b'{"is_available": false, "balance_infos": [{"currency": "CNY", "total_balance": "0.00"}]}'
    found = VENDORS["deepseek"].balance
    assert found is not None
    assert found.read(told, None) == Balance((Holding("CNY", 0),), usable=False)
