from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from cut_anywhere import chunks, deltas, gathered, same_however_cut, streamed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.gemini import ContentReader, contents_body, meters, told
from fenli.wire.gemini.request import UNSIGNED
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import decoded

USAGE = {"promptTokenCount": 84, "cachedContentTokenCount": 64, "candidatesTokenCount": 18, "thoughtsTokenCount": 12,
         "totalTokenCount": 114, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 84}]}  # fmt: skip
CALL = {"functionCall": {"id": "fc1", "name": "add", "args": {"a": 4}}, "thoughtSignature": "c2ln"}
NAMELESS = {"functionCall": {"name": "now"}}


def response(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1", **more}


RESPONSES = [
    response({"text": "hm 想", "thought": True}, usageMetadata={"promptTokenCount": 84, "totalTokenCount": 84}),
    response({"text": "four "}),
    response({"text": "厘"}),
    response(CALL),
    response(NAMELESS),
    response({"text": "", "thoughtSignature": "dGV4dA=="}, finish="STOP", usageMetadata=USAGE),
]
WHOLE = response(
    {"text": "hm 想", "thought": True}, {"text": "four 厘", "thoughtSignature": "dGV4dA=="}, CALL, NAMELESS,
    finish="STOP", usageMetadata=USAGE,
)  # fmt: skip


def sse(responses: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(one, ensure_ascii=False).encode() for one in responses)


@given(st.data())
def test_however_a_stream_is_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    same_however_cut(ContentReader, sse(RESPONSES), data)


def test_a_stream_says_text_thinking_calls_and_signatures() -> None:
    answer = streamed(ContentReader)
    out = answer.feed(sse(RESPONSES))
    answer.end()
    assert answer.finished
    said = deltas(out)
    assert "".join(delta.get("reasoning_content", "") for delta in said) == "hm 想"
    assert "".join(delta.get("content", "") for delta in said) == "four 厘"
    assert [call for delta in said for call in delta.get("tool_calls", ())] == [
        {"index": 0, "id": "fc1", "type": "function", "function": {"name": "add", "arguments": '{"a": 4}'},
         "extra_content": {"google": {"thought_signature": "c2ln"}}},
        {"index": 1, "id": "fenli_r1_0_1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]  # fmt: skip
    assert [delta["extra_content"] for delta in said if "extra_content" in delta] == [
        {"google": {"thought_signature": "dGV4dA=="}}
    ]
    assert chunks(out)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert (answer.upstream_id, answer.model, answer.partial) == ("r1", "gemini-x", False)
    assert answer.usage is not None
    assert json.loads(answer.usage) == USAGE


def test_one_piece_says_the_same() -> None:
    body = gathered(ContentReader, json.dumps(WHOLE).encode())
    message = body["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("four 厘", "hm 想")
    assert message["extra_content"] == {"google": {"thought_signature": "dGV4dA=="}}
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["add", "now"]
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert body["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("CONTINUATION", "length"), ("SAFETY", "content_filter"),
     ("RECITATION", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"),
     ("A_REASON_FROM_TOMORROW", "content_filter")],
)  # fmt: skip
def test_why_an_answer_ended(reason: str, finish: str) -> None:
    body = gathered(ContentReader, json.dumps(response({"text": "x"}, finish=reason)).encode())
    assert body["choices"][0]["finish_reason"] == finish


def test_a_stream_that_names_no_reason_is_not_whole_and_its_usage_is_a_running_total() -> None:
    answer = streamed(ContentReader)
    answer.feed(sse(RESPONSES[:3]))
    answer.end()
    assert (answer.begun, answer.finished, answer.partial) == (True, False, True)
    assert answer.uncounted() == 2  # two parts since the usage


@pytest.mark.parametrize(
    "refusing",
    [
        {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}},
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}},
    ],
)
def test_a_failure_inside_a_200_is_told_in_the_vendors_words(refusing: dict[str, Any]) -> None:
    answer = streamed(ContentReader)
    answer.feed(sse([refusing]))
    assert answer.error is not None
    assert json.loads(answer.error) == refusing
    assert not answer.begun


def test_an_answer_that_the_model_broke_is_a_failure_that_is_paid_for() -> None:
    answer = streamed(ContentReader)
    answer.feed(sse([response(finish="MALFORMED_FUNCTION_CALL", usageMetadata=USAGE)]))
    assert answer.error is not None
    assert told(answer.error).codes == ("MALFORMED_FUNCTION_CALL",)
    assert answer.usage is not None


def test_several_answers_are_told_apart() -> None:
    both = response({"text": "one"}, finish="STOP")
    both["candidates"].append({"content": {"parts": [{"text": "two"}]}, "finishReason": "STOP", "index": 1})
    answer = streamed(ContentReader, choices=2)
    said = [choice for chunk in chunks(answer.feed(sse([both]))) for choice in chunk["choices"]]
    assert [(one["index"], one["delta"].get("content")) for one in said if "content" in one["delta"]] == [
        (0, "one"), (1, "two"),
    ]  # fmt: skip


# Probabilities


def chosen(*tokens: str) -> list[dict[str, Any]]:
    return [{"token": token, "tokenId": 7, "logProbability": -0.5} for token in tokens]


@pytest.mark.parametrize(
    ("result", "tokens"),
    [
        ({"chosenCandidates": chosen("四", "厘"), "logProbabilitySum": -1,
          "topCandidates": [{"candidates": chosen("五", "四")}, {}]}, [("四", -0.5, ["五", "四"]), ("厘", -0.5, [])]),
        ({"chosenCandidates": [*chosen("四"), {"token": "厘"}]}, [("四", -0.5, []), ("厘", 0, [])]),  # certain
        ({"topCandidates": [{"candidates": chosen("五")}]}, []),
    ],
)  # fmt: skip
def test_probabilities_are_told_as_openai_has_them(result: dict[str, Any], tokens: list[Any]) -> None:
    sent = response({"text": "四厘"}, finish="STOP")
    sent["candidates"][0]["logprobsResult"] = result
    told = [
        one["choices"][0].get("logprobs") or {"content": []}
        for one in chunks(streamed(ContentReader).feed(sse([sent])))
    ]
    for content in (
        [one for part in told for one in part["content"]],
        gathered(ContentReader, json.dumps(sent).encode())["choices"][0].get("logprobs", told[0])["content"],
    ):
        assert [
            (one["token"], one["logprob"], [top["token"] for top in one["top_logprobs"]]) for one in content
        ] == tokens
        assert all(one["bytes"] is None for one in content)


# Searches


def grounded(*queries: str, **segment: Any) -> dict[str, Any]:
    chunks = [{"web": {"uri": "https://a.example/", "title": "A"}}, {"retrievedContext": {"uri": "gs://b"}},
              {"web": {"uri": "https://c.example/"}}]  # fmt: skip
    supports = [{"segment": segment, "groundingChunkIndices": [0, 1, 2, 9], "confidenceScores": [1]}] if segment else []
    return {
        "webSearchQueries": list(queries), "groundingChunks": chunks, "groundingSupports": supports,
        "searchEntryPoint": {"renderedContent": "<div>"},
    }  # fmt: skip


def searched(model: str, found: dict[str, Any], usage: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    told = [response({"text": "一厘 is "}), response({"text": "a mill."}, finish="STOP")]
    told[-1]["candidates"][0]["groundingMetadata"] = found
    tokens = {"promptTokenCount": 5, "candidatesTokenCount": 3, "totalTokenCount": 8, **(usage or {})}
    return [one | {"modelVersion": model, "usageMetadata": tokens} for one in told]


def reader() -> ContentReader:
    return ContentReader(searches=True)


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ({"endIndex": 6, "text": "一厘"}, {"start_index": 0, "end_index": 2}),
        ({"startIndex": 7, "endIndex": 9}, {"start_index": 3, "end_index": 5}),
        ({"startIndex": 3, "endIndex": 99, "text": "a mill"}, {"start_index": 6, "end_index": 12}),
        ({"startIndex": 1, "endIndex": 4, "text": "elsewhere"}, {}),
    ],
)
def test_sources_name_their_place_in_characters_where_it_is_in_the_text(
    segment: dict[str, Any], place: dict[str, int]
) -> None:
    found = grounded("", "mills", **segment)
    said = deltas(streamed(reader).feed(sse(searched("gemini-3.5-flash", found))))
    cited = [one["url_citation"] for delta in said for one in delta.get("annotations", ())]
    assert cited == [
        {"url": "https://a.example/", "title": "A"} | place,
        {"url": "https://c.example/", "title": ""} | place,
    ]
    plain = deltas(streamed(ContentReader).feed(sse(searched("gemini-3.5-flash", found))))
    assert not any("annotations" in delta for delta in plain)


