"""Servers of one's own: vLLM and Ollama."""

from __future__ import annotations

import json

import pytest
from recorded import kind

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000."
FLAT = [
    (400, {"message": LONG, "type": "BadRequestError"}, Kind.CONTEXT_TOO_LONG),
    (400, {"message": "x", "type": "BadRequestError"}, Kind.BAD_REQUEST),
    (401, {"message": "Unauthorized", "type": "x"}, Kind.BAD_KEY),
    (404, {"message": "The model `x` does not exist.", "type": "NotFoundError"}, Kind.MODEL_NOT_FOUND),
    (500, {"message": "x", "type": "InternalServerError"}, Kind.SERVER_ERROR),
    (503, {"message": "x", "type": "x"}, Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "error", "wanted"), FLAT)
def test_what_the_errors_of_vllm_mean_in_both_its_shapes(status: int, error: dict[str, str], wanted: Kind) -> None:
    flat = {"object": "error", **error, "param": None, "code": status}
    for told in (status, 200):
        failure = VENDORS["vllm"].classify(told, [], json.dumps(flat).encode())
        assert (failure.kind, failure.message) == (wanted, error["message"])
    assert kind("vllm", status, **error, code=status) is wanted


def test_a_flat_error_inside_a_stream_of_vllm_ends_it() -> None:
    answer = VENDORS["vllm"].answer(parse_request(b'{"model":"x","messages":[],"stream":true}'), 0)
    good = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    assert answer.feed(good) == good
    body = b'{"object":"error","message":"the engine failed","type":"InternalServerError","param":null,"code":500}'
    answer.feed(b"data: " + body + b"\n\ndata: [DONE]\n\n")
    assert (answer.error, answer.finished) == (body, False)


def test_what_the_errors_of_ollama_mean() -> None:
    missing = 'model "minicpm9" not found, try pulling it first'
    assert kind("ollama", 404, message=missing, type="api_error") is Kind.MODEL_NOT_FOUND
    assert VENDORS["ollama"].classify(500, [], json.dumps({"error": missing}).encode()).kind is Kind.MODEL_NOT_FOUND
    assert kind("ollama", 400, message="x") is Kind.BAD_REQUEST
    assert kind("ollama", 503, message="x") is Kind.OVERLOADED


@pytest.mark.parametrize("server", ["vllm", "ollama"])
def test_no_key_is_needed(server: str) -> None:
    vendor = VENDORS[server]
    assert b"Authorization" not in vendor.address(vendor.base_url, "", "m").headers
