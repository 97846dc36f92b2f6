from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import ConfigError, Kind
from fenli.http.transport import Origin
from fenli.vendors.catalog import VENDORS
from fenli.vendors.deepseek import DEEPSEEK
from fenli.vendors.llama_cpp import LOCAL
from fenli.vendors.ollama import OLLAMA
from fenli.vendors.openai import OPENAI
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.wire.openai_chat import ChatRequest, StreamAnswer, WholeAnswer, parse_request


def ask(**fields: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "public-name", "messages": [], **fields}).encode())


def sent(vendor: OpenAICompatible, **fields: Any) -> dict[str, Any]:
    request = vendor.request(vendor.address(vendor.base_url, "sk-1", "their-name"), ask(**fields), 0)
    body: dict[str, Any] = json.loads(request.body)
    return body


# Requests


def test_a_request_goes_to_the_vendors_path_with_our_key() -> None:
    address = OPENAI.address("https://proxy.example.com:8443/openai/v1/", "sk-secret", "gpt-x")
    request = OPENAI.request(address, ask(), 0)
    assert request.origin == Origin("https", "proxy.example.com", 8443)
    assert (request.method, request.target) == (b"POST", b"/openai/v1/chat/completions")
    lines = request.headers.split(b"\r\n")
    assert b"Host: proxy.example.com:8443" in lines
    assert b"Authorization: Bearer sk-secret" in lines
    assert b"Content-Type: application/json" in lines
    assert lines[-1] == b""
    assert not any(line.lower().startswith((b"content-length", b"accept-encoding")) for line in lines)


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://example.com/v1", b"Host: example.com\r\n"),
        ("http://example.com:443", b"Host: example.com:443\r\n"),
        ("http://[::1]:8080/v1", b"Host: [::1]:8080\r\n"),
        ("http://[::1]", b"Host: [::1]\r\n"),
    ],
)
def test_the_host_line_has_a_port_where_it_is_not_the_usual_one(base_url: str, host: bytes) -> None:
    assert OPENAI.address(base_url, "k", "m").headers.startswith(host)


def test_no_key_no_authorization() -> None:
    assert b"authorization" not in LOCAL.address(LOCAL.base_url, "", "m").headers.lower()


@pytest.mark.parametrize("secret", ["sk-1\r\nX-Evil: 1", "sk-1\n", "钥匙", "sk\x00", "sk\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OPENAI.address(OPENAI.base_url, secret, "m")
    assert secret not in str(caught.value)


def test_an_address_never_shows_its_secret() -> None:
    assert "sk-secret" not in repr(OPENAI.address(OPENAI.base_url, "sk-secret", "m"))


def test_only_the_model_changes_in_a_plain_request() -> None:
    messages = b'[ {"role":"user","content":"\\u00e9\xe4\xb8\xad"} ]'
    body = b'{ "messages" : ' + messages + b',"model":"a","top_p":0.50, "x_new": {"k":1} }'
    request = OPENAI.request(OPENAI.address(OPENAI.base_url, "k", "b"), parse_request(body), 0)
    assert request.body == b'{"messages":' + messages + b',"model":"b","top_p":0.50,"x_new":{"k":1}}'


TELL_UNASKED = ("stepfun", "iflytek", "metaso", "minimax-native")
COMPATIBLE = [vendor for vendor in VENDORS.values() if isinstance(vendor, OpenAICompatible)]


@pytest.mark.parametrize("vendor", [vendor for vendor in COMPATIBLE if vendor.id not in TELL_UNASKED])
def test_a_stream_always_asks_for_usage(vendor: OpenAICompatible) -> None:
    assert sent(vendor, stream=True)["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "other": 1}
    assert sent(vendor, stream=True, stream_options=options)["stream_options"] == {"include_usage": True, "other": 1}
    assert "stream_options" not in sent(vendor)


@pytest.mark.parametrize("name", TELL_UNASKED)
def test_a_vendor_that_tells_usage_unasked_is_not_asked(name: str) -> None:
    assert "stream_options" not in sent(VENDORS[name], stream=True)
    asked = sent(VENDORS[name], stream=True, stream_options={"include_usage": True})
    assert asked["stream_options"] == {"include_usage": True}


def test_one_output_limit_under_the_name_that_the_vendor_takes() -> None:
    assert sent(DEEPSEEK, max_completion_tokens=7) == {"model": "their-name", "messages": [], "max_tokens": 7}
    assert sent(DEEPSEEK, max_tokens=9, max_completion_tokens=7)["max_tokens"] == 7
    assert sent(DEEPSEEK, max_tokens=9)["max_tokens"] == 9
    assert "max_tokens" not in sent(DEEPSEEK, max_completion_tokens=None)
    assert sent(OPENAI, max_completion_tokens=7)["max_completion_tokens"] == 7


def test_a_request_does_not_change_what_the_caller_sent() -> None:
    request = ask(stream=True, max_completion_tokens=5)
    before = {name: bytes(value) for name, value in request.fields.items()}
    DEEPSEEK.request(DEEPSEEK.address(DEEPSEEK.base_url, "k", "b"), request, 0)
    assert {name: bytes(value) for name, value in request.fields.items()} == before


def test_the_reader_fits_the_request() -> None:
    assert isinstance(OPENAI.answer(ask(stream=True), 0), StreamAnswer)
    assert isinstance(OPENAI.answer(ask(), 0), WholeAnswer)


# Errors: whatever the shape, something is said


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.BAD_REQUEST),
        (401, Kind.BAD_KEY),
        (402, Kind.NO_BALANCE),
        (403, Kind.NO_PERMISSION),
        (404, Kind.MODEL_NOT_FOUND),
        (408, Kind.TIMEOUT),
        (409, Kind.BAD_REQUEST),
        (410, Kind.MODEL_NOT_FOUND),
        (413, Kind.CONTEXT_TOO_LONG),
        (418, Kind.BAD_REQUEST),
        (422, Kind.BAD_REQUEST),
        (429, Kind.RATE_LIMITED),
        (451, Kind.CONTENT_FILTERED),
        (500, Kind.SERVER_ERROR),
        (502, Kind.SERVER_ERROR),
        (503, Kind.OVERLOADED),
        (504, Kind.TIMEOUT),
        (529, Kind.OVERLOADED),
        (302, Kind.SERVER_ERROR),
        (200, Kind.SERVER_ERROR),
    ],
)
def test_a_status_alone_says_this(status: int, kind: Kind) -> None:
    failure = OPENAI.classify(status, [], b"<html>nginx</html>")
    assert (failure.kind, failure.status, failure.body) == (kind, status, b"<html>nginx</html>")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"m","type":"t","param":null,"code":null}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"message":"m","type":"BadRequestError","code":400,"object":"error"}', "m"),
        (b'{"code":"X","message":"m","request_id":"r"}', "m"),
        (b'{"error":{"code":1302,"message":"m"}}', "m"),
        (b"plain words", "plain words"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[]", "[]"),
        (b'{"error":null}', '{"error":null}'),
        (b'{"error":{"message":["m"]}}', '{"error":{"message":["m"]}}'),
        (b'{"detail":[{"loc":["body"]}]}', '{"detail":[{"loc":["body"]}]}'),
    ],
)
def test_what_the_vendor_said_in_any_envelope(body: bytes, message: str) -> None:
    assert OPENAI.classify(400, [], body).message == message


