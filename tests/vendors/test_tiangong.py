from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.clock import SECOND
from fenli.errors import ConfigError, Kind
from fenli.vendors.tiangong import TIANGONG, TIANGONG_CUMULATIVE, TiangongKey, parse_key, sign
from fenli.wire.openai_chat import parse_request

NOW = 1_700_000_000 * SECOND
SECRET = "testkey:testsecret"


def test_a_signature_worked_out_elsewhere() -> None:
    assert sign(TiangongKey("testkey", "testsecret"), "1700000000") == "e1012a877b134c92375e509c829e1ff2"


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("SkyChat-MegaVerse", True, b"/saas/api/v4/generate"),
        ("SkyChat-MegaVerse", False, b"/saas/api/v4/generate"),
        ("sky-chat-3.5", False, b"/saas/api/v3/generate"),
    ],
)
def test_a_request_is_signed_and_says_in_its_head_whether_it_wants_a_stream(
    model: str, stream: bool, path: bytes
) -> None:
    ask = parse_request(json.dumps({"model": model, "messages": [], "stream": stream}).encode())
    request = TIANGONG.request(TIANGONG.address(TIANGONG.base_url, SECRET, model), ask, NOW)
    assert (request.method, request.target) == (b"POST", path)
    lines = request.headers.decode().splitlines()
    assert "app_key: testkey" in lines
    assert "timestamp: 1700000000" in lines
    assert "sign: e1012a877b134c92375e509c829e1ff2" in lines
    assert f"stream: {str(stream).lower()}" in lines
    assert "testsecret" not in request.headers.decode()
    assert json.loads(bytes(request.body))["model"] == model


@pytest.mark.parametrize("secret", ["", "one", "one:", ":two"])
def test_a_key_has_two_parts(secret: str) -> None:
    with pytest.raises(ConfigError, match="app_key:app_secret"):
        parse_key(secret)


def test_the_other_reading_of_its_streams_is_another_adapter() -> None:
    assert TIANGONG_CUMULATIVE.models == TIANGONG.models
    assert TIANGONG_CUMULATIVE.streamed(parse_request(b'{"model":"x","messages":[]}')) is not None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, Kind.BAD_KEY),
        (200, {"code": 1, "message": "签名错误"}, Kind.BAD_KEY),
        (200, {"code": "status-2", "message": "success"}, Kind.TIMEOUT),
        (200, {"code": "status-4", "message": "success"}, Kind.CONTENT_FILTERED),
        (200, {"code": 1, "message": "账户余额不足"}, Kind.NO_BALANCE),
        (200, {"code": 1, "message": "超出并发限制"}, Kind.RATE_LIMITED),
        (200, {"code": 1, "message": "服务繁忙"}, Kind.OVERLOADED),
        (200, {"code": 1, "message": "内容违规"}, Kind.CONTENT_FILTERED),
        (200, {"code": 1, "message": "模型不存在"}, Kind.MODEL_NOT_FOUND),
        (200, {"code": 1, "message": "the messages are too long"}, Kind.CONTEXT_TOO_LONG),
        (200, {"code": 1, "message": "by design"}, Kind.SERVER_ERROR),
        (400, {"code": 1, "message": "what"}, Kind.BAD_REQUEST),
    ],
)
def test_what_its_failures_mean(status: int, body: dict[str, Any], kind: Kind) -> None:
    assert TIANGONG.classify(status, [], json.dumps(body, ensure_ascii=False).encode()).kind is kind
