from __future__ import annotations

import pytest
from recorded import kind, meters

from fenli.errors import Kind
from fenli.wire.openai_chat import StreamAnswer


def test_its_usage_has_openais_shape() -> None:
    assert meters("sensetime", prompt_tokens=9, completion_tokens=4, total_tokens=13) == {"input": 9, "output": 4}


def test_an_empty_finish_reason_ends_nothing() -> None:
    answer = StreamAnswer(wants_usage=False)
    for text in ("a", "b"):
        answer.feed(b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":""}]}\n\n' % text.encode())
    assert (answer.begun, answer.finished) == (True, False)
    answer.end()
    assert not answer.finished


ERRORS = [
    (401, {"code": 16, "message": "x"}, Kind.BAD_KEY),
    (403, {"code": 7, "message": "x"}, Kind.NO_PERMISSION),
    (400, {"code": 3, "message": "x"}, Kind.BAD_REQUEST),
    (400, {"code": 3, "message": "the context length is exceeded"}, Kind.CONTEXT_TOO_LONG),
    (400, {"code": 3, "message": "the text is sensitive"}, Kind.CONTENT_FILTERED),
    (429, {"code": 8, "message": "token plan entitlement exhausted"}, Kind.QUOTA_EXHAUSTED),
    (429, {"code": 8, "message": "inference exceeds tpm/rpm limit"}, Kind.RATE_LIMITED),
    (429, {"code": 8, "message": "rpm exhausted"}, Kind.RATE_LIMITED),
    (429, {"code": 8, "message": "x"}, Kind.RATE_LIMITED),
    (404, {"code": 5, "message": "x"}, Kind.MODEL_NOT_FOUND),
    (415, {"code": 3, "message": "x"}, Kind.BAD_REQUEST),
    (500, {"code": 13, "message": "x"}, Kind.SERVER_ERROR),
    (503, {"code": 14, "message": "x"}, Kind.OVERLOADED),
    (200, {"code": 16, "message": "x"}, Kind.BAD_KEY),
]


@pytest.mark.parametrize(("status", "error", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, error: dict[str, str | int], wanted: Kind) -> None:
    assert kind("sensetime", status, **error) is wanted
