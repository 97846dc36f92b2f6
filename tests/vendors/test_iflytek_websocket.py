from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from fenli.clock import SECOND
from fenli.errors import CallRefused, ConfigError, Kind
from fenli.http.transport import Origin
from fenli.vendors.iflytek_websocket import IFLYTEK_WS, SparkKey, parse_key, sign, signed_query
from fenli.wire.openai_chat import parse_request

NOW = 1_700_000_000 * SECOND
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
KEY = SparkKey("app1", "TESTAPIKEY", "TESTAPISECRET")
SECRET = "app1:TESTAPIKEY:TESTAPISECRET"


def asked(**members: Any) -> Any:
    return parse_request(
        json.dumps({"model": "x", "messages": [{"role": "user", "content": "hi"}], **members}).encode()
    )


def test_a_signature_worked_out_elsewhere() -> None:
    signature = sign(KEY, "spark-api.xf-yun.com", DATE, "/v3.5/chat")
    assert signature == "RdjRbEdulMHs5DiTBkFaF2bOZ5h2bg3Zj8sDAHMuJcQ="


def test_the_address_says_who_signed_what() -> None:
    query = dict(parse_qsl(signed_query(KEY, "spark-api.xf-yun.com", "/v3.5/chat", NOW), strict_parsing=True))
    assert (query["date"], query["host"]) == (DATE, "spark-api.xf-yun.com")
    assert base64.b64decode(query["authorization"]).decode() == (
        'api_key="TESTAPIKEY", algorithm="hmac-sha256", headers="host date request-line", '
        'signature="RdjRbEdulMHs5DiTBkFaF2bOZ5h2bg3Zj8sDAHMuJcQ="'
    )


@pytest.mark.parametrize(
    ("model", "path", "domain"),
    [
        ("spark-max", "/v3.5/chat", "generalv3.5"),
        ("spark-pro", "/v3.1/chat", "generalv3"),
        ("spark-lite", "/v1.1/chat", "lite"),
        ("4.0Ultra", "/v4.0/chat", "4.0Ultra"),
        ("max-32k", "/chat/max-32k", "max-32k"),
        ("pro-128k", "/chat/pro-128k", "pro-128k"),
        ("a-tuned-one", "/v3.5/chat", "a-tuned-one"),
    ],
)
def test_a_request_is_a_handshake_and_a_message(model: str, path: str, domain: str) -> None:
    address = IFLYTEK_WS.address("ws://127.0.0.1:8420/here", SECRET, model)
    request = IFLYTEK_WS.request(address, asked(max_tokens=5), NOW)
    assert request.origin == Origin("ws", "127.0.0.1", 8420)
    assert request.method == b"GET"
    target = urlsplit(request.target.decode())
    assert target.path == "/here" + path
    assert dict(parse_qsl(target.query))["host"] == "127.0.0.1:8420"
    assert json.loads(bytes(request.body)) == {
        "header": {"app_id": "app1"},
        "parameter": {"chat": {"domain": domain, "max_tokens": 5}},
        "payload": {"message": {"text": [{"role": "user", "content": "hi"}]}},
    }
    assert b"TESTAPISECRET" not in b"%b%b%b" % (request.target, request.headers, bytes(request.body))


@pytest.mark.parametrize("path", ["/v1.1/chat", "/v1/x1", "/chat/max-32k"])
def test_a_whole_address_counts_for_every_model(path: str) -> None:
    for model in ("spark-max", "my-tuned-one"):
        address = IFLYTEK_WS.address(f"wss://maas-api.cn-huabei-1.xf-yun.com{path}", SECRET, model)
        request = IFLYTEK_WS.request(address, asked(), NOW)
        assert urlsplit(request.target.decode()).path == path


def test_the_header_says_who_asks_and_which_tuning_is_meant() -> None:
    address = IFLYTEK_WS.address(IFLYTEK_WS.base_url, SECRET, "patch")

    def header(**members: Any) -> Any:
        return json.loads(bytes(IFLYTEK_WS.request(address, asked(**members), NOW).body))["header"]

    assert header(user="u-1", patch_id="r-7") == {"app_id": "app1", "uid": "u-1", "patch_id": ["r-7"]}
    assert header(user="u" * 33) == {"app_id": "app1"}
    with pytest.raises(CallRefused) as refused:
        header(patch_id=7)
    assert refused.value.param == "patch_id"


@pytest.mark.parametrize("secret", ["", "one", "one:two", "a:b:", "a:b:c:d"])
def test_a_key_has_three_parts(secret: str) -> None:
    with pytest.raises(ConfigError, match="AppID:APIKey:APISecret"):
        parse_key(secret)
    with pytest.raises(ConfigError):
        IFLYTEK_WS.address(IFLYTEK_WS.base_url, secret, "spark-max")


def test_its_address_is_one_of_a_websocket() -> None:
    with pytest.raises(ConfigError, match="wss://"):
        IFLYTEK_WS.address("https://spark-api.xf-yun.com", SECRET, "spark-max")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "HMAC signature cannot be verified"}, Kind.BAD_KEY),
        (403, {"message": "HMAC signature cannot be verified, a valid date is required"}, Kind.BAD_KEY),
        (101, {"code": 10015, "message": ""}, Kind.BAD_KEY),
        (101, {"code": 10016, "message": ""}, Kind.BAD_KEY),
        (101, {"code": 11200, "message": "AppIdNoAuthError"}, Kind.NO_PERMISSION),
        (101, {"code": 11201, "message": "daily limit"}, Kind.QUOTA_EXHAUSTED),
        (101, {"code": 11202, "message": ""}, Kind.RATE_LIMITED),
        (101, {"code": 11203, "message": ""}, Kind.RATE_LIMITED),
        (101, {"code": 10007, "message": ""}, Kind.RATE_LIMITED),
        (101, {"code": 10008, "message": ""}, Kind.OVERLOADED),
        (101, {"code": 10110, "message": ""}, Kind.OVERLOADED),
        (101, {"code": 10013, "message": ""}, Kind.CONTENT_FILTERED),
        (101, {"code": 10014, "message": ""}, Kind.CONTENT_FILTERED),
        (101, {"code": 10019, "message": ""}, Kind.CONTENT_FILTERED),
        (101, {"code": 10907, "message": ""}, Kind.CONTEXT_TOO_LONG),
        (101, {"code": 10163, "message": ""}, Kind.BAD_REQUEST),
        (101, {"code": 10404, "message": ""}, Kind.MODEL_NOT_FOUND),
        (101, {"code": 10012, "message": "engine"}, Kind.SERVER_ERROR),
        (502, {}, Kind.SERVER_ERROR),
    ],
)
def test_what_its_failures_mean(status: int, body: dict[str, Any], kind: Kind) -> None:
    assert IFLYTEK_WS.classify(status, [], json.dumps(body).encode()).kind is kind


def test_usage_is_the_plain_three() -> None:
    raw = b'{"question_tokens":4,"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}'
    assert IFLYTEK_WS.usage(raw) == {"input": 5, "output": 9}
