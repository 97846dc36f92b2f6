from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from cut_anywhere import chunks, deltas, gathered, same_however_cut, streamed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.anthropic_messages import EventReader, MessageReader, messages_body, meters
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import decoded

STARTED = {"input_tokens": 20, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 0,
           "output_tokens": 1, "service_tier": "standard"}  # fmt: skip
USAGE = STARTED | {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 12}}
BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm 想", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "b3BhcXVl"},
    {"type": "text", "text": "four 厘"},
    {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 4}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
]
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start",
     "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
                 "stop_reason": None, "stop_sequence": None, "usage": STARTED}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0,
     "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "想"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": BLOCKS[1]},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "four "}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "厘"}},
    {"type": "content_block_stop", "index": 2},
    {"type": "content_block_start", "index": 3, "content_block": {**BLOCKS[3], "input": {}}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "input_json_delta", "partial_json": "4}"}},
    {"type": "content_block_stop", "index": 3},
    {"type": "content_block_start", "index": 4, "content_block": BLOCKS[4]},
    {"type": "content_block_stop", "index": 4},
    {"type": "a_kind_from_tomorrow", "index": 9},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
     "usage": {"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 12}, "input_tokens": None}},
    {"type": "message_stop"},
]  # fmt: skip
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": BLOCKS,
           "stop_reason": "tool_use", "stop_sequence": None, "usage": USAGE}  # fmt: skip


def sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event, ensure_ascii=False).encode())
        for event in events
    )


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(EventReader, sse(EVENTS), data)


def test_a_stream_says_text_thinking_and_calls() -> None:
    answer = streamed(EventReader)
    out = answer.feed(sse(EVENTS))
    said = deltas(out)
    assert answer.finished
    assert "".join(delta.get("reasoning_content", "") for delta in said) == "hm 想"
    assert "".join(delta.get("content", "") for delta in said) == "four 厘"
    calls = [call for delta in said for call in delta.get("tool_calls", ())]
    assert [(call["index"], call["id"]) for call in calls if "id" in call] == [(0, "toolu_1"), (1, "toolu_2")]
    arguments = ["".join(call["function"]["arguments"] for call in calls if call["index"] == at) for at in (0, 1)]
    assert arguments == ['{"a":4}', "{}"]
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert (answer.upstream_id, answer.model, answer.service_tier) == ("msg_1", "claude-x", "standard")
    assert answer.usage is not None
    assert json.loads(answer.usage) == USAGE


# A search: the blocks before it, the vendor's own call and its result, and words that cite what was found.
PAGE = {"type": "web_search_result_location", "url": "https://example.com/厘", "title": "厘", "encrypted_index": "E",
        "cited_text": "ten mills"}  # fmt: skip
QUOTE = {"type": "char_location", "document_index": 0, "start_char_index": 0, "end_char_index": 2, "cited_text": "x"}
SEARCHED: list[dict[str, Any]] = [
    {"type": "text", "text": "I look it up. "},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "mills"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
        {"type": "web_search_result", "url": PAGE["url"], "title": "厘", "encrypted_content": "X", "page_age": None}]},
    {"type": "text", "text": "一分 is ten mills", "citations": [PAGE, QUOTE]},
    {"type": "text", "text": ".", "citations": None},
]  # fmt: skip
CITED = {
    "type": "url_citation",
    "url_citation": {"url": PAGE["url"], "title": "厘", "start_index": 14, "end_index": 29},
}
FOUND = USAGE | {"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0}}


def searching() -> bytes:
    events: list[dict[str, Any]] = [EVENTS[0]]
    for at, block in enumerate(SEARCHED):
        begun = block | {"text": "", "citations": []} if block["type"] == "text" else block
        events.append({"type": "content_block_start", "index": at, "content_block": begun})
        more: list[dict[str, Any]] = [
            {"type": "citations_delta", "citation": one} for one in block.get("citations") or ()
        ]
        if block["type"] == "text":
            more.insert(1, {"type": "text_delta", "text": block["text"]})
        elif block["type"] == "server_tool_use":
            more.append({"type": "input_json_delta", "partial_json": '{"query":"mills"}'})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in more]
        events.append({"type": "content_block_stop", "index": at})
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": FOUND}
    return sse([*events, ending, {"type": "message_stop"}])


