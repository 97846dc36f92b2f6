from __future__ import annotations

import json
from typing import Any

import pytest
from cut_anywhere import chunks, deltas, gathered, same_however_cut, streamed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import decoded
from fenli.wire.pangu import PanguReader, encode_chat, failure_of

USAGE = {"completion_tokens": 9, "prompt_tokens": 7, "total_tokens": 16}


def part(text: str, **more: Any) -> dict[str, Any]:
    return {"id": "up-1", "created": 1, "choices": [{"index": 0, "message": {"content": text}}], **more}


PARTS = [part("four "), part("厘"), part("", usage=USAGE)]
EVENTS = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in PARTS)
WHOLE = EVENTS + b"data: [DONE]\n\n"


def reader() -> PanguReader:
    return PanguReader(streamed=True)


def finishes(data: bytes) -> list[str]:
    found = [choice["finish_reason"] for chunk in chunks(data) for choice in chunk["choices"]]
    return [finish for finish in found if finish]


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(reader, WHOLE, data)


def test_a_stream_is_whole_at_its_end_mark_and_not_before() -> None:
    answer = streamed(reader)
    out = answer.feed(EVENTS)
    assert "".join(delta.get("content", "") for delta in deltas(out)) == "four 厘"
    assert not answer.finished
    assert finishes(answer.feed(b"data: [DONE]\n\n")) == ["stop"]
    assert answer.finished
    cut = streamed(reader)
    cut.feed(EVENTS)
    cut.end()
    assert not cut.finished


def test_what_is_withheld_ends_the_answer_as_filtered() -> None:
    answer = streamed(reader)
    out = answer.feed(EVENTS + b"event: moderation\ndata: {}\n\ndata: [DONE]\n\n")
    assert finishes(out) == ["content_filter"]
    assert answer.finished


def test_an_answer_in_one_piece_needs_no_finish_reason() -> None:
    found = gathered(lambda: PanguReader(streamed=False), json.dumps(part("4", usage=USAGE)).encode())
    assert found["choices"][0]["message"]["content"] == "4"
    assert found["choices"][0]["finish_reason"] == "stop"


def test_a_failure_is_found() -> None:
    body = b'{"error_code":"APIG.0301","error_msg":"bad token"}'
    assert failure_of(body) == ("APIG.0301", "bad token")
    answer = streamed(reader)
    answer.feed(b"data: " + body + b"\n\n")
    assert answer.error == body


def encoded(**members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode())
    found: dict[str, Any] = json.loads(encode_chat(decoded(ask), ask.fields, limit=ask.output_limit, stream=ask.stream))
    return found


def test_the_request_names_no_model() -> None:
    assert encoded(max_completion_tokens=5, top_p=0.5) == {
        "messages": [{"role": "user", "content": "hi"}], "stream": False, "max_tokens": 5, "top_p": 0.5,
    }  # fmt: skip


def test_only_text_can_be_said() -> None:
    with pytest.raises(CallRefused) as caught:
        encoded(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}])
    assert caught.value.param == "messages[0]"