@given(st.data())
def test_sources_are_the_same_however_the_stream_is_cut(data: st.DataObject) -> None:
    same_however_cut(reader, sse(searched("gemini-3.5-flash", grounded("", "a", "b", endIndex=6))), data)


@pytest.mark.parametrize(
    ("model", "queries", "searches"),
    [
        ("gemini-3.5-flash", ("mills", "", "cents", "mills"), 2),
        ("gemini-2.5-flash", ("mills", "cents"), 1),
        ("gemini-2.5-flash", (), 0),
    ],
)
def test_a_search_is_a_query_or_a_prompt(model: str, queries: tuple[str, ...], searches: int) -> None:
    answer = streamed(reader)
    answer.feed(sse(searched(model, grounded("", *queries))))
    answer.end()
    assert answer.finished
    assert answer.usage is not None
    assert meters(answer.usage).get("searches", 0) == searches
    assert gathered(reader, json.dumps(searched(model, grounded("", *queries))[-1]).encode())["choices"][0]["message"]


def test_a_search_that_shows_in_the_tokens_alone_costs_nobody_knows_what() -> None:
    answer = streamed(reader)
    answer.feed(sse(searched("gemini-3.5-flash", {}, {"toolUsePromptTokenCount": 70, "totalTokenCount": 78})))
    assert answer.usage is not None
    with pytest.raises(UsageError, match="does not tell how often"):
        meters(answer.usage)


