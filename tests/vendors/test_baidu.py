from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind


def test_tokens_of_searches_are_part_of_the_prompt() -> None:
    assert meters(
        "baidu", prompt_tokens=90, completion_tokens=40, total_tokens=130,
        prompt_tokens_details={"search_tokens": 50, "cached_tokens": 16},
        completion_tokens_details={"reasoning_tokens": 30},
    ) == {"input": 74, "cached_input": 16, "output": 10, "reasoning": 30}  # fmt: skip


ERRORS = [
    (400, {"code": "malformed_json", "message": "x", "type": "t"}, Kind.BAD_REQUEST),
    (400, {"code": "invalid_argument", "message": "x", "type": "t"}, Kind.BAD_REQUEST),
    (400, {"code": "invalid_messages", "message": "x", "type": "t"}, Kind.BAD_REQUEST),
    (400, {"code": "invalid_model", "message": "x", "type": "t"}, Kind.MODEL_NOT_FOUND),
    (401, {"code": "invalid_model", "message": "x", "type": "t"}, Kind.NO_PERMISSION),
    (401, {"code": "invalid_appid", "message": "x", "type": "t"}, Kind.NO_PERMISSION),
    (401, {"code": "no_parameter_permission", "message": "x", "type": "t"}, Kind.NO_PERMISSION),
    (401, {"code": "invalid_iam_token", "message": "x", "type": "t"}, Kind.BAD_KEY),
    (400, {"code": "tokens_too_long", "message": "x", "type": "t"}, Kind.CONTEXT_TOO_LONG),
    (400, {"code": "characters_too_long", "message": "x", "type": "t"}, Kind.CONTEXT_TOO_LONG),
    (403, {"code": "unsafe_request", "message": "x", "type": "t"}, Kind.CONTENT_FILTERED),
    (429, {"code": "rpm_rate_limit_exceeded", "message": "x", "type": "t"}, Kind.RATE_LIMITED),
    (429, {"code": "tpm_rate_limit_exceeded", "message": "x", "type": "t"}, Kind.RATE_LIMITED),
    (429, {"code": "rate_limit_exceeded", "message": "x", "type": "t"}, Kind.RATE_LIMITED),
    (429, {"code": "account_overdue", "message": "x", "type": "t"}, Kind.NO_BALANCE),
    (429, {"code": "BILLING_INSUFFICIENT_BALANCE", "message": "x", "type": "t"}, Kind.NO_BALANCE),
    (429, {"code": "QUOTA_USER_DAILY_SEARCH", "message": "x", "type": "t"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "RATE_LIMIT_QPS", "message": "x", "type": "t"}, Kind.RATE_LIMITED),
    (500, {"code": "internal_error", "message": "x", "type": "t"}, Kind.SERVER_ERROR),
    (503, {"code": "x", "message": "x", "type": "t"}, Kind.OVERLOADED),
    (200, {"code": "invalid_model", "message": "x", "type": "t"}, Kind.MODEL_NOT_FOUND),
    (200, {"code": "tpm_rate_limit_exceeded", "message": "x", "type": "t"}, Kind.RATE_LIMITED),
    (403, {"code": "x", "message": "the account is overdue"}, Kind.NO_BALANCE),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("baidu", status, **error) is wanted
