from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from translated_answers import Told, cuts, events, gathered, streamed

from fenli.errors import CallRefused, UsageError
from fenli.vendors.catalog import VENDORS
from fenli.wire.dashscope import (
    GenerationReader,
    TotalsReader,
    Turn,
    as_parts,
    as_text,
    generation,
    is_multimodal,
    tells_totals,
)
from fenli.wire.frames import EventFrames
from fenli.wire.openai_chat import parse_request
from fenli.wire.translated import TranslatedWhole, Translation

USAGE = {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29}


def sent(said: Any = as_text, **members: Any) -> dict[str, Any]:
    ask = parse_request(json.dumps({"model": "public", "messages": [], **members}).encode())
    body: dict[str, Any] = json.loads(generation(ask, b'"qwen-plus"', "Qwen", said))
    return body


def event(text: str = "", finish: str = "null", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": text, **message}
    return {"request_id": "r-1", "output": {"choices": [{"message": said, "finish_reason": finish}]}, "usage": USAGE}


def call(arguments: str, name: str = "", number: str = "") -> list[dict[str, Any]]:
    return [{"index": 0, "id": number, "type": "function", "function": {"name": name, "arguments": arguments}}]


INCREMENTS = events(
    event(reasoning_content="想一"),
    event(reasoning_content="想"),
    event("四"),
    event("厘"),
    event(tool_calls=call('{"a"', "add", "call_1")),
    event(tool_calls=call(":4}")),
    event(finish="tool_calls"),
    name="result",
)
TOTALS = events(
    event(reasoning_content="想一"),
    event(reasoning_content="想一想"),
    event("四", reasoning_content="想一想"),
    event("四厘", reasoning_content="想一想"),
    event("四厘", tool_calls=call('{"a"', "add", "call_1")),
    event("四厘", tool_calls=call('{"a":4}', "add", "call_1")),
    event("四厘", tool_calls=call('{"a":4}', "add", "call_1"), finish="tool_calls"),
    name="result",
)
SAID = Told(
    text="四厘",
    reasoning="想一想",
    calls=[{"id": "call_1", "name": "add", "arguments": '{"a":4}'}],
    finish=["tool_calls"],
    usage=USAGE,
    finished=True,
    id="r-1",
)


def test_messages_are_the_input_and_all_else_are_parameters() -> None:
    body = sent(
        messages=[{"role": "user", "content": "hi"}], stream=True, max_tokens=7, temperature=0.5, enable_search=True,
        tools=[{"type": "function", "function": {"name": "f"}}], user="somebody",
    )  # fmt: skip
    assert body == {
        "model": "qwen-plus",
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "parameters": {
            "result_format": "message",
            "incremental_output": True,
            "temperature": 0.5,
            "enable_search": True,
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "max_tokens": 7,
        },
    }


@pytest.mark.parametrize(
    ("member", "value"), [("logit_bias", {"1": 2}), ("modalities", ["audio"]), ("frequency_penalty", 0.5)]
)
def test_what_it_has_no_word_for_is_refused_by_name(member: str, value: Any) -> None:
    with pytest.raises(CallRefused) as refused:
        sent(**{member: value})
    assert refused.value.param == member


def test_text_models_take_text_and_keep_parts_that_are_to_be_cached() -> None:
    plain = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    marked = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]
    called: Turn = {"role": "assistant", "content": None, "tool_calls": call("{}", "f", "c1")}
    turns = [{"role": "system", "content": marked}, {"role": "user", "content": plain}, called]
    assert sent(messages=turns)["input"]["messages"] == [
        {"role": "system", "content": marked},
        {"role": "user", "content": "ab"},
        {**called, "content": ""},
    ]