# Usage


def test_the_meters_of_usage_are_disjoint() -> None:
    assert meters(json.dumps(USAGE).encode()) == {"input": 20, "cached_input": 64, "output": 18, "reasoning": 12}


def test_results_of_tools_are_input_and_sound_has_meters_of_its_own() -> None:
    usage = {"promptTokenCount": 50, "cachedContentTokenCount": 20, "toolUsePromptTokenCount": 7,
             "candidatesTokenCount": 9, "totalTokenCount": 66,
             "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}, {"modality": "TEXT", "tokenCount": 20}],
             "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 12}]}  # fmt: skip
    assert meters(json.dumps(usage).encode()) == {
        "input": 19, "cached_input": 8, "audio_input": 18, "cached_audio_input": 12, "output": 9,
    }  # fmt: skip


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"promptTokenCount": -1},
        {"promptTokenCount": 5, "cachedContentTokenCount": 6},
        {"promptTokenCount": 5, "candidatesTokenCount": 6, "totalTokenCount": 12},
    ],
)
def test_usage_that_does_not_count_is_refused(usage: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        meters(json.dumps(usage).encode())


def test_errors_name_reasons_quotas_and_the_wait() -> None:
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.0748s"},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "X", "metadata": {"a": "b"}},
    ]
    error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": details}}
    for body in (error, [error]):
        found = told(json.dumps(body).encode())
        assert found.codes == ("RESOURCE_EXHAUSTED", "X", "RequestsPerDay", "429")
        assert (found.message, found.wait_ms) == ("slow", 34_074)
    assert told(b"<html>") == told(b"[]") == told(b"{}")


# Requests


def said(*messages: dict[str, Any], signed: bool = False, **members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "m", "messages": messages, **members}).encode())
    body = contents_body(ask, decoded(ask), "Vendor", signed=signed)
    sent: dict[str, Any] = json.loads(msgspec.json.encode(body))
    return sent


USER = {"role": "user", "content": "hi"}
ADD = {"id": "fc1", "type": "function", "function": {"name": "add", "arguments": '{"a": 4}'}}
NOW = {"id": "fenli_r1_0_1", "type": "function", "function": {"name": "now", "arguments": ""}}
SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}


def test_system_messages_stand_apart_and_turns_of_one_role_are_one() -> None:
    body = said({"role": "system", "content": "be brief"}, USER, USER, {"role": "assistant", "content": "yes"})
    assert body == {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}, {"text": "hi"}]},
            {"role": "model", "parts": [{"text": "yes"}]},
        ],
    }


