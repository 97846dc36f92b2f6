from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from translated_answers import Told, cuts, gathered, lines, streamed

from fenli.errors import CallRefused
from fenli.wire.frames import LineFrames
from fenli.wire.ollama import ChatReader, chat
from fenli.wire.openai_chat import parse_request

COUNTS = {"total_duration": 5, "prompt_eval_count": 20, "eval_count": 9}


def sent(**members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "public", "messages": [], **members}).encode())
    body: dict[str, Any] = json.loads(chat(ask, b'"minicpm-v"', "Ollama"))
    return body


def line(content: str = "", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    return {"model": "minicpm-v", "created_at": "2026-11-23T10:00:00.5Z", "message": said, "done": False}


def last(reason: str = "stop", **counts: int) -> dict[str, Any]:
    return {**line(), "done": True, "done_reason": reason, **counts}


CALL = {"function": {"name": "add", "arguments": {"a": 4, "b": "分"}}}
LINES = lines(
    line(thinking="想一"),
    line(thinking="想"),
    line("四"),
    line("厘"),
    line(tool_calls=[CALL]),
    line(tool_calls=[CALL]),
    last(**COUNTS),
)
SAID = Told(
    text="四厘",
    reasoning="想一想",
    calls=[{"id": f"call_202611231000005_{at}", "name": "add", "arguments": '{"a": 4, "b": "分"}'} for at in range(2)],
    finish=["tool_calls"],
    usage=COUNTS,
    finished=True,
)


def test_limits_and_sampling_are_options_and_a_stream_is_off_unless_asked_for() -> None:
    body = sent(max_tokens=7, temperature=0.5, stop="x", top_k=3, options={"num_ctx": 8192}, keep_alive="5m")
    assert body == {
        "model": "minicpm-v",
        "messages": [],
        "stream": False,
        "keep_alive": "5m",
        "options": {"temperature": 0.5, "top_k": 3, "num_predict": 7, "stop": ["x"], "num_ctx": 8192},
    }
    assert sent(stream=True)["stream"] is True


@pytest.mark.parametrize(
    ("wanted", "shape"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_the_format_is_json_or_a_schema(wanted: dict[str, Any], shape: Any) -> None:
    assert sent(response_format=wanted).get("format") == shape


def test_tools_that_may_not_be_called_are_not_sent() -> None:
    tools = [{"type": "function", "function": {"name": "add"}}]
    assert "tools" not in sent(tools=tools, tool_choice="none")
    assert sent(tools=tools, tool_choice="auto", parallel_tool_calls=True)["tools"] == tools


def test_what_the_caller_says_in_its_own_words_stands() -> None:
    body = sent(think="high", format="json", response_format={"type": "text"})
    assert (body["think"], body["format"]) == ("high", "json")


def test_a_conversation_with_images_and_tools() -> None:
    body = sent(
        messages=[
            {"role": "developer", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what "},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                    {"type": "text", "text": "is it?"},
                ],
            },
            {
                "role": "assistant",
                "reasoning_content": "hm",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":4}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "8"},
        ],
        tools=[{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
    )
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is it?", "images": ["AA=="]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "add", "arguments": {"a": 4}}}],
        },
        {"role": "tool", "content": "8", "tool_name": "add"},
    ]
    assert body["tools"] == [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"n": 3}, "n"),
        ({"options": [1]}, "options"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/i.png"}}]}]},
         "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"arguments": "[1]"}}]}]},
         "messages"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(CallRefused) as refused:
        sent(**members)
    assert refused.value.param == param


@given(st.data())
def test_however_a_stream_is_cut_it_says_the_same(data: st.DataObject) -> None:
    assert streamed(ChatReader, LineFrames(), *cuts(data, LINES)) == SAID


def test_one_piece_says_the_same() -> None:
    body = {**last(**COUNTS), "message": line("四厘", thinking="想一想", tool_calls=[CALL, CALL])["message"]}
    assert gathered(ChatReader, json.dumps(body, ensure_ascii=False).encode()) == SAID


@pytest.mark.parametrize(("reason", "finish"), [("stop", "stop"), ("length", "length"), ("load", "stop")])
def test_why_it_ended(reason: str, finish: str) -> None:
    assert streamed(ChatReader, LineFrames(), lines(line("x"), last(reason))).finish == [finish]


def test_counts_that_it_does_not_tell_stay_untold() -> None:
    assert streamed(ChatReader, LineFrames(), lines(line("x"), last(eval_count=3))).usage == {"eval_count": 3}


def test_a_failure_in_the_middle_is_its_own_words() -> None:
    told = streamed(ChatReader, LineFrames(), lines(line("half"), {"error": "the runner has stopped"}))
    assert (told.text, told.error, told.finished) == ("half", {"error": "the runner has stopped"}, False)


def test_a_stream_without_its_last_line_is_not_whole() -> None:
    assert not streamed(ChatReader, LineFrames(), lines(line("half"))).finished


@pytest.mark.parametrize("body", [b"[1]\n", b'{"message":7}\n', b"no\n"])
def test_what_is_not_the_dialect_is_damage(body: bytes) -> None:
    assert streamed(ChatReader, LineFrames(), body).damage is not None


LIKELY = [
    {"token": "四", "logprob": -0.25, "bytes": [229, 155, 155], "top_logprobs": [{"token": "五", "logprob": -2}]},
    {"token": "厘", "logprob": 0},
]
TOLD = [
    {"token": "四", "logprob": -0.25, "bytes": [229, 155, 155],
     "top_logprobs": [{"token": "五", "logprob": -2.0, "bytes": None}]},
    {"token": "厘", "logprob": 0.0, "bytes": None, "top_logprobs": []},
]  # fmt: skip


def test_probabilities_are_told_as_openai_has_them_streamed_or_whole() -> None:
    told = lines(line("四") | {"logprobs": LIKELY[:1]}, line("厘") | {"logprobs": LIKELY[1:]}, last(**COUNTS))
    assert [one for part in streamed(ChatReader, LineFrames(), told).logprobs for one in part["content"]] == TOLD
    assert gathered(ChatReader, told, LineFrames()).logprobs == [{"content": TOLD}]


def test_probabilities_are_asked_for() -> None:
    asked = {"logprobs": True, "top_logprobs": 2}
    assert asked.items() <= sent(**asked).items()