def test_multimodal_models_take_parts_without_a_type() -> None:
    parts = [
        {"type": "text", "text": "what?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}, "max_pixels": 9},
        {"type": "video_url", "video_url": {"url": "https://x/v.mp4"}},
        {"type": "video", "video": ["https://x/1.jpg", "https://x/2.jpg"]},
        {"type": "input_audio", "input_audio": {"data": "data:;base64,AA==", "format": "wav"}},
    ]
    body = sent(as_parts, messages=[{"role": "system", "content": "s"}, {"role": "user", "content": parts}])
    assert body["input"]["messages"] == [
        {"role": "system", "content": [{"text": "s"}]},
        {
            "role": "user",
            "content": [
                {"text": "what?"},
                {"image": "data:image/png;base64,AA==", "max_pixels": 9},
                {"video": "https://x/v.mp4"},
                {"video": ["https://x/1.jpg", "https://x/2.jpg"]},
                {"audio": "data:;base64,AA=="},
            ],
        },
    ]


@pytest.mark.parametrize("content", [[{"type": "file", "file": {}}], [{"type": "image_url"}], ["text"]])
def test_a_part_that_cannot_be_said_is_refused(content: list[Any]) -> None:
    with pytest.raises(CallRefused) as refused:
        sent(as_parts, messages=[{"role": "user", "content": content}])
    assert refused.value.param == "messages"


def test_only_parts_that_are_not_text_make_a_request_multimodal() -> None:
    speaks = [{"role": "user", "content": [{"type": "text", "text": 'write "image_url" and "data:"'}]}]
    shows = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/i.png"}}]}]
    for messages, wanted in ((speaks, False), (shows, True)):
        ask = parse_request(json.dumps({"model": "m", "messages": messages}).encode())
        assert is_multimodal(ask) is wanted


def test_the_caller_may_have_totals() -> None:
    for extra, wanted in (("", False), (',"incremental_output":true', False), (',"incremental_output":false', True)):
        assert tells_totals(parse_request(f'{{"model":"m","messages":[]{extra}}}'.encode())) is wanted
    assert sent(stream=True, incremental_output=False)["parameters"]["incremental_output"] is False


@given(st.data())
def test_increments_and_totals_say_the_same_however_they_are_cut(data: st.DataObject) -> None:
    reader, whole = data.draw(st.sampled_from([(GenerationReader, INCREMENTS), (TotalsReader, TOTALS)]))
    assert streamed(reader, EventFrames(), *cuts(data, whole)) == SAID


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8))
def test_totals_of_any_text_add_up_to_it(pieces: list[str]) -> None:
    totals = ["".join(pieces[: at + 1]) for at in range(len(pieces))]
    body = events(*map(event, totals), event(totals[-1], "stop"))
    assert streamed(TotalsReader, EventFrames(), body).text == "".join(pieces)


def test_a_model_that_cannot_but_send_increments_is_understood() -> None:
    body = events(event("一"), event("二"), event("二"), event("", "stop"))
    assert streamed(TotalsReader, EventFrames(), body).text == "一二二"


def test_one_piece_says_the_same() -> None:
    body = json.dumps(
        event("四厘", "tool_calls", reasoning_content="想一想", tool_calls=call('{"a":4}', "add", "call_1"))
    )
    assert gathered(GenerationReader, body.encode()) == SAID


def test_multimodal_answers_come_in_parts_and_old_ones_as_bare_text() -> None:
    parts = {"output": {"choices": [{"message": {"content": [{"text": "a"}, {"text": "b"}]}, "finish_reason": "stop"}]}}
    bare = {"output": {"text": "ab", "finish_reason": "stop"}}
    for body in (parts, bare):
        told = gathered(GenerationReader, json.dumps(body).encode())
        assert (told.text, told.finish, told.usage) == ("ab", ["stop"], None)


def test_what_it_found_by_searching_is_passed_on_once() -> None:
    found = {"search_results": [{"index": 1, "title": "分", "url": "https://x"}]}
    one, two = event("a"), event("b", "stop")
    one["output"]["search_info"] = two["output"]["search_info"] = found
    told = streamed(GenerationReader, EventFrames(), events(one, two))
    assert (told.text, told.members) == ("ab", {"search_info": found})


def test_a_failure_in_the_middle_is_its_own_words() -> None:
    wrong = {"code": "DataInspectionFailed", "message": "no", "request_id": "r-1"}
    told = streamed(GenerationReader, EventFrames(), events(event("half")), events(wrong, name="error"), INCREMENTS)
    assert (told.text, told.error, told.finished) == ("half", wrong, False)
    assert gathered(GenerationReader, json.dumps(wrong).encode()).error == wrong