def test_calls_go_back_with_their_signatures_and_results_name_their_function() -> None:
    body = said(
        USER,
        {"role": "assistant", "content": "so", "tool_calls": [ADD | SIGNED, NOW], **SIGNED},
        {"role": "tool", "tool_call_id": "fc1", "content": '{"sum": 5}'},
        {"role": "tool", "tool_call_id": "fenli_r1_0_1", "content": "noon"},
    )
    assert body["contents"][1:] == [
        {"role": "model", "parts": [{"text": "so", "thoughtSignature": "c2ln"}, CALL,
                                    {"functionCall": {"name": "now", "args": {}}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "fc1", "name": "add", "response": {"sum": 5}}},
            {"functionResponse": {"name": "now", "response": {"output": "noon"}}}]},
    ]  # fmt: skip


def test_calls_that_another_model_made_say_so_where_a_signature_is_wanted() -> None:
    history = [USER, {"role": "assistant", "tool_calls": [ADD, NOW]}]
    signed = [[part.get("thoughtSignature") for part in said(*history, signed=want)["contents"][1]["parts"]]
              for want in (True, False)]  # fmt: skip
    assert signed == [[UNSIGNED, None], [None, None]]


def test_what_is_generated_and_how() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    body = said(USER, temperature=0.5, top_p=0.9, top_k=3, seed=7, presence_penalty=0.1, max_tokens=9, n=2, stop=["a"],
                response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})  # fmt: skip
    assert body["generationConfig"] == {
        "temperature": 0.5, "topP": 0.9, "topK": 3, "seed": 7, "presencePenalty": 0.1, "maxOutputTokens": 9,
        "candidateCount": 2, "stopSequences": ["a"], "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }  # fmt: skip
    assert said(USER, logprobs=True, top_logprobs=3)["generationConfig"] == {"responseLogprobs": True, "logprobs": 3}
    assert "generationConfig" not in said(USER, logprobs=False, top_logprobs=0)
    own = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    assert said(USER, safetySettings=own)["safetySettings"] == own
    assert said(USER, response_format={"type": "json_object"})["generationConfig"] == {
        "responseMimeType": "application/json"
    }


TOOL = {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("members", "calling"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"mode": "AUTO"}),
        ({"tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "required"}, {"mode": "ANY"}),
        ({"tool_choice": {"type": "function", "function": {"name": "add"}}},
         {"mode": "ANY", "allowedFunctionNames": ["add"]}),
    ],
)  # fmt: skip
def test_tools_and_which_of_them_are_called(members: dict[str, Any], calling: dict[str, Any] | None) -> None:
    body = said(USER, tools=[TOOL], **members)
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "add", "description": "adds", "parametersJsonSchema": {"type": "object"}}]}
    ]
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling


def test_images_sound_and_files_are_written_out() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}},
    ]
    [turn] = said({"role": "user", "content": parts})["contents"]
    assert turn["parts"] == [
        {"inlineData": {"mimeType": kind, "data": data}}
        for kind, data in (("image/png", "iVBO"), ("audio/wav", "UklG"), ("application/pdf", "JVBE"))
    ]


@pytest.mark.parametrize(
    ("messages", "members", "param"),
    [
        ([USER], {"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        ([USER], {"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ([USER], {"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ([{"role": "function", "content": "x"}], {}, "messages[0].role"),
        ([{"role": "tool", "tool_call_id": "unheard", "content": "x"}], {}, "messages[0].tool_call_id"),
        ([USER, {"role": "assistant", "tool_calls": [ADD]},
          {"role": "tool", "tool_call_id": "fc1", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}],
         {}, "messages[2].content[0]"),
        ([USER], {"response_format": {"type": "grammar"}}, "response_format"),
        ([USER], {"response_format": {"type": "json_schema"}}, "response_format"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}],
         {}, "messages[0].content[0]"),
    ],
)  # fmt: skip
def test_what_the_dialect_cannot_say_is_refused(
    messages: list[dict[str, Any]], members: dict[str, Any], param: str
) -> None:
    with pytest.raises(CallRefused) as refused:
        said(*messages, **members)
    assert (refused.value.code, refused.value.param) == (Code.INVALID_VALUE, param)
