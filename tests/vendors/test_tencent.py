from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind


def test_its_usage_has_openais_shape() -> None:
    assert meters("tencent", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


ERRORS = [
    (401, {"code": "AuthFailure.SecretIdNotFound", "message": "x"}, Kind.BAD_KEY),
    (401, {"code": "AuthFailure.SignatureExpire", "message": "x"}, Kind.BAD_KEY),
    (403, {"code": "UnauthorizedOperation", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "FailedOperation.UserUnAuthError", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "FailedOperation.ServiceNotActivated", "message": "x"}, Kind.NO_PERMISSION),
    (403, {"code": "ResourceUnavailable.InArrears", "message": "x"}, Kind.NO_BALANCE),
    (403, {"code": "ResourceUnavailable.LowBalance", "message": "x"}, Kind.NO_BALANCE),
    (403, {"code": "FailedOperation.ServiceStopArrears", "message": "x"}, Kind.NO_BALANCE),
    (429, {"code": "FailedOperation.ResourcePackExhausted", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "FailedOperation.FreeResourcePackExhausted", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "ResourceInsufficient.ChargeResourceExhaust", "message": "x"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": "RequestLimitExceeded", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "LimitExceeded", "message": "x"}, Kind.RATE_LIMITED),
    (429, {"code": "FailedOperation.EngineServerLimitExceeded", "message": "x"}, Kind.OVERLOADED),
    (500, {"code": "FailedOperation.EngineRequestTimeout", "message": "x"}, Kind.OVERLOADED),
    (500, {"code": "FailedOperation.EngineServerError", "message": "x"}, Kind.SERVER_ERROR),
    (400, {"code": "OperationDenied.TextIllegalDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "OperationDenied.ImageIllegalDetected", "message": "x"}, Kind.CONTENT_FILTERED),
    (400, {"code": "InvalidParameterValue.Model", "message": "x"}, Kind.MODEL_NOT_FOUND),
    (400, {"code": "InvalidParameterValue", "message": "x"}, Kind.BAD_REQUEST),
    (200, {"code": "RequestLimitExceeded", "message": "x"}, Kind.RATE_LIMITED),
    (400, {"message": "the messages are too long"}, Kind.CONTEXT_TOO_LONG),
    (401, {"message": "x"}, Kind.BAD_KEY),
    (429, {"message": "x"}, Kind.RATE_LIMITED),
    (503, {"message": "x"}, Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("tencent", status, **error) is wanted
