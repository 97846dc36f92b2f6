"""The market's Gemini refuses what the real one refuses, and takes back the signatures that it gave."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from native_calls import QUESTION, Native

from fenli.errors import Kind
from fenli.market.replies import Reply, ToolCall
from fenli.wire.openai_chat import parse_request

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLING = Reply(tool_calls=(ToolCall("weather", '{"city": "上海"}'), ToolCall("now", "{}")))
USER = [{"role": "user", "parts": [{"text": "hi"}]}]
KEY = b"x-goog-api-key: sk-market-google"


def called(native: Native) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(native.call(tools=[TOOL]).answer.tail(None))["choices"][0]["message"]
    return message


def answered(message: dict[str, Any]) -> list[dict[str, Any]]:
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in message["tool_calls"]]
    return [*QUESTION, message, *results]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3.5-flash"])
def test_calls_go_back_with_their_results(model: str) -> None:
    native = Native("google", model, CALLING)
    history = answered(called(native))
    assert native.call(messages=history, tools=[TOOL]).failure is None
    failure = native.call(messages=history[:-1], tools=[TOOL]).failure
    assert failure is not None
    assert failure.kind is Kind.BAD_REQUEST


def test_a_call_without_its_signature_is_told_to_be_anothers_and_a_forged_one_is_refused() -> None:
    native = Native("google", "gemini-3.5-flash", CALLING)
    message = called(native)
    assert all("extra_content" in call for call in message["tool_calls"])
    bare = [{name: value for name, value in call.items() if name != "extra_content"} for call in message["tool_calls"]]
    assert native.call(messages=answered({**message, "tool_calls": bare}), tools=[TOOL]).failure is None
    forged = [{**call, "extra_content": {"google": {"thought_signature": "Zm9v"}}} for call in message["tool_calls"]]
    failure = native.call(messages=answered({**message, "tool_calls": forged}), tools=[TOOL]).failure
    assert failure is not None
    assert (failure.kind, "Corrupted" in failure.message) == (Kind.BAD_REQUEST, True)


def test_several_answers_to_one_question() -> None:
    native = Native("google", "gemini-2.5-flash", Reply(text="ten mills"))
    told = native.call(n=2)
    assert [choice["message"]["content"] for choice in json.loads(told.answer.tail(None))["choices"]] == [
        "ten mills", "ten mills",
    ]  # fmt: skip
    assert native.call(n=2, stream=True).answer.finished


def asked(body: dict[str, Any], line: bytes = KEY, query: bytes = b"") -> tuple[int, dict[str, Any]]:
    """The status of a request that fenli would not send, and its body."""
    native = Native("google", "gemini-3.5-flash")
    request = native.request(parse_request(json.dumps({"model": "public", "messages": QUESTION}).encode()))
    data = msgspec.json.encode({"contents": USER, **body})
    heard = native.face.ask(
        msgspec.structs.replace(request, headers=line + b"\r\n", body=data, target=request.target + query)
    )
    return heard.status, json.loads(heard.body)


CALL = {"functionCall": {"name": "now", "args": {}}}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "now", "response": {}}}]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": []}, "unknown field `messages`"),
        ({"generationConfig": {"maxTokens": 9}}, "unknown field `maxTokens`"),
        ({"generationConfig": {"temperature": "warm"}}, "generationConfig.temperature"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": "now"}]}]}, "functionCall"),
        ({"generationConfig": {"temperature": 3}}, "temperature"),
        ({"generationConfig": {"stopSequences": list("abcdef")}}, "stop_sequences"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ({"contents": [*USER, {"role": "model", "parts": [CALL]}, RESULT]}, "thought_signature"),
        ({"contents": [*USER, {"role": "model", "parts": [CALL]}]}, "number of function response parts"),
    ],
)
def test_what_it_refuses(body: dict[str, Any], said: str) -> None:
    status, told = asked(body)
    assert (status, told["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert said in told["error"]["message"]


def test_signatures_are_wanted_of_the_last_question_alone() -> None:
    answered_before = [*USER, {"role": "model", "parts": [CALL]}, RESULT, {"role": "model", "parts": [{"text": "x"}]}]
    assert asked({"contents": [*answered_before, *USER]})[0] == 200


def test_its_header_or_the_query_brings_the_key() -> None:
    assert asked({})[0] == asked({}, b"accept: */*", b"?key=sk-market-google")[0] == 200
    status, told = asked({}, b"x-goog-api-key: another")
    assert (status, told["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert asked({}, b"accept: */*")[0] == 403


def test_the_wait_of_a_limit_stands_in_the_body() -> None:
    failure = Native("google", "gemini-3.5-flash").call(fault="!rate_limited@9").failure
    assert failure is not None
    assert (failure.kind, failure.retry_after_ms) == (Kind.RATE_LIMITED, 9_000)


def test_a_blocked_prompt_is_told_in_a_good_answer() -> None:
    for stream in (False, True):
        told = Native("google", "gemini-3.5-flash").call(stream=stream, fault="!content_filtered")
        assert told.failure is not None
        assert (told.heard.status, told.failure.kind) == (200, Kind.CONTENT_FILTERED)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_a_filter_ends_says_so(stream: bool) -> None:
    native = Native("google", "gemini-3.5-flash", Reply(text="four" * 10))
    told = native.call(stream=stream, fault="!filtered_inside@3")
    assert (told.text, told.finish) == ("four" * 3, "content_filter")
    assert told.usage == {"input": native.serving.prompt_tokens, "output": 3}
