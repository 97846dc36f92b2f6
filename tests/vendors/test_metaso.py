from __future__ import annotations

import json

import pytest
from recorded import meters

from fenli.errors import Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

METASO = VENDORS["metaso"]


def test_its_usage_is_the_plain_three() -> None:
    assert meters("metaso", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


def test_the_shape_of_the_answer_is_asked_for() -> None:
    request = METASO.request(
        METASO.address(METASO.base_url, "mk-1", "fast"), parse_request(b'{"model":"x","messages":[]}'), 0
    )
    assert request.target == b"/api/v1/chat/completions"
    assert json.loads(bytes(request.body)) == {"model": "fast", "messages": [], "format": "chat_completions"}


NUMBERS = [
    (200, 1000, "unsupported parameter", Kind.BAD_REQUEST),
    (200, 77, "余额不足", Kind.NO_BALANCE),
    (200, 77, "请求过于频繁", Kind.RATE_LIMITED),
    (200, 77, "x", Kind.SERVER_ERROR),
    (401, 77, "x", Kind.BAD_KEY),
    (403, 77, "x", Kind.NO_PERMISSION),
    (200, 1000, "the model x is not supported", Kind.MODEL_NOT_FOUND),
    (200, 77, "系统繁忙", Kind.OVERLOADED),
    (429, 77, "x", Kind.RATE_LIMITED),
    (503, 77, "x", Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "number", "words", "wanted"), NUMBERS)
def test_what_its_failures_mean(status: int, number: int, words: str, wanted: Kind) -> None:
    body = json.dumps({"errCode": number, "errMsg": words}, ensure_ascii=False).encode()
    failure = METASO.classify(status, [], body)
    assert (failure.kind, failure.message) == (wanted, words)


@pytest.mark.parametrize("stream", [b"false", b"true"])
def test_a_failure_with_a_200_is_no_answer(stream: bytes) -> None:
    answer = METASO.answer(parse_request(b'{"model":"x","messages":[],"stream":%b}' % stream), 0)
    body = b'{"errCode":1000,"errMsg":"no"}'
    answer.feed(b"data: " + body + b"\n\ndata: [DONE]\n\n" if stream == b"true" else body)
    answer.end()
    assert (answer.error, answer.finished) == (body, False)


def test_sources_in_a_delta_of_their_own_are_passed_on() -> None:
    answer = METASO.answer(parse_request(b'{"model":"x","messages":[],"stream":true}'), 0)
    event = b'data: {"choices":[{"index":0,"delta":{"citations":[{"title":"t","link":"l"}]}}]}\n\n'
    assert answer.feed(event) == event
