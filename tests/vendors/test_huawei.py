from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS


def test_its_usage_is_the_plain_three() -> None:
    assert meters("huawei", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


ERRORS = [
    (400, "81001", Kind.BAD_REQUEST),
    (400, "81002", Kind.BAD_KEY),
    (401, "81003", Kind.BAD_KEY),
    (401, "81004", Kind.NO_PERMISSION),
    (401, "81005", Kind.QUOTA_EXHAUSTED),
    (401, "81006", Kind.NO_BALANCE),
    (403, "81011", Kind.CONTENT_FILTERED),
    (403, "81109", Kind.NO_PERMISSION),
    (404, "81009", Kind.MODEL_NOT_FOUND),
    (429, "81101", Kind.RATE_LIMITED),
    (429, "81103", Kind.RATE_LIMITED),
    (500, "81999", Kind.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "number", "wanted"), ERRORS)
def test_what_the_numbers_of_its_errors_mean(status: int, number: str, wanted: Kind) -> None:
    for code in (f"ModelArts.{number}", number):
        body = json.dumps({"error_code": code, "error_msg": "no"}).encode()
        failure = VENDORS["huawei"].classify(status, [], body)
        assert (failure.kind, failure.message) == (wanted, "no")
        assert kind("huawei", status, code=code, message="no") is wanted


def test_its_gateway_has_numbers_of_its_own() -> None:
    for status, code, wanted in ((504, "APIG.0203", Kind.OVERLOADED), (401, "APIG.0301", Kind.BAD_KEY)):
        body = json.dumps({"error_code": code, "error_msg": "no"}).encode()
        assert VENDORS["huawei"].classify(status, [], body).kind is wanted


def test_an_error_of_vllm_is_read_too() -> None:
    message = "This model's maximum context length is 65536 tokens"
    body = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
    failure = VENDORS["huawei"].classify(400, [], json.dumps(body).encode())
    assert (failure.kind, failure.message) == (Kind.CONTEXT_TOO_LONG, message)
    body["message"] = "temperature must be non-negative"
    assert VENDORS["huawei"].classify(400, [], json.dumps(body).encode()).kind is Kind.BAD_REQUEST
