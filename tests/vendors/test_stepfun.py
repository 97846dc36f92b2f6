from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.balances import Balance, Holding
from fenli.vendors.catalog import VENDORS


def test_its_cached_tokens_stand_at_the_top() -> None:
    assert meters("stepfun", prompt_tokens=83, completion_tokens=176, total_tokens=259, cached_tokens=64) == {
        "input": 19,
        "cached_input": 64,
        "output": 176,
    }


def test_they_may_be_left_out() -> None:
    assert meters("stepfun", prompt_tokens=83, completion_tokens=176, total_tokens=259) == {"input": 83, "output": 176}


def test_the_flagship_comes_first_and_knows_its_context() -> None:
    first = VENDORS["stepfun"].models[0]
    assert (first.id, first.context) == ("step-3.7-flash", 262_144)


ERRORS = [
    (400, {"type": "request_params_invalid", "message": "temperature is out of range"}, Kind.BAD_REQUEST),
    (400, {"type": "request_params_invalid", "message": "model step-9 not found"}, Kind.MODEL_NOT_FOUND),
    (400, {"message": "模型不存在或无权限"}, Kind.MODEL_NOT_FOUND),
    (400, {"message": "the messages exceed the model's context"}, Kind.CONTEXT_TOO_LONG),
    (401, {"message": "Incorrect API key provided"}, Kind.BAD_KEY),
    (402, {"message": "x"}, Kind.NO_BALANCE),
    (429, {"message": "x"}, Kind.RATE_LIMITED),
    (451, {"message": "x"}, Kind.CONTENT_FILTERED),
    (500, {"message": "x"}, Kind.SERVER_ERROR),
    (503, {"message": "x"}, Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("stepfun", status, **error) is wanted


def test_what_was_ever_paid_in_and_granted_is_no_part_of_its_balance() -> None:
    told = (
        b'{"object":"account","type":"prepaid","balance":0.50,"total_cash_balance":0.00,"total_voucher_balance":26.00}'
    )
    found = VENDORS["stepfun"].balance
    assert found is not None
    assert found.read(told, "CNY") == Balance((Holding("CNY", 5 * 10**11),))
