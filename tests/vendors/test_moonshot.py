from __future__ import annotations

import pytest
from recorded import failure, kind, meters

from fenli.errors import BalanceError, Kind
from fenli.vendors.balances import Balance, Holding
from fenli.vendors.catalog import VENDORS


def test_its_cached_tokens_stand_at_the_top() -> None:
    assert meters("moonshot", prompt_tokens=500, completion_tokens=20, total_tokens=520, cached_tokens=256) == {
        "input": 244,
        "cached_input": 256,
        "output": 20,
    }


def test_newer_answers_put_them_in_the_details() -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 256}}
    assert meters("moonshot", **usage) == {"input": 244, "cached_input": 256, "output": 20}


def test_the_two_sites_read_errors_alike() -> None:
    for site in ("moonshot", "moonshot-intl"):
        assert failure(site, 429, type="engine_overloaded_error", message="x").kind is Kind.OVERLOADED


ERRORS = [
    (401, {"type": "invalid_authentication_error", "message": "Invalid Authentication"}, Kind.BAD_KEY),
    (401, {"type": "incorrect_api_key_error", "message": "Incorrect API key provided"}, Kind.BAD_KEY),
    (
        429,
        {"type": "exceeded_current_quota_error", "message": "Your account is not active, check your balance"},
        Kind.NO_BALANCE,
    ),
    (403, {"type": "permission_denied_error", "message": "Your account balance is not enough"}, Kind.NO_BALANCE),
    (403, {"type": "permission_denied_error", "message": "The API you are accessing is not open"}, Kind.NO_PERMISSION),
    (
        429,
        {"type": "rate_limit_reached_error", "message": "max RPM: 3, please try again after 1 seconds"},
        Kind.RATE_LIMITED,
    ),
    (429, {"type": "engine_overloaded_error", "message": "The engine is currently overloaded"}, Kind.OVERLOADED),
    (400, {"type": "content_filter", "message": "considered high risk"}, Kind.CONTENT_FILTERED),
    (400, {"type": "invalid_request_error", "message": "Input token length too long"}, Kind.CONTEXT_TOO_LONG),
    (
        400,
        {"type": "invalid_request_error", "message": "Your request exceeded model token limit: 8192"},
        Kind.CONTEXT_TOO_LONG,
    ),
    (400, {"type": "invalid_request_error", "message": "invalid temperature"}, Kind.BAD_REQUEST),
    (
        404,
        {"type": "resource_not_found_error", "message": "Not found the model kimi-x or Permission denied"},
        Kind.MODEL_NOT_FOUND,
    ),
    (500, {"type": "server_error", "message": "x"}, Kind.SERVER_ERROR),
    (500, {"type": "unexpected_output", "message": "x"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("moonshot", status, **error) is wanted


@pytest.mark.parametrize(("site", "currency"), [("moonshot", "CNY"), ("moonshot-intl", "USD")])
def test_its_balance_comes_as_numbers_in_the_sites_currency(site: str, currency: str) -> None:
    told = b"""{"code": 0, "scode": "0x0", "status": true,
        "data": {"available_balance": 46.58893, "voucher_balance": 46.58893, "cash_balance": -3.00001}}"""
    found = VENDORS[site].balance
    assert found is not None
    assert found.read(told, currency) == Balance(
        (Holding(currency, 46_588_930_000_000, 46_588_930_000_000, -3_000_010_000_000),)
    )


def test_its_numbers_do_not_count_where_the_code_says_that_it_failed() -> None:
    found = VENDORS["moonshot"].balance
    assert found is not None
    with pytest.raises(BalanceError, match="its code is not 0"):
        found.read(b'{"code": 5, "data": {"available_balance": 0}, "status": false}', "CNY")
