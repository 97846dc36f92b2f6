from __future__ import annotations

import json
from typing import Any

import pytest
from cut_anywhere import deltas, gathered, same_however_cut, streamed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.wire.frames import EitherFrames
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import decoded
from fenli.wire.sensenova import SenseNovaReader, encode_chat

USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16, "knowledge_tokens": 0}


def part(delta: str, finish: str = "", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "role": "assistant", "delta": delta, "finish_reason": finish, **more}
    return {"data": {"id": "up-1", "choices": [choice], "usage": USAGE}, "status": {"code": 0, "message": "ok"}}


PARTS = [part("four "), part("厘"), part("", "stop")]
EVENTS = b"".join(b"data:" + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in PARTS)
EVENTS += b"data:[DONE]\n\n"


def encoded(**members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode())
    body = encode_chat(b'"SenseChat"', decoded(ask), ask.fields, limit=ask.output_limit, stream=ask.stream)
    found: dict[str, Any] = json.loads(body)
    return found


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(SenseNovaReader, EVENTS, data)


def test_text_is_text_and_the_usage_runs() -> None:
    answer = streamed(SenseNovaReader)
    said = deltas(answer.feed(EVENTS))
    assert "".join(delta.get("content", "") for delta in said) == "four 厘"
    assert answer.finished
    assert json.loads(answer.usage or b"") == USAGE


@pytest.mark.parametrize(
    ("said", "finish"), [("stop", "stop"), ("sensitive", "content_filter"), ("context", "length"), ("length", "length")]
)
def test_an_answer_in_one_piece_is_a_plain_text(said: str, finish: str) -> None:
    choice = {"index": 0, "role": "assistant", "message": "4", "finish_reason": said}
    whole = {"data": {"id": "up-1", "choices": [choice], "usage": USAGE, "plugins": {"web_search": [{"url": "u"}]}}}
    found = gathered(SenseNovaReader, json.dumps(whole).encode())
    [choice] = found["choices"]
    assert choice["finish_reason"] == finish
    assert choice["message"]["content"] == "4"
    assert choice["message"]["plugins"] == {"web_search": [{"url": "u"}]}


def test_tool_calls_stand_beside_the_text() -> None:
    call = {"id": "c1", "type": "function", "index": 0, "function": {"name": "a", "arguments": "{}"}}
    events = b"data:" + json.dumps(part("", "tool_calls", tool_calls=[call])).encode() + b"\n\n"
    last = deltas(streamed(SenseNovaReader).feed(events))[-1]
    assert last["tool_calls"][0]["function"] == {"name": "a", "arguments": "{}"}


def test_a_status_that_is_not_well_is_a_failure() -> None:
    answer = streamed(SenseNovaReader)
    answer.feed(b'data:{"data":{"choices":[]},"status":{"code":8,"message":"rpm exhausted"}}\n\n')
    assert json.loads(answer.error or b"") == {"code": 8, "message": "rpm exhausted"}
    answer = streamed(SenseNovaReader)
    answer.feed(b'data:{"error":{"code":13,"message":"broken"}}\n\n')
    assert json.loads(answer.error or b"") == {"code": 13, "message": "broken"}


def test_the_request_has_the_dialects_names() -> None:
    image = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
             {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]  # fmt: skip
    body = encoded(
        max_tokens=64, n=2, temperature=1.5, plugins={"web_search": {"search_enable": True}},
        messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": image}],
    )  # fmt: skip
    assert body == {
        "model": "SenseChat", "stream": False, "max_new_tokens": 64, "n": 2, "temperature": 1.5,
        "plugins": {"web_search": {"search_enable": True}},
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "see"}, {"type": "image_base64", "image_base64": "QUJD"},
                {"type": "image_url", "image_url": "https://example.com/a.png"}]},
        ],
    }  # fmt: skip


def test_a_part_that_it_cannot_say_is_named() -> None:
    with pytest.raises(CallRefused) as caught:
        encoded(messages=[{"role": "user", "content": [{"type": "input_audio"}]}])
    assert caught.value.param == "messages[0].content[0]"


WHOLE = {"data": {"id": "up-1", "reply": "四", "choices": [{"index": 0, "message": "四", "finish_reason": "stop"}],
                  "usage": USAGE}}  # fmt: skip


@given(st.data())
def test_what_streams_nothing_is_read_alike_however_it_is_cut(data: st.DataObject) -> None:
    for answer in (json.dumps(WHOLE, ensure_ascii=False).encode(), b"\n" + EVENTS):
        same_however_cut(SenseNovaReader, answer, data, EitherFrames)


def test_an_answer_in_one_piece_is_a_stream_to_who_asked_for_one() -> None:
    answer = streamed(SenseNovaReader, EitherFrames)
    assert answer.feed(json.dumps(WHOLE).encode()) == b""
    answer.end()
    assert answer.finished
    said = answer.tail(None)
    assert [delta.get("content") for delta in deltas(said)][:1] == ["四"]
    assert said.endswith(b"data: [DONE]\n\n")
