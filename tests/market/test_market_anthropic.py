"""The market's Anthropic refuses what the real one refuses, and takes back the thinking that it gave."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from native_calls import QUESTION, Native, Told

from fenli.errors import Kind
from fenli.market.replies import Reply, ToolCall
from fenli.wire.openai_chat import parse_request

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLING = Reply(reasoning="let me see", tool_calls=(ToolCall("weather", '{"city": "上海"}'), ToolCall("now", "{}")))
THINKING: dict[str, Any] = {"reasoning_effort": "low", "max_tokens": 4_000, "tools": [TOOL]}
USER = [{"role": "user", "content": "hi"}]
KEY, VERSION = b"x-api-key: sk-market-anthropic", b"anthropic-version: 2023-06-01"


def message_of(told: Told, *, streamed: bool) -> dict[str, Any]:
    """The assistant's message as a client that joins deltas by their index keeps it."""
    if not streamed:
        message: dict[str, Any] = json.loads(told.answer.tail(None))["choices"][0]["message"]
        return message
    blocks = []
    answer = Native("anthropic", "").vendor.answer(parse_request(b'{"model":"x","messages":[],"stream":true}'), 0)
    for event in answer.feed(told.heard.body).decode().split("\n\n"):
        for choice in json.loads(event[6:])["choices"] if event.startswith("data: {") else ():
            blocks += choice["delta"].get("thinking_blocks", [])
    calls = [{"id": f"call_{at}", "type": "function", "function": call} for at, call in enumerate(told.calls)]
    return {"role": "assistant", "content": told.text, "thinking_blocks": blocks, "tool_calls": calls}


def answered(message: dict[str, Any]) -> list[dict[str, Any]]:
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in message["tool_calls"]]
    return [*QUESTION, message, *results]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thinking_goes_back_with_the_results_of_tools(stream: bool) -> None:
    native = Native("anthropic", "claude-haiku-4-5", CALLING)
    message = message_of(native.call(stream=stream, **THINKING), streamed=stream)
    assert [block["thinking"] for block in message["thinking_blocks"]] == ["let me see"]
    assert native.call(messages=answered(message), **THINKING).failure is None


def test_a_history_without_its_thinking_or_with_another_is_refused() -> None:
    native = Native("anthropic", "claude-haiku-4-5", CALLING)
    message = message_of(native.call(**THINKING), streamed=False)
    forged = {**message, "thinking_blocks": [{**message["thinking_blocks"][0], "thinking": "let me be"}]}
    bare = {name: value for name, value in message.items() if name != "thinking_blocks"}
    for wrong, said in ((forged, "Invalid `signature`"), (bare, "Expected `thinking`")):
        failure = native.call(messages=answered(wrong), **THINKING).failure
        assert failure is not None
        assert failure.kind is Kind.BAD_REQUEST
        assert said in failure.message


def test_calls_and_results_belong_together() -> None:
    native = Native("anthropic", "claude-sonnet-5-5", CALLING)
    history = answered(message_of(native.call(tools=[TOOL]), streamed=False))
    assert native.call(messages=history).failure is None
    for wrong in (history[:-1], [history[0], *history[2:]]):
        failure = native.call(messages=wrong).failure
        assert failure is not None
        assert failure.kind is Kind.BAD_REQUEST


def asked(body: dict[str, Any], *lines: bytes) -> tuple[int, str]:
    """The status of a request that fenli would not send, and what the error says."""
    native = Native("anthropic", "claude-haiku-4-5")
    request = native.request(parse_request(json.dumps({"model": "public", "messages": USER}).encode()))
    data = msgspec.json.encode({"model": native.model, "max_tokens": 9, "messages": USER, **body})
    headers = b"".join(line + b"\r\n" for line in lines or (KEY, VERSION))
    heard = native.face.ask(msgspec.structs.replace(request, headers=headers, body=data))
    return heard.status, json.loads(heard.body).get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"n": 2}, "unknown field `n`"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty"),
        ({"messages": [{"role": "user", "content": []}]}, "must not be empty"),
        ({"temperature": 1.5}, "temperature"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": "many"}}, "budget_tokens"),
        ({"output_config": {"format": "json"}}, "output_config.format"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "must be greater than"),
    ],
)
def test_what_it_refuses(body: dict[str, Any], said: str) -> None:
    status, message = asked(body)
    assert status == 400
    assert said in message


def test_its_header_and_a_bearer_bring_the_key_and_a_version_must_be_named() -> None:
    bearer = b"authorization: Bearer sk-market-anthropic"
    assert asked({}, KEY, VERSION)[0] == asked({}, bearer, VERSION)[0] == 200
    assert asked({}, b"x-api-key: another", bearer, VERSION)[0] == 401
    assert asked({}, KEY)[0] == asked({}, KEY, b"anthropic-version: 2020-01-01")[0] == 400


def test_the_newer_version_takes_no_sampling() -> None:
    newer = b"anthropic-version: 2026-10-21"
    assert asked({}, KEY, newer)[0] == asked({"temperature": 1}, KEY, VERSION)[0] == 200
    assert asked({"temperature": 1}, KEY, newer) == (
        400, "The request is not valid. temperature: Extra inputs are not permitted",
    )  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_a_filter_ends_says_so(stream: bool) -> None:
    native = Native("anthropic", "claude-sonnet-5-5", Reply(text="four" * 10))
    told = native.call(stream=stream, fault="!filtered_inside@3")
    assert (told.text, told.finish) == ("four" * 3, "content_filter")
    assert told.usage == {"input": native.serving.prompt_tokens, "output": 3}
