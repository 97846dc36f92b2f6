from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.alibaba import ALIBABA
from fenli.wire.openai_chat import parse_request


def test_its_usage_names_cache_writes_in_two_ways() -> None:
    for name in ("cache_write_tokens", "cache_creation_input_tokens"):
        assert meters(
            "alibaba", prompt_tokens=100, completion_tokens=50, total_tokens=150,
            prompt_tokens_details={"cached_tokens": 20, name: 30}, completion_tokens_details={"reasoning_tokens": 10},
        ) == {"input": 50, "cached_input": 20, "cache_write": 30, "output": 40, "reasoning": 10}  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "thinks"),
    [
        ("", False),
        (',"enable_thinking":true', True),
        (',"enable_thinking":false', False),
        (',"enable_thinking":null', False),
        (',"enable_thinking":"yes"', False),
    ],
)
def test_thinking_is_a_condition_of_its_prices(extra: str, thinks: bool) -> None:
    ask = parse_request(f'{{"model":"m","messages":[]{extra}}}'.encode())
    assert ALIBABA.facts(ask, "anything", {"input": 1}) == ({"thinking": True} if thinks else None)


def test_what_is_marked_for_its_cache_has_prices_of_its_own() -> None:
    marked = b'[{"role":"system","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}]'
    spoken_of = rb'[{"role":"user","content":"what is \"cache_control\"?"}]'
    for messages, facts in ((marked, {"cache_scheme": "explicit"}), (spoken_of, None)):
        ask = parse_request(b'{"model":"m","messages":%b}' % messages)
        assert ALIBABA.facts(ask, None, {"input": 1, "cached_input": 7}) == facts
        assert ALIBABA.facts(ask, None, {"input": 8, "cached_input": 0}) is None  # no cache, no price of its own


ERRORS = [
    (401, {"code": "InvalidApiKey", "message": "x"}, Kind.BAD_KEY),
    (401, {"code": "invalid_api_key", "message": "x"}, Kind.BAD_KEY),
    (400, {"code": "Arrearage", "message": "x"}, Kind.NO_BALANCE),
    (403, {"code": "AllocationQuota.FreeTierOnly", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "insufficient_quota", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (403, {"code": "AccessDenied", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "AccessDenied.Unpurchased", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "Model.AccessDenied", "message": "x"}, Kind.NO_PERMISSION),
    (400, {"code": "DataInspectionFailed", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "data_inspection_failed", "message": "x"}, Kind.CONTENT_FILTERED),
    (
        400,
        {"code": "InvalidParameter", "message": "Range of input length should be [1, 129024]"},
        Kind.CONTEXT_TOO_LONG,
    ),
    (400, {"code": "InvalidParameter", "message": "temperature should be below 2"}, Kind.BAD_REQUEST),
    (404, {"code": "ModelNotFound", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (404, {"code": "model_not_found", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (429, {"code": "Throttling", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "Throttling.RateQuota", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "Throttling.AllocationQuota", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "Throttling.BurstRate", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "LimitRequests", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "limit_requests", "message": "x"}, Kind.RATE_LIMITED),
    (408, {"code": "RequestTimeOut", "message": "x"}, Kind.TIMEOUT),
    (503, {"code": "ModelServingError", "message": "x"}, Kind.OVERLOADED),
    (503, {"code": "ModelUnavailable", "message": "x"}, Kind.OVERLOADED),
    (500, {"code": "InternalError", "message": "x"}, Kind.SERVER_ERROR),
    (500, {"code": "InternalError.Algo", "message": "x"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("alibaba", status, **error) is wanted
