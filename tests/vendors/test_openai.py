from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind


def test_the_reference_usage() -> None:
    assert meters(
        "openai", prompt_tokens=2006, completion_tokens=300, total_tokens=2306,
        prompt_tokens_details={"cached_tokens": 1920, "cache_write_tokens": 0, "audio_tokens": 0},
        completion_tokens_details={"reasoning_tokens": 192, "accepted_prediction_tokens": 0},
    ) == {"input": 86, "cached_input": 1920, "output": 108, "reasoning": 192}  # fmt: skip


ERRORS = [
    (
        401,
        {"message": "Incorrect API key provided: sk-***", "type": "invalid_request_error", "code": "invalid_api_key"},
        Kind.BAD_KEY,
    ),
    (
        429,
        {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"},
        Kind.NO_BALANCE,
    ),
    (429, {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}, Kind.RATE_LIMITED),
    (503, {"message": "overloaded", "type": "server_error"}, Kind.OVERLOADED),
    (400, {"message": "x", "type": "invalid_request_error", "code": "content_policy_violation"}, Kind.CONTENT_FILTERED),
    (400, {"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}, Kind.CONTEXT_TOO_LONG),
    (400, {"message": "x", "type": "invalid_request_error", "param": "messages"}, Kind.BAD_REQUEST),
    (404, {"message": "x", "type": "invalid_request_error", "code": "model_not_found"}, Kind.MODEL_NOT_FOUND),
    (403, {"message": "x", "type": "request_forbidden"}, Kind.NO_PERMISSION),
    (500, {"message": "x", "type": "server_error"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("openai", status, **error) is wanted
