"""What DashScope alone does: paths by what there is to see, models that only stream, events that repeat it all."""

from __future__ import annotations

import json

import pytest
from native_calls import Native

from fenli.errors import Kind
from fenli.market.replies import Reply, ToolCall
from fenli.wire.openai_chat import parse_request

SEEN = [
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "text", "text": "What is it?"},
        ],
    }
]
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
REPLY = Reply(text="一分等于十厘", reasoning="想一想", tool_calls=(ToolCall("add", '{"a": "分"}'),))


@BOTH
def test_models_that_see_are_asked_where_they_are(stream: bool) -> None:
    told = Native("alibaba-native", "qwen-vl-plus", Reply(text="An abacus.")).call(stream=stream, messages=SEEN)
    assert (told.failure, told.text) == (None, "An abacus.")
    told = Native("alibaba-native", "qwen-vl-plus", Reply(text="Hi.")).call(stream=stream)
    assert (told.failure, told.text) == (None, "Hi.")


@BOTH
def test_a_model_without_eyes_says_so(stream: bool) -> None:
    told = Native("alibaba-native", "qwen-plus").call(stream=stream, messages=SEEN)
    assert told.failure is not None
    assert told.failure.kind is Kind.BAD_REQUEST


@BOTH
def test_a_model_that_only_streams_answers_in_one_piece_too(stream: bool) -> None:
    told = Native("alibaba-native", "qwq-plus", Reply(text="ten", reasoning="hm")).call(stream=stream)
    assert (told.failure, told.reasoning, told.text, told.finish) == (None, "hm", "ten", "stop")


@BOTH
@pytest.mark.parametrize("piece", [1, 4096])
def test_totals_are_told_as_increments_are(stream: bool, piece: int) -> None:
    for incremental in (True, False):
        native = Native("alibaba-native", "qwen-plus", REPLY, piece=piece)
        told = native.call(stream=stream, incremental_output=incremental)
        assert (told.text, told.reasoning) == (REPLY.text, REPLY.reasoning)
        assert told.calls == [{"name": "add", "arguments": '{"a": "分"}'}]
        assert told.usage is not None
        assert told.usage["output"] + told.usage["reasoning"] == native.serving.completion_tokens


def test_events_that_repeat_it_all_do_repeat_it() -> None:
    native = Native("alibaba-native", "qwen-plus", Reply(text="four mills and a half"))
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "incremental_output": False}
    request = native.request(parse_request(json.dumps(body).encode()))
    heard = native.face.ask(request)
    events = [json.loads(line[5:]) for line in heard.body.split(b"\n") if line.startswith(b"data:")]
    texts = [event["output"]["choices"][0]["message"]["content"] for event in events]
    assert texts[-1] == "four mills and a half"
    assert all(texts[-1].startswith(text) for text in texts)
    assert b"[DONE]" not in heard.body


@BOTH
def test_what_it_found_is_told_and_each_search_is_counted(stream: bool) -> None:
    native = Native("alibaba-native", "qwen-plus", Reply(text="Ten mills."))
    told = native.call(stream=stream, fenli={"search": True})
    assert told.text == "Ten mills."
    assert told.usage is not None
    assert told.usage["searches"] == 1
    assert [source["title"] for source in told.beside["search_info"]["search_results"]] == ["A source"]
    plain = native.call(stream=stream)
    assert (plain.beside, "searches" in (plain.usage or {})) == ({}, False)


@BOTH
def test_a_tools_result_goes_back(stream: bool) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "8"},
    ]
    told = Native("alibaba-native", "qwen-plus", Reply(text="Eight.")).call(stream=stream, messages=turns)
    assert (told.failure, told.text) == (None, "Eight.")