@given(st.data())
def test_what_was_searched_for_is_cited_however_a_stream_is_cut(data: st.DataObject) -> None:
    same_however_cut(EventReader, searching(), data)


def test_words_that_come_of_a_search_name_their_source_and_no_call_of_it_is_the_callers() -> None:
    answer = streamed(EventReader)
    said = deltas(answer.feed(searching()))
    text = "".join(delta.get("content", "") for delta in said)
    assert [one for delta in said for one in delta.get("annotations", ())] == [CITED]
    assert text[14:29] == "一分 is ten mills"
    assert not any("tool_calls" in delta for delta in said)
    assert answer.usage is not None
    assert meters(answer.usage)["searches"] == 2
    whole = gathered(MessageReader, json.dumps(MESSAGE | {"content": SEARCHED, "stop_reason": "end_turn"}).encode())
    message = whole["choices"][0]["message"]
    assert message == {"role": "assistant", "content": text, "annotations": [CITED]}


def test_thinking_that_has_to_be_given_back_comes_whole_with_its_signature() -> None:
    told = [block for delta in deltas(streamed(EventReader).feed(sse(EVENTS)))
            for block in delta.get("thinking_blocks", ())]  # fmt: skip
    assert told == [{"index": at, **block} for at, block in enumerate(BLOCKS[:2])]


