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
from fenli.wire.tencent_cloud import TencentCloudReader, encode_chat, failure_of

USAGE = {"PromptTokens": 7, "CompletionTokens": 9, "TotalTokens": 16, "PromptTokensDetails": {"CachedTokens": 3}}
SEARCH = {"SearchResults": [{"Index": 1, "Title": "厘", "Url": "https://example.com"}]}


def part(delta: dict[str, Any], finish: str = "", **more: Any) -> dict[str, Any]:
    choice = {"FinishReason": finish, "Delta": {"Role": "assistant", **delta}}
    return {"Note": "AI", "Choices": [choice], "Created": 1_700_000_000, "Id": "up-1", "Usage": USAGE, **more}


def call(index: int, arguments: str) -> dict[str, Any]:
    return {"Id": f"call_{index}", "Type": "function", "Index": index,
            "Function": {"Name": "weather", "Arguments": arguments}}  # fmt: skip


PARTS = [
    part({"ReasoningContent": "hm 想"}),
    part({"Content": "four "}, SearchInfo=SEARCH),
    part({"Content": "厘"}, SearchInfo=SEARCH),
    part({"ToolCalls": [call(0, '{"city":')]}),
    part({"ToolCalls": [call(0, '"上海"}'), call(1, "{}")]}),
    part({}, "tool_calls"),
]
EVENTS = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\n\n" for one in PARTS)


def encoded(**members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode())
    found: dict[str, Any] = json.loads(encode_chat(b'"m1"', decoded(ask), ask.fields, stream=ask.stream))
    return found


def refusal(**members: Any) -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        encoded(**members)
    return caught.value


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(TencentCloudReader, EVENTS, data)


def test_a_stream_says_everything_once() -> None:
    answer = streamed(TencentCloudReader)
    said = deltas(answer.feed(EVENTS))
    answer.end()
    assert answer.finished
    assert json.loads(answer.usage or b"") == USAGE
    assert answer.upstream_id == "up-1"
    assert "".join(delta.get("content", "") for delta in said) == "four 厘"
    assert "".join(delta.get("reasoning_content", "") for delta in said) == "hm 想"
    assert [delta["search_info"] for delta in said if "search_info" in delta] == [SEARCH]
    calls = [one for delta in said for one in delta.get("tool_calls", [])]
    assert [(one["index"], one.get("id"), one["function"].get("name")) for one in calls] == [
        (0, "call_0", "weather"), (0, None, None), (1, "call_1", "weather"),
    ]  # fmt: skip
    assert calls[0]["function"]["arguments"] + calls[1]["function"]["arguments"] == '{"city":"上海"}'


def test_an_answer_in_one_piece_comes_out_of_its_wrapper() -> None:
    message = {"Role": "assistant", "Content": "4", "ReasoningContent": "hm", "ToolCalls": [call(0, "{}")]}
    whole = {"Response": {"Id": "up-1", "Choices": [{"FinishReason": "sensitive", "Message": message}], "Usage": USAGE,
                          "SearchInfo": SEARCH, "RequestId": "r"}}  # fmt: skip
    said = gathered(TencentCloudReader, json.dumps(whole).encode())
    assert said["id"] == "up-1"
    [choice] = said["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] == "4"
    assert choice["message"]["reasoning_content"] == "hm"
    assert choice["message"]["search_info"] == SEARCH
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"no"},"RequestId":"r"}}',
        b'{"Code":"AuthFailure.SignatureFailure","Message":"no"}',
        b'{"ErrorMsg":{"Code":"AuthFailure.SignatureFailure","Msg":"no"}}',
    ],
)
def test_a_failure_is_found_wherever_it_stands(body: bytes) -> None:
    assert failure_of(body) == ("AuthFailure.SignatureFailure", "no")


def test_a_failure_inside_a_stream_ends_it() -> None:
    answer = streamed(TencentCloudReader)
    answer.feed(b'data: {"ErrorMsg":{"Msg":"engine","Code":4000},"Choices":[]}\n\n' + EVENTS)
    assert answer.error is not None
    assert failure_of(answer.error) == ("4000", "engine")
    assert not answer.begun


@pytest.mark.parametrize("well", [None, {"Msg": "", "Code": 0}])
def test_a_place_for_failures_that_tells_none_is_no_failure(well: Any) -> None:
    answer = streamed(TencentCloudReader)
    answer.feed(b"data: " + json.dumps(part({"Content": "4"}, "stop", ErrorMsg=well)).encode() + b"\n\n")
    answer.end()
    assert answer.error is None
    assert answer.finished


def test_the_conversation_is_said_in_the_dialects_words() -> None:
    body = encoded(
        stream=True, temperature=0.5, stop="X", seed=7,
        tool_choice={"type": "function", "function": {"name": "weather"}},
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        enable_enhancement=True,
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ]},
            {"role": "assistant", "content": None, "reasoning_content": "secret thoughts", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    )  # fmt: skip
    assert body["Model"] == "m1"
    assert body["Messages"] == [
        {"Role": "system", "Content": "be brief"},
        {"Role": "user", "Contents": [
            {"Type": "text", "Text": "see"}, {"Type": "image_url", "ImageUrl": {"Url": "https://example.com/a.png"}}]},
        {"Role": "assistant", "Content": "", "ToolCalls": [
            {"Id": "c1", "Type": "function", "Function": {"Name": "weather", "Arguments": "{}"}}]},
        {"Role": "tool", "Content": "sunny", "ToolCallId": "c1"},
    ]  # fmt: skip
    assert (body["Stream"], body["Temperature"], body["Stop"], body["Seed"]) == (True, 0.5, ["X"], 7)
    assert body["ToolChoice"] == "custom"
    assert body["CustomTool"] == body["Tools"][0]
    assert json.loads(body["Tools"][0]["Function"]["Parameters"]) == {"type": "object"}
    assert body["EnableEnhancement"] is True


def test_required_is_the_only_tool_there_is() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    assert encoded(tools=tools[:1], tool_choice="required")["CustomTool"]["Function"]["Name"] == "a"
    assert refusal(tools=tools, tool_choice="required").param == "tool_choice"
    assert encoded(tools=tools, tool_choice="none")["ToolChoice"] == "none"


def test_what_the_dialect_cannot_say_is_named() -> None:
    audio = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]
    assert refusal(messages=audio).param == "messages[0].content[0]"
    assert refusal(tools=[{"type": "web_search"}]).param == "tools[0]"
