from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

SPARK = VENDORS["iflytek"]


def test_its_usage_is_the_plain_three() -> None:
    assert meters("iflytek", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


@pytest.mark.parametrize(
    ("model", "path", "sent_as"),
    [
        ("spark-x2", b"/x2/chat/completions", b'"spark-x"'),
        ("spark-max", b"/v1/chat/completions", b'"generalv3.5"'),
        ("spark-lite", b"/v1/chat/completions", b'"lite"'),
        ("4.0Ultra", b"/v1/chat/completions", b'"4.0Ultra"'),
        ("x1", b"/v2/chat/completions", b'"x1"'),
        ("a-tuned-one", b"/v1/chat/completions", b'"a-tuned-one"'),
    ],
)
def test_each_generation_has_a_path_of_its_own(model: str, path: bytes, sent_as: bytes) -> None:
    address = SPARK.address(SPARK.base_url, "key", model)
    assert (address.target, address.model) == (path, sent_as)
    assert SPARK.address("http://127.0.0.1:1/here", "key", model).target == b"/here" + path


def test_a_key_may_be_two_joined() -> None:
    assert b"Authorization: Bearer key:secret\r\n" in SPARK.address(SPARK.base_url, "key:secret", "x1").headers


def test_tool_calls_are_asked_for_as_a_list() -> None:
    address = SPARK.address(SPARK.base_url, "key", "spark-max")
    plain = SPARK.request(address, parse_request(b'{"model":"x","messages":[]}'), 0)
    assert "tool_calls_switch" not in json.loads(bytes(plain.body))
    tools = SPARK.request(address, parse_request(b'{"model":"x","messages":[],"tools":[]}'), 0)
    assert json.loads(bytes(tools.body))["tool_calls_switch"] is True


RECORDED = (
    b'data: {"code":0,"message":"Success","sid":"cha1","id":"cha1","created":1,"choices":'
    b'[{"delta":{"role":"assistant","content":"\xe4\xbd\xa0"},"index":0}]}\n\n'
    b'data: {"code":0,"message":"Success","sid":"cha1","id":"cha1","created":1,"choices":'
    b'[{"delta":{"role":"assistant","content":""},"index":0}],'
    b'"usage":{"prompt_tokens":6,"completion_tokens":1,"total_tokens":7}}\n\ndata: [DONE]\n\n'
)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_without_finish_reasons_is_whole_with_its_end_mark(size: int) -> None:
    answer = SPARK.answer(parse_request(b'{"model":"x","messages":[],"stream":true}'), 0)
    out = b"".join(answer.feed(RECORDED[at : at + size]) for at in range(0, len(RECORDED), size))
    answer.end()
    assert (answer.finished, answer.error, answer.upstream_id) == (True, None, "cha1")
    assert answer.usage is not None
    assert SPARK.usage(answer.usage) == {"input": 6, "output": 1}
    assert out + answer.tail(None) == RECORDED[:-14] + b': {"usage":' + answer.usage + b"}\n\ndata: [DONE]\n\n"


CODES = [
    (10012, "x", Kind.SERVER_ERROR),
    (10006, "x", Kind.RATE_LIMITED),
    (10007, "x", Kind.RATE_LIMITED),
    (10008, "x", Kind.OVERLOADED),
    (10110, "x", Kind.OVERLOADED),
    (10013, "x", Kind.CONTENT_FILTERED),
    (10014, "x", Kind.CONTENT_FILTERED),
    (10019, "x", Kind.CONTENT_FILTERED),
    (10015, "x", Kind.BAD_KEY),
    (10016, "x", Kind.BAD_KEY),
    (10163, "x", Kind.BAD_REQUEST),
    (10404, "x", Kind.MODEL_NOT_FOUND),
    (10907, "x", Kind.CONTEXT_TOO_LONG),
    (11200, "AppIdNoAuthError", Kind.NO_PERMISSION),
    (11200, "授权错误:业务量超过限制", Kind.QUOTA_EXHAUSTED),
    (11201, "x", Kind.QUOTA_EXHAUSTED),
    (11202, "x", Kind.RATE_LIMITED),
    (11203, "x", Kind.RATE_LIMITED),
]


@pytest.mark.parametrize(("code", "message", "wanted"), CODES)
@pytest.mark.parametrize("status", [200, 500])
def test_what_its_codes_mean_wherever_they_stand(status: int, code: int, message: str, wanted: Kind) -> None:
    flat = json.dumps({"code": code, "message": message, "sid": "cha1"}).encode()
    assert SPARK.classify(status, [], flat).kind is wanted
    assert kind("iflytek", status, code=str(code), message=message, type="api_error") is wanted


def test_a_wrong_key_may_have_no_code() -> None:
    assert SPARK.classify(401, [], b'{"message":"HMAC signature cannot be verified"}').kind is Kind.BAD_KEY
