"""The Spark dialect: requests made, and answers as they come over a WebSocket."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.http.websocket_frames import TEXT, FrameReader, encode_close, encode_frame
from fenli.wire.frames import MessageFrames
from fenli.wire.openai_chat import parse_request
from fenli.wire.spark import SparkReader, encode_request
from fenli.wire.translated import TranslatedStream, TranslatedWhole, Translation

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
USAGE = {"question_tokens": 4, "prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
TRANSLATION = Translation(SparkReader, SparkReader, lambda raw: raw, "spark-max", now=1_700_000_000_000_000_000)


def asked(**members: Any) -> bytes:
    return json.dumps({"model": "spark-max", "messages": [{"role": "user", "content": "hi 厘"}], **members}).encode()


def encoded(**members: Any) -> Any:
    return json.loads(encode_request(parse_request(asked(**members)), b'"generalv3.5"', "Spark"))


def test_what_is_its_own_goes_on_as_it_came() -> None:
    own = {"auditing": "default", "chat_id": "c1", "question_type": "not_knowledge", "show_ref_label": True}
    assert own.items() <= encoded(**own)["parameter"]["chat"].items()


def part(status: int, *texts: dict[str, Any], usage: dict[str, int] | None = None, code: int = 0) -> bytes:
    payload: dict[str, Any] = {"choices": {"status": status, "seq": 0, "text": list(texts)}}
    if usage is not None:
        payload["usage"] = {"text": usage}
    header = {"code": code, "message": "Success", "sid": "cht1", "status": status}
    return json.dumps({"header": header, "payload": payload}, ensure_ascii=False).encode()


PARTS = [
    part(0, {"content": "", "role": "assistant", "index": 0}),
    part(1, {"reasoning_content": "想", "content": "", "role": "assistant", "index": 0}),
    part(1, {"content": "one ", "role": "assistant", "index": 0}),
    part(1),
    part(1, {"content": "厘", "role": "assistant", "index": 0}),
    part(2, {"content": "!", "role": "assistant", "index": 0}, usage=USAGE),
]


def chunks(data: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in data.decode().split("\n\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def said(wire: bytes, cuts: list[int]) -> bytes:
    """The stream that a caller gets of an answer whose bytes come in those pieces."""
    reader, answer = FrameReader(masked=False, message_bytes=1 << 20), TranslatedStream(
        MessageFrames(), SparkReader(), TRANSLATION, wants_usage=True
    )  # fmt: skip
    edges = [0, *sorted(cuts), len(wire)]
    out = b""
    for start, end in itertools.pairwise(edges):
        out += b"".join(answer.feed(event.data) for event in reader.feed(wire[start:end]) if event.opcode == TEXT)
    answer.end()
    assert answer.finished
    assert answer.usage is not None
    assert json.loads(answer.usage) == USAGE
    assert answer.upstream_id == "cht1"
    return out + answer.tail(None)


WIRE = b"".join(encode_frame(TEXT, data) for data in PARTS) + encode_close(1000)


def test_an_answer_is_said_again_in_the_callers_words() -> None:
    told = chunks(said(WIRE, []))
    deltas = [one["choices"][0]["delta"] for one in told if one["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "one 厘!"
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "想"
    assert [one["choices"][0]["finish_reason"] for one in told if one["choices"]][-1] == "stop"
    assert told[0]["id"] == "cht1"
    assert told[-1]["usage"] == USAGE


@given(st.lists(st.integers(0, len(WIRE)), max_size=8))
def test_however_the_bytes_come_it_is_the_same(cuts: list[int]) -> None:
    assert said(WIRE, cuts) == said(WIRE, [])


def test_byte_by_byte_it_is_the_same_too() -> None:
    assert said(WIRE, list(range(len(WIRE)))) == said(WIRE, [])


def test_one_piece_is_gathered_and_needs_no_close() -> None:
    answer = TranslatedWhole(MessageFrames(), SparkReader(), TRANSLATION)
    for data in PARTS:
        assert not answer.finished
        answer.feed(data)
    assert answer.finished
    body = json.loads(answer.tail(None))
    assert body["choices"][0]["message"]["content"] == "one 厘!"
    assert body["choices"][0]["message"]["reasoning_content"] == "想"


def test_a_function_is_called() -> None:
    call = {"name": "weather", "arguments": '{"city":"上海"}'}
    answer = TranslatedWhole(MessageFrames(), SparkReader(), TRANSLATION)
    answer.feed(part(2, {"content": "", "role": "assistant", "index": 0, "function_call": call}, usage=USAGE))
    choice = json.loads(answer.tail(None))["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    [made] = choice["message"]["tool_calls"]
    assert made["function"] == call
    assert made["id"] == "call_cht1_0"


def test_a_code_is_a_failure_first_or_later() -> None:
    bad = json.dumps({"header": {"code": 10013, "message": "filtered", "sid": "cht1", "status": 2}}).encode()
    for before in ([], PARTS[:3]):
        answer = TranslatedStream(MessageFrames(), SparkReader(), TRANSLATION, wants_usage=False)
        for data in (*before, bad):
            answer.feed(data)
        assert answer.error is not None
        assert json.loads(answer.error) == {"code": 10013, "message": "filtered"}
        assert not answer.finished


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"header":{"code":"0"}}', b'{"header":{"code":0}', b"\xff"])
def test_what_is_no_part_is_damage(data: bytes) -> None:
    answer = TranslatedStream(MessageFrames(), SparkReader(), TRANSLATION, wants_usage=False)
    answer.feed(data)
    assert answer.damage is not None


def test_an_answer_that_names_no_end_is_not_whole() -> None:
    answer = TranslatedStream(MessageFrames(), SparkReader(), TRANSLATION, wants_usage=False)
    for data in PARTS[:-1]:
        answer.feed(data)
    answer.end()
    assert not answer.finished


def test_a_request() -> None:
    assert encoded() == {
        "parameter": {"chat": {"domain": "generalv3.5"}},
        "payload": {"message": {"text": [{"role": "user", "content": "hi 厘"}]}},
    }
    messages = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"},
    ]
    said = encoded(messages=messages, max_completion_tokens=9, temperature=0.5, top_k=3, tools=[WEATHER], user="u")
    assert said["parameter"]["chat"] == {"domain": "generalv3.5", "max_tokens": 9, "temperature": 0.5, "top_k": 3}
    assert [(one["role"], one["content"]) for one in said["payload"]["message"]["text"]] == [
        ("system", "be brief"), ("user", "ab"), ("assistant", "c"), ("user", "d"),
    ]  # fmt: skip
    function = {"name": "weather", "description": "", "parameters": {"type": "object", "properties": {}}}
    assert said["payload"]["functions"] == {"text": [function]}
    assert "functions" not in encoded(tools=[WEATHER], tool_choice="none")["payload"]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"stop": ["x"]}, "stop"),
        ({"seed": 1}, "seed"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [WEATHER], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"messages": [{"role": "tool", "content": "4", "tool_call_id": "a"}]}, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "b"}}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]}, "messages"),
    ],
)
def test_what_it_cannot_say_is_refused(members: dict[str, Any], param: str) -> None:
    with pytest.raises(CallRefused, match="Spark") as refused:
        encoded(**members)
    assert refused.value.param == param