def test_a_body_nested_beyond_all_reason_is_no_trouble() -> None:
    assert OPENAI.classify(400, [], b'{"error":' + b"[" * 50_000).kind is Kind.BAD_REQUEST


def test_an_error_inside_a_200_may_name_its_status() -> None:
    assert LOCAL.classify(200, [], b'{"code":503,"message":"x","type":"y"}').kind is Kind.OVERLOADED
    assert LOCAL.classify(200, [], b'{"code":400,"message":"x","type":"y"}').kind is Kind.BAD_REQUEST
    assert LOCAL.classify(200, [], b'{"code":"429","message":"x"}').kind is Kind.RATE_LIMITED
    assert LOCAL.classify(200, [], b'{"code":200,"message":"x"}').kind is Kind.SERVER_ERROR


def test_an_error_inside_a_200_is_known_by_its_words_too() -> None:
    assert DEEPSEEK.classify(200, [], b'{"message":"Content Exists Risk"}').kind is Kind.CONTENT_FILTERED
    assert DEEPSEEK.classify(500, [], b'{"error":{"message":"Content Exists Risk"}}').kind is Kind.SERVER_ERROR


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (b'{"code":"invalid_request_error","type":"authentication_error"}', Kind.BAD_KEY),
        (b'{"type":"permission_error"}', Kind.NO_PERMISSION),
        (b'{"type":"insufficient_balance"}', Kind.NO_BALANCE),
        (b'{"code":"rate_limit_reached","type":"rate_limit_error"}', Kind.RATE_LIMITED),
        (b'{"code":"TooManyRequests"}', Kind.RATE_LIMITED),
        (b'{"code":"service_unavailable"}', Kind.OVERLOADED),
        (b'{"type":"overloaded_error"}', Kind.OVERLOADED),
        (b'{"type":"content_filter"}', Kind.CONTENT_FILTERED),
        (b'{"code":"invalid_request_error","type":"unknown_error"}', Kind.SERVER_ERROR),
    ],
)
def test_an_error_inside_a_200_is_known_by_a_code_that_many_vendors_share(error: bytes, kind: Kind) -> None:
    assert OLLAMA.classify(200, [], error).kind is kind
    assert OLLAMA.classify(500, [], error).kind is Kind.SERVER_ERROR  # a status says it better