def test_one_piece_says_the_same() -> None:
    body = gathered(MessageReader, json.dumps(MESSAGE).encode())
    message = body["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "four 厘",
        "reasoning_content": "hm 想",
        "thinking_blocks": BLOCKS[:2],
        "tool_calls": [
            {"id": "toolu_1", "type": "function", "function": {"name": "add", "arguments": '{"a":4}'}},
            {"id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["usage"] == USAGE


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("max_tokens", "length"),
     ("model_context_window_exceeded", "length"), ("refusal", "content_filter"), ("tool_use", "tool_calls")],
)  # fmt: skip
def test_why_an_answer_ended(reason: str, finish: str) -> None:
    body = gathered(MessageReader, json.dumps({**MESSAGE, "stop_reason": reason}).encode())
    assert body["choices"][0]["finish_reason"] == finish


def test_a_stream_without_its_end_is_not_whole_and_the_prompts_tokens_are_a_running_total() -> None:
    answer = streamed(EventReader)
    answer.feed(sse(EVENTS[:3]))
    assert answer.usage is None
    answer.feed(sse(EVENTS[3:12]))
    answer.end()
    assert (answer.begun, answer.finished, answer.partial) == (True, False, True)
    assert answer.usage is not None
    assert json.loads(answer.usage) == STARTED
    assert answer.uncounted() == answer.counted() == 6


def test_an_error_in_the_middle_ends_the_answer() -> None:
    answer = streamed(EventReader)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    answer.feed(sse([*EVENTS[:12], error]))
    assert answer.error is not None
    assert json.loads(answer.error) == error


# Usage


def test_the_meters_of_usage_are_disjoint() -> None:
    assert meters(json.dumps(USAGE).encode()) == {"input": 20, "cached_input": 64, "output": 18, "reasoning": 12}


def test_caches_of_five_minutes_and_of_an_hour_are_metered_apart() -> None:
    usage = {"input_tokens": 3, "output_tokens": 5, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 7,
             "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
             "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0}}  # fmt: skip
    assert meters(json.dumps(usage).encode()) == {
        "input": 3, "cached_input": 7, "cache_write": 10, "cache_write_1h": 20, "output": 5, "searches": 2,
    }  # fmt: skip
    del usage["cache_creation"]
    assert meters(json.dumps(usage).encode())["cache_write"] == 30


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 3},
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": 3, "output_tokens": 1.5},
        {"input_tokens": 3, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}},
        {"input_tokens": 3, "output_tokens": 5, "cache_creation_input_tokens": 4,
         "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}},
    ],
)  # fmt: skip
def test_usage_that_does_not_count_is_refused(usage: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        meters(json.dumps(usage).encode())


# Requests


def said(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": messages, **members}).encode())
    body = messages_body(ask, decoded(ask), "claude-x", ask.output_limit or 99, "Vendor")
    sent: dict[str, Any] = json.loads(msgspec.json.encode(body))
    return sent


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


USER = {"role": "user", "content": "hi"}


def test_system_messages_stand_apart_and_turns_of_one_role_are_one() -> None:
    body = said(
        {"role": "system", "content": "be brief"}, USER, {"role": "user", "content": "there"},
        {"role": "developer", "content": "and kind"}, {"role": "assistant", "content": "yes"}, USER,
    )  # fmt: skip
    assert body["system"] == [text("be brief"), text("and kind")]
    assert body["messages"] == [
        {"role": "user", "content": [text("hi"), text("there")]},
        {"role": "assistant", "content": [text("yes")]},
        {"role": "user", "content": [text("hi")]},
    ]
    assert (body["model"], body["max_tokens"], "stream" in body) == ("claude-x", 99, False)


def test_results_of_tools_belong_to_the_users_turn() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 4}'}}
    body = said(USER, {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "t1", "content": "5"}, {"role": "user", "content": "so?"})  # fmt: skip
    assert body["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 4}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [text("5")]}, text("so?")]},
    ]  # fmt: skip


def test_thinking_goes_back_as_it_came() -> None:
    told = [{"index": at, **block} for at, block in enumerate(BLOCKS[:2])]
    body = said(USER, {"role": "assistant", "content": "four", "thinking_blocks": told}, USER)
    assert body["messages"][1]["content"] == [*BLOCKS[:2], text("four")]


def test_images_documents_and_marks_for_the_cache() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    parts = [
        text("look") | {"cache_control": mark},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]
    [turn] = said({"role": "user", "content": parts})["messages"]
    assert turn["content"] == [
        {"type": "text", "text": "look", "cache_control": mark},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "document", "title": "a.pdf",
         "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
    ]  # fmt: skip


TOOL = {"type": "function", "function": {"name": "add", "description": "adds", "strict": True,
                                         "parameters": {"type": "object"}}}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}}, {"type": "tool", "name": "add"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False, "tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_tools_and_which_of_them_are_called(members: dict[str, Any], choice: dict[str, Any] | None) -> None:
    body = said(USER, tools=[TOOL, {"type": "function", "function": {"name": "now"}}], **members)
    assert body["tools"] == [
        {"name": "add", "description": "adds", "strict": True, "input_schema": {"type": "object"}},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert body.get("tool_choice") == choice


def test_sampling_stops_and_who_asks() -> None:
    body = said(USER, stop="end", temperature=0.5, top_p=0.9, top_k=3, user="me", service_tier="default", stream=True,
                frequency_penalty=0, max_tokens=7)  # fmt: skip
    assert body["stop_sequences"] == ["end"]
    assert (body["temperature"], body["top_p"], body["top_k"], body["max_tokens"]) == (0.5, 0.9, 3, 7)
    assert (body["metadata"], body["service_tier"], body["stream"]) == ({"user_id": "me"}, "standard_only", True)


@pytest.mark.parametrize(
    ("messages", "members", "param"),
    [
        ([USER], {"temperature": 1.5}, "temperature"),
        ([USER], {"presence_penalty": 0.1}, "presence_penalty"),
        ([USER], {"response_format": {"type": "json_object"}}, "response_format"),
        ([USER], {"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ([USER], {"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ([{"role": "function", "content": "x"}], {}, "messages[0].role"),
        ([{"role": "tool", "content": "x"}], {}, "messages[0].tool_call_id"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}],
         {}, "messages[0].content[0]"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:oops"}}]}],
         {}, "messages[0].content[0]"),
        ([USER, {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": "[1]"}}]}],
         {}, "messages[1].tool_calls[0].function.arguments"),
    ],
)  # fmt: skip
def test_what_the_dialect_cannot_say_is_refused(
    messages: list[dict[str, Any]], members: dict[str, Any], param: str
) -> None:
    with pytest.raises(CallRefused) as refused:
        said(*messages, **members)
    assert (refused.value.code, refused.value.param) == (Code.INVALID_VALUE, param)
