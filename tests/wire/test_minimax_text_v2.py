from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from translated_answers import Told, cuts, events, gathered, streamed

from fenli.wire.frames import EventFrames
from fenli.wire.minimax.text_v2 import TextV2Reader

FINE = {"status_code": 0, "status_msg": ""}
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}


def chunk(finish: str = "", **delta: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "delta": {"role": "assistant", "name": "晓", **delta}}
    choice |= {"finish_reason": finish} if finish else {}
    return {"id": "m-1", "object": "chat.completion.chunk", "model": "M2-her", "choices": [choice], "base_resp": FINE}


def call(arguments: str, name: str = "", number: str = "") -> list[dict[str, Any]]:
    return [{"index": 0, "id": number, "type": "function", "function": {"name": name, "arguments": arguments}}]


MESSAGE = {
    "role": "assistant",
    "name": "晓",
    "content": "四厘",
    "reasoning_content": "想一想",
    "tool_calls": call('{"a":4}', "add", "c1"),
}
WHOLE = {
    "id": "m-1",
    "object": "chat.completion",
    "model": "M2-her",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}],
    "usage": USAGE,
    "base_resp": FINE,
}
CHUNKS = events(
    chunk(reasoning_content="想一"),
    chunk(reasoning_content="想"),
    chunk(content="四"),
    chunk(content="厘"),
    chunk(tool_calls=call('{"a"', "add", "c1")),
    chunk(tool_calls=call(":4}")),
)
SAID = Told(
    text="四厘",
    reasoning="想一想",
    calls=[{"id": "c1", "name": "add", "arguments": '{"a":4}'}],
    finish=["tool_calls"],
    members={"name": "晓"},
    usage=USAGE,
    finished=True,
    id="m-1",
)
DONE = b"data: [DONE]\n\n"


@given(st.data())
def test_what_comes_once_more_at_the_end_is_said_once(data: st.DataObject) -> None:
    told_why = data.draw(st.sampled_from([b"", events(chunk("tool_calls"))]))
    mark = data.draw(st.sampled_from([b"", DONE]))
    whole = CHUNKS + told_why + events(WHOLE) + mark
    assert streamed(TextV2Reader, EventFrames(), *cuts(data, whole)) == SAID


def test_a_stream_of_the_whole_alone_says_it_all() -> None:
    assert streamed(TextV2Reader, EventFrames(), events(WHOLE)) == SAID
    assert gathered(TextV2Reader, json.dumps(WHOLE).encode()) == SAID


def test_a_stream_may_end_with_the_mark_alone() -> None:
    told = streamed(TextV2Reader, EventFrames(), CHUNKS + events({**chunk("stop"), "usage": USAGE}) + DONE)
    assert (told.text, told.finish, told.usage, told.finished) == ("四厘", ["stop"], USAGE, True)


def test_a_failure_inside_is_its_own_words() -> None:
    wrong = {"id": "m-1", "choices": None, "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}
    told = streamed(TextV2Reader, EventFrames(), events(chunk(content="half"), wrong))
    assert (told.text, told.error, told.finished) == ("half", wrong, False)


def test_a_stream_that_breaks_off_is_not_whole() -> None:
    assert not streamed(TextV2Reader, EventFrames(), CHUNKS).finished


@pytest.mark.parametrize("body", [b"data:[1]\n\n", b'data:{"choices":[{"delta":{"tool_calls":[7]}}]}\n\n'])
def test_what_is_not_the_dialect_is_damage(body: bytes) -> None:
    assert streamed(TextV2Reader, EventFrames(), body).damage is not None
