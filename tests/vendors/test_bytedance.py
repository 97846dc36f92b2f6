from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.options import Option


def test_its_usage_has_openais_shape() -> None:
    assert meters(
        "bytedance", prompt_tokens=100, completion_tokens=50, total_tokens=150,
        prompt_tokens_details={"cached_tokens": 20}, completion_tokens_details={"reasoning_tokens": 10},
    ) == {"input": 80, "cached_input": 20, "output": 40, "reasoning": 10}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "path"),
    [("bot-20260101-x", "/api/v3/bots/chat/completions"), ("ep-1", "/api/v3/chat/completions")],
)
def test_bots_have_a_path_of_their_own_and_search_unasked(model: str, path: str) -> None:
    vendor = VENDORS["bytedance"]
    ask = parse_request(b'{"model":"m","messages":[],"fenli":{"search":true,"missing":"downgrade"}}')
    request = vendor.request(vendor.address(vendor.base_url, "sk-1", model), ask, 0)
    assert (request.target.decode(), json.loads(bytes(request.body))) == (path, {"model": model, "messages": []})
    assert vendor.switches.holds(Option.SEARCH, model) is model.startswith("bot-")


ERRORS = [
    (401, {"code": "AuthenticationError", "message": "x", "type": "Unauthorized"}, Kind.BAD_KEY),
    (403, {"code": "AccountOverdueError", "message": "x", "type": "Forbidden"}, Kind.NO_BALANCE),
    (429, {"code": "QuotaExceeded", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "SetLimitExceeded", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (
        429,
        {"code": "RateLimitExceeded.EndpointRPMExceeded", "message": "x", "type": "TooManyRequests"},
        Kind.RATE_LIMITED,
    ),
    (
        429,
        {"code": "RateLimitExceeded.EndpointTPMExceeded", "message": "x", "type": "TooManyRequests"},
        Kind.RATE_LIMITED,
    ),
    (429, {"code": "ModelAccountRpmRateLimitExceeded", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "ModelAccountTpmRateLimitExceeded", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "APIAccountRpmRateLimitExceeded", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "AccountRateLimitExceeded", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "RequestBurstTooFast", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "InflightBatchsizeExceeded", "message": "x", "type": "TooManyRequests"}, Kind.RATE_LIMITED),
    (429, {"code": "ServerOverloaded", "message": "x"}, Kind.OVERLOADED),
    (429, {"code": "ModelLoadingError", "message": "x"}, Kind.OVERLOADED),
    (400, {"code": "SensitiveContentDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "SensitiveContentDetected.SevereViolation", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "InputTextSensitiveContentDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "OutputTextSensitiveContentDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "InputImageSensitiveContentDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (
        400,
        {"code": "InvalidParameter", "message": "Total tokens of image and text exceed max message tokens"},
        Kind.CONTEXT_TOO_LONG,
    ),
    (400, {"code": "InvalidParameter", "message": "the parameter temperature is not valid"}, Kind.BAD_REQUEST),
    (400, {"code": "MissingParameter", "message": "x"}, Kind.BAD_REQUEST),
    (403, {"code": "AccessDenied", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "OperationDenied.ServiceOverdue", "message": "x"}, Kind.NO_PERMISSION),
    (404, {"code": "InvalidEndpointOrModel.NotFound", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (404, {"code": "InvalidEndpointOrModel.ModelIDAccessDisabled", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (404, {"code": "ModelNotOpen", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (400, {"code": "InvalidEndpoint.ClosedEndpoint", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (500, {"code": "InternalServiceError", "message": "x"}, Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("bytedance", status, **error) is wanted
