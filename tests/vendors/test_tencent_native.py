from __future__ import annotations

import json

import pytest
from recorded import meters

from fenli.errors import CallRefused, ConfigError, Kind, UsageError
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

VENDOR = VENDORS["tencent-native"]
NOW = 1_700_000_000 * 10**9  # 2023-11-14T22:13:20Z


def test_its_usage_is_pascal_case_and_tells_the_cache() -> None:
    usage = {"PromptTokens": 9, "CompletionTokens": 4, "TotalTokens": 13}
    assert meters("tencent-native", **usage) == {"input": 9, "output": 4}
    cached = {"PromptTokensDetails": {"CachedTokens": 5}}
    assert meters("tencent-native", **usage, **cached) == {"input": 4, "cached_input": 5, "output": 4}
    with pytest.raises(UsageError):
        meters("tencent-native", **usage, PromptTokensDetails={"CachedTokens": 10})


ERRORS = [
    ("AuthFailure.SignatureFailure", Kind.BAD_KEY),
    ("AuthFailure.SecretIdNotFound", Kind.BAD_KEY),
    ("AuthFailure.SignatureExpire", Kind.BAD_KEY),
    ("UnauthorizedOperation", Kind.NO_PERMISSION),
    ("FailedOperation.UserUnAuthError", Kind.NO_PERMISSION),
    ("FailedOperation.ServiceNotActivated", Kind.NO_PERMISSION),
    ("FailedOperation.ServiceStop", Kind.NO_PERMISSION),
    ("FailedOperation.ServiceStopArrears", Kind.NO_BALANCE),
    ("ResourceUnavailable.InArrears", Kind.NO_BALANCE),
    ("ResourceUnavailable.LowBalance", Kind.NO_BALANCE),
    ("FailedOperation.ResourcePackExhausted", Kind.QUOTA_EXHAUSTED),
    ("FailedOperation.FreeResourcePackExhausted", Kind.QUOTA_EXHAUSTED),
    ("ResourceInsufficient.ChargeResourceExhaust", Kind.QUOTA_EXHAUSTED),
    ("RequestLimitExceeded", Kind.RATE_LIMITED),
    ("LimitExceeded", Kind.RATE_LIMITED),
    ("FailedOperation.EngineServerLimitExceeded", Kind.OVERLOADED),
    ("FailedOperation.EngineRequestTimeout", Kind.OVERLOADED),
    ("FailedOperation.EngineServerError", Kind.SERVER_ERROR),
    ("OperationDenied.TextIllegalDetected", Kind.CONTENT_FILTERED),
    ("OperationDenied.ImageIllegalDetected", Kind.CONTENT_FILTERED),
    ("InvalidParameterValue.Model", Kind.MODEL_NOT_FOUND),
    ("ResourceUnavailable.NotExist", Kind.MODEL_NOT_FOUND),
    ("InvalidParameter", Kind.BAD_REQUEST),
    ("SomethingElse", Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("code", "expected"), ERRORS)
def test_failures_come_with_a_200(code: str, expected: Kind) -> None:
    for body in ({"Response": {"Error": {"Code": code, "Message": "x"}, "RequestId": "r"}}, {"Code": code}):
        failure = VENDOR.classify(200, [], json.dumps(body).encode())
        assert failure.kind is expected
        assert failure.body is None  # the caller reads another dialect


def test_failures_inside_a_stream_have_numbers() -> None:
    assert VENDOR.classify(200, [], b'{"Msg":"x","Code":4000}').kind is Kind.SERVER_ERROR
    assert VENDOR.classify(200, [], b'{"Msg":"x","Code":4001}').kind is Kind.TIMEOUT
    assert VENDOR.classify(502, [], b"<html>").kind is Kind.SERVER_ERROR


def test_a_request_is_signed_over_its_very_body() -> None:
    """The signature is the one that Tencent Cloud's SDK makes."""
    address = VENDOR.address(VENDOR.base_url, "TESTID:TESTSECRETKEY", "hunyuan-lite")
    ask = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    request = VENDOR.request(address, ask, NOW)
    assert (request.method, request.target, request.origin.host) == (b"POST", b"/", "hunyuan.tencentcloudapi.com")
    assert bytes(request.body) == (
        b'{"Model":"hunyuan-lite","Messages":[{"Role":"user","Content":"hi"}],"Stream":false}'
    )
    lines = dict(line.split(": ", 1) for line in request.headers.decode().split("\r\n") if line)
    assert (lines["X-TC-Action"], lines["X-TC-Version"]) == ("ChatCompletions", "2023-09-01")
    assert lines["X-TC-Timestamp"] == "1700000000"
    assert lines["Authorization"] == (
        "TC3-HMAC-SHA256 Credential=TESTID/2023-11-14/hunyuan/tc3_request, SignedHeaders=content-type;host, "
        "Signature=624455dc9ba56e170f96b6983627d662705e1f2edf22b32b170d396cd18d4de3"
    )
    assert "TESTSECRETKEY" not in request.headers.decode()


@pytest.mark.parametrize("member", ["logprobs", "frequency_penalty", "response_format", "top_k"])
def test_what_it_has_no_word_for_is_refused_by_name(member: str) -> None:
    address = VENDOR.address(VENDOR.base_url, "id:secret", "hunyuan-lite")
    value = {"type": "json_object"} if member == "response_format" else 1
    ask = parse_request(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], member: value}).encode()
    )
    with pytest.raises(CallRefused) as caught:
        VENDOR.request(address, ask, NOW)
    assert caught.value.param == member


def test_a_secret_id_cannot_bring_a_header_of_its_own() -> None:
    with pytest.raises(ConfigError, match="SecretId:SecretKey"):
        VENDOR.address(VENDOR.base_url, "id\r\nX-Other: 1:secret", "hunyuan-turbos-latest")
