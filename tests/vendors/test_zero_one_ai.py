from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind


def test_its_usage_is_the_plain_three() -> None:
    assert meters("01ai", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


ERRORS = [
    (400, {"message": "x"}, Kind.BAD_REQUEST),
    (400, {"message": "the maximum context length is 16384 tokens"}, Kind.CONTEXT_TOO_LONG),
    (401, {"message": "x"}, Kind.BAD_KEY),
    (404, {"message": "x"}, Kind.MODEL_NOT_FOUND),
    (429, {"message": "Rate limit reached"}, Kind.RATE_LIMITED),
    (429, {"message": "You exceeded your current quota"}, Kind.NO_BALANCE),
    (500, {"message": "x"}, Kind.SERVER_ERROR),
    (529, {"message": "x"}, Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("01ai", status, **error) is wanted
