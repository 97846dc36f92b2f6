from __future__ import annotations

import json
from typing import Any

import pytest
from cut_anywhere import deltas, gathered, same_however_cut, streamed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import decoded
from fenli.wire.wenxin import WenxinReader, encode_chat, failure_of

USAGE = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("a", "b")]


def part(result: str, *, is_end: bool = False, **more: Any) -> dict[str, Any]:
    return {"id": "as-1", "object": "chat.completion", "created": 1, "sentence_id": 0, "is_end": is_end,
            "is_truncated": False, "result": result, "need_clear_history": False, "finish_reason": "normal",
            "usage": USAGE, **more}  # fmt: skip


PARTS = [part("four "), part("厘"), part("", is_end=True)]
EVENTS = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in PARTS)


def reader() -> WenxinReader:
    return WenxinReader(streamed=True)


def whole(**more: Any) -> dict[str, Any]:
    found = gathered(lambda: WenxinReader(streamed=False), json.dumps(part("4") | more).encode())
    [choice] = found["choices"]
    return {"finish": choice["finish_reason"], **choice["message"]}


def encoded(**members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode())
    body = encode_chat(decoded(ask), ask.fields, limit=ask.output_limit, user=None, stream=ask.stream)
    found: dict[str, Any] = json.loads(body)
    return found


def refusal(**members: Any) -> str | None:
    with pytest.raises(CallRefused) as caught:
        encoded(**members)
    return caught.value.param


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(reader, EVENTS, data)


def test_a_stream_ends_with_the_part_that_says_so() -> None:
    answer = streamed(reader)
    first, last = EVENTS.split(b"\n\n", 2)[:2], EVENTS.split(b"\n\n")[2]
    said = deltas(answer.feed(b"\n\n".join(first) + b"\n\n"))
    assert "".join(delta.get("content", "") for delta in said) == "four 厘"
    assert answer.partial
    answer.feed(last + b"\n\n")
    answer.end()
    assert answer.finished
    assert not answer.partial
    assert json.loads(answer.usage or b"") == USAGE


@pytest.mark.parametrize(
    ("more", "finish"),
    [
        ({}, "stop"),
        ({"finish_reason": "length"}, "length"),
        ({"is_truncated": True}, "length"),
        ({"finish_reason": "content_filter"}, "content_filter"),
        ({"need_clear_history": True, "ban_round": -1}, "content_filter"),
        ({"function_call": {"name": "a", "arguments": "{}", "thoughts": "why"}}, "tool_calls"),
    ],
)
def test_why_an_answer_ends(more: dict[str, Any], finish: str) -> None:
    assert whole(**more)["finish"] == finish


def test_a_function_call_is_a_tool_call_with_its_thoughts() -> None:
    said = whole(result="", function_call={"name": "a", "arguments": '{"x":1}', "thoughts": "why"})
    assert said["tool_calls"][0]["function"] == {"name": "a", "arguments": '{"x":1}'}
    assert said["reasoning_content"] == "why"


def test_an_answer_that_ends_the_conversation_says_so() -> None:
    said = whole(need_clear_history=True, ban_round=1)
    assert (said["need_clear_history"], said["ban_round"]) == (True, 1)


def test_an_error_inside_a_200_is_one() -> None:
    answer = streamed(reader)
    answer.feed(b'data: {"error_code":336501,"error_msg":"rpm"}\n\n')
    assert answer.error is not None
    assert failure_of(answer.error) == ("336501", "rpm")
    assert not answer.begun


def test_rules_stand_apart_and_sides_take_turns() -> None:
    body = encoded(
        temperature=0.9, max_tokens=50, stop=["X"], disable_search=True,
        messages=[
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one"}, {"role": "user", "content": "two"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c9", "type": "function", "function": {"name": "a", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c9", "content": "sunny"},
        ],
    )  # fmt: skip
    assert body == {
        "system": "be brief",
        "messages": [
            {"role": "user", "content": "one\n\ntwo"},
            {"role": "assistant", "content": "", "function_call": {"name": "a", "arguments": "{}"}},
            {"role": "function", "name": "a", "content": "sunny"},
        ],
        "stream": False, "temperature": 0.9, "max_output_tokens": 50, "stop": ["X"], "disable_search": True,
    }  # fmt: skip


def test_tools_are_functions() -> None:
    body = encoded(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "b"}})
    assert [function["name"] for function in body["functions"]] == ["a", "b"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "b"}}
    assert "functions" not in encoded(tools=TOOLS, tool_choice="none")
    assert encoded(tools=TOOLS[:1], tool_choice="required")["tool_choice"]["function"]["name"] == "a"


def test_what_the_dialect_cannot_say_is_named() -> None:
    call = {"type": "function", "function": {"name": "a", "arguments": "{}"}}
    calls = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "1", **call}, {"id": "2", **call}]},
    ]
    assert refusal(tools=TOOLS, tool_choice="required") == "tool_choice"
    assert refusal(messages=calls) == "messages[1].tool_calls"
    assert refusal(messages=[{"role": "tool", "content": "x", "tool_call_id": "?"}]) == "messages[0].tool_call_id"
    image = [{"type": "image_url", "image_url": {"url": "https://example.com"}}]
    assert refusal(messages=[{"role": "user", "content": image}]) == "messages[0].content"
    assert refusal(response_format={"type": "json_schema", "json_schema": {}}) == "response_format"