def test_a_stream_without_its_last_event_is_not_whole() -> None:
    assert not streamed(GenerationReader, EventFrames(), events(event("half"))).finished


@pytest.mark.parametrize("body", [b"data:[1]\n\n", b'data:{"output":{"choices":7}}\n\n', b"data:no\n\n"])
def test_what_is_not_the_dialect_is_damage(body: bytes) -> None:
    assert streamed(GenerationReader, EventFrames(), body).damage is not None


# Several answers at once: each event tells of one, its usage included.


def one_of(index: int, text: str, written: int, finish: str = "null", thought: int = 0, **usage: Any) -> dict[str, Any]:
    told = {"input_tokens": 20, "output_tokens": written, "total_tokens": 20 + written,
            "output_tokens_details": {"reasoning_tokens": thought}, **usage}  # fmt: skip
    choice = {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return {"request_id": "r-1", "output": {"choices": [choice]}, "usage": told}


BOTH = [one_of(0, "four", 3, thought=1), one_of(1, "ten", 2), one_of(1, " mills", 4, "stop"),
        one_of(0, " mills", 6, "stop", thought=2)]  # fmt: skip


def both_of(told: list[dict[str, Any]]) -> Any:
    make = lambda: GenerationReader(2)  # noqa: E731
    whole = Translation(make, make, lambda raw: raw, "asked", 0, 2)
    answer = TranslatedWhole(EventFrames(), make(), whole)
    answer.feed(events(*told, name="result"))
    answer.end()
    return answer


def test_what_several_answers_used_adds_up_and_was_read_once() -> None:
    answer = both_of(BOTH)
    assert (answer.finished, answer.damage) == (True, None)
    assert json.loads(answer.usage) == {
        "input_tokens": 20, "output_tokens": 10, "total_tokens": 30, "output_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    body = json.loads(answer.tail(None))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["four mills", "ten mills"]


@pytest.mark.parametrize(
    "usage",
    [{"total_tokens": 99}, {"output_tokens": "two"}, {"input_tokens": None}, {"plugins": {"search": {"count": 1}}}],
)
def test_what_several_answers_used_is_never_made_to_fit(usage: dict[str, Any]) -> None:
    answer = both_of([*BOTH[:-1], one_of(0, " mills", 6, "stop", **usage)])
    with pytest.raises(UsageError):
        VENDORS["alibaba-native"].usage(answer.usage)


LOGPROBS = [
    {"token": "四", "logprob": -0.25, "bytes": [229, 155, 155], "top_logprobs": []},
    {"token": "厘", "logprob": -1e-3},
]


def with_logprobs(text: str, logprobs: list[dict[str, Any]], finish: str = "null") -> dict[str, Any]:
    told = event(text, finish)
    told["output"]["choices"][0]["logprobs"] = {"content": logprobs}
    return told


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (GenerationReader, [with_logprobs("四", LOGPROBS[:1]), with_logprobs("厘", LOGPROBS[1:], "stop")]),
        (TotalsReader, [with_logprobs("四", LOGPROBS[:1]), with_logprobs("四厘", LOGPROBS, "stop")]),
    ],
)
def test_probabilities_are_told_once_streamed_or_whole(make: Any, told: list[dict[str, Any]]) -> None:
    sent = events(*told, name="result")
    assert [one for part in streamed(make, EventFrames(), sent).logprobs for one in part["content"]] == LOGPROBS
    assert gathered(make, sent, EventFrames()).logprobs == [{"content": LOGPROBS}]


def test_what_is_asked_of_the_answers_stands_in_the_parameters() -> None:
    asked = {"n": 3, "logprobs": True, "top_logprobs": 2, "ocr_options": {"task": "text_recognition"}}
    parameters = sent(**asked)["parameters"]
    assert asked.items() <= parameters.items()
    assert "n" not in sent(n=1)["parameters"]
