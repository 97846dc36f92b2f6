"""What is no whole answer in another dialect, however it looks."""

from __future__ import annotations

import json

import msgspec
import pytest
from cut_anywhere import NOW, deltas, streamed, translation

from fenli.errors import CallRefused
from fenli.wire.anthropic_messages import EventReader, MessageReader
from fenli.wire.dashscope import GenerationReader
from fenli.wire.frames import LineFrames, WholeFrame
from fenli.wire.gemini import ContentReader
from fenli.wire.minimax.text_v2 import TextV2Reader
from fenli.wire.ollama import ChatReader
from fenli.wire.openai_chat.decoded import Function, ToolCall, arguments_of
from fenli.wire.pangu import PanguReader
from fenli.wire.sensenova import SenseNovaReader
from fenli.wire.tencent_cloud import TencentCloudReader
from fenli.wire.tiangong import TiangongReader
from fenli.wire.translated import CallPart, Said, TranslatedStream, TranslatedWhole, Translation
from fenli.wire.wenxin import WenxinReader


def whole(make, body, choices=1):
    answer = TranslatedWhole(WholeFrame(1 << 20), make(), translation(make, choices))
    answer.feed(json.dumps(body).encode())
    answer.end()
    return answer


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (lambda: WenxinReader(streamed=False), {"msg": "the gateway is busy"}),
        (lambda: PanguReader(streamed=False), {"choices": [{}]}),
        (TencentCloudReader, {"Response": {"Choices": [{"FinishReason": "stop"}]}}),
        (ChatReader, {"done": True}),
        (TiangongReader, {"code": 200, "resp_data": {"status": 3}}),
        (SenseNovaReader, {"data": {"choices": [{"message": "hi", "finish_reason": "null"}]}}),
        (SenseNovaReader, {"data": {"choices": [{"index": 1, "message": "hi", "finish_reason": "stop"}]}}),
        (TextV2Reader, {"object": "chat.completion", "choices": None}),
    ],
)
def test_an_object_of_another_shape_is_no_empty_answer(make, body):
    answer = whole(make, body)
    assert not answer.finished
    assert answer.damage


def test_an_end_mark_alone_is_no_end():
    for make in (SenseNovaReader, TextV2Reader, lambda: PanguReader(streamed=True)):
        answer = streamed(make)
        answer.feed(b"data: [DONE]\n\n")
        answer.end()
        assert (answer.finished, answer.damage) == (False, "the answer ends without a word of how")


def test_an_answer_that_was_asked_for_twice_and_came_once_is_not_whole():
    body = {"choices": [{"index": 0, "message": {"content": "one"}}]}
    assert whole(lambda: PanguReader(streamed=False), body).finished
    answer = whole(lambda: PanguReader(streamed=False), body, choices=2)
    assert (answer.finished, answer.damage) == (False, "the answer names no end")


class Saying:
    """Says what it is told to, one thing for each line."""

    def __init__(self, *said: Said) -> None:
        self._said = iter(said)

    def read(self, name, data):
        return [next(self._said)]


def heard(*said: Said):
    answer = TranslatedStream(
        LineFrames(), Saying(*said), Translation(Saying, Saying, bytes, "m", NOW), wants_usage=False
    )
    answer.feed(b"{}\n" * len(said))
    answer.end()
    return answer


def test_a_call_must_name_its_function_before_the_answer_ends():
    named, nameless = CallPart(0, "a", "look", "{}"), CallPart(1, "b", None, "{}")
    assert heard(Said(calls=(named,)), Said(finish="tool_calls")).finished
    assert heard(Said(calls=(nameless,)), Said(finish="tool_calls")).damage == "it calls a function without a name"
    assert heard(Said(calls=(nameless,)), Said(calls=(CallPart(1, None, "look"),)), Said(finish="tool_calls")).finished


def test_the_end_counts_once_it_has_come():
    assert heard(Said(text="a", finish="stop", ended=True)).finished
    assert not heard(Said(text="a", finish="")).finished
    assert heard(Said(text="a", finish="stop"), Said(ended=True)).finished


def test_a_member_that_is_null_is_one_that_is_not_there():
    said = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
    nothing = {"error": None, "promptFeedback": None, "usageMetadata": None}
    answer = whole(ContentReader, {**said, **nothing})
    assert (answer.finished, answer.error, answer.usage) == (True, None, None)
    late = whole(ContentReader, {"candidates": [], "promptFeedback": {"safetyRatings": []}, "usageMetadata": {}})
    assert (late.finished, late.error) == (False, None)


@pytest.mark.parametrize("reason", ["", None])
def test_a_reason_without_a_word_ends_nothing(reason):
    message = {"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": reason}
    assert not whole(MessageReader, message).finished
    assert not whole(ContentReader, {"candidates": [{"finishReason": reason, "content": {"parts": []}}]}).finished


EXACT = '{"big":123456789012345678901234567890,"small":0.1000000000000000000001,"text":"\\u5398"}'


def arguments(answer):
    (call,) = json.loads(answer.tail(None))["choices"][0]["message"]["tool_calls"]
    return call["function"]["arguments"]


def raw_whole(make, body: str):
    answer = TranslatedWhole(WholeFrame(1 << 20), make(), translation(make))
    answer.feed(body.encode())
    answer.end()
    return answer


def test_the_arguments_of_a_call_are_those_that_the_model_wrote():
    used = '{"type":"message","stop_reason":"tool_use","content":[{"type":"tool_use","id":"a","name":"f","input":%s}]}'
    called = '{"candidates":[{"finishReason":"STOP","content":{"parts":[{"functionCall":{"name":"f","args":%s}}]}}]}'
    line = '{"done":true,"message":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]}}'
    for make, body in ((MessageReader, used), (ContentReader, called), (ChatReader, line)):
        assert arguments(raw_whole(make, body % EXACT)) == EXACT
        assert arguments(raw_whole(make, body % "{}")) == "{}"
        assert arguments(raw_whole(make, body % "null")) == "{}"
    for make, body in ((ContentReader, called), (ChatReader, line)):
        assert raw_whole(make, body % "[1]").damage


def test_the_arguments_of_a_call_go_back_as_they_were_written():
    call = ToolCall("a", function=Function("f", EXACT))
    assert msgspec.json.encode(arguments_of(call, "here")).decode() == EXACT
    assert arguments_of(ToolCall("a", function=Function("f", "")), "here") == {}
    for wrong in ("[]", "1", "{", "[" * 5_000):
        with pytest.raises(CallRefused, match="here must be a JSON object"):
            arguments_of(ToolCall("a", function=Function("f", wrong)), "here")


def test_a_call_without_an_id_gets_one_that_no_other_turn_has():
    function = {"name": "look", "arguments": "{}"}
    ids = []
    for turn in ("as-1", "as-2"):
        body = {"id": turn, "result": "", "is_end": True, "function_call": function}
        answer = whole(lambda: WenxinReader(streamed=False), body)
        (call,) = json.loads(answer.tail(None))["choices"][0]["message"]["tool_calls"]
        ids.append(call["id"])
        said = streamed(lambda: WenxinReader(streamed=True)).feed(b"data: %b\n\n" % json.dumps(body).encode())
        assert deltas(said)[0]["tool_calls"][0]["id"] == call["id"]
    assert ids == ["call_as-1_0", "call_as-2_0"]
    unnamed = whole(lambda: WenxinReader(streamed=False), {"result": "", "function_call": function})
    assert f'"call_{NOW:x}_0"'.encode() in unnamed.tail(None)


def test_an_answer_without_end_is_cut_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr("fenli.wire.translated.ANSWER_MAX", 6_400)
    says_little = [Said(calls=(CallPart(0, None, None, ""),))] * 101
    assert heard(*says_little[:100]).damage is None
    assert heard(*says_little).damage == "the answer is larger than 6400 bytes"
    assert heard(Said(text="厘" * 2_200)).damage == "the answer is larger than 6400 bytes"


def test_blocks_that_begin_and_never_end_are_not_kept_for_ever():
    answer = streamed(EventReader)
    events = [
        b'data: {"type":"content_block_start","index":%d,"content_block":{"type":"text"}}\n\n' % at
        for at in range(1_001)
    ]
    answer.feed(b"".join(events[:1_000]))
    assert answer.damage is None
    answer.feed(events[1_000])
    assert answer.damage is not None
    assert "1000 blocks are open at once" in answer.damage


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (GenerationReader, '{"output":{"search_info":{"a":%s},"choices":[{"message":{},"finish_reason":"stop"}]}}'),
        (SenseNovaReader, '{"data":{"plugins":{"a":%s},"choices":[{"message":"a","finish_reason":"stop"}]}}'),
        (TextV2Reader, '{"choices":[{"delta":{"content":"a","more":%s},"finish_reason":"stop"}]}'),
        (lambda: WenxinReader(streamed=False), '{"result":"a","search_info":{"a":%s}}'),
    ],
)
def test_what_is_nested_as_deeply_as_can_be_read_is_damage_at_most(make, body):
    outcomes = set()
    for depth in (1, *range(880, 1_000), 100_000):
        text = body % ("[" * depth + "]" * depth)
        in_one_piece, in_parts = raw_whole(make, text), streamed(make)
        in_parts.feed(b"data: %b\n\n" % text.encode())
        in_parts.end()
        for answer in (in_one_piece, in_parts):
            outcomes.add((answer.finished, answer.damage is not None))
            assert not answer.finished or answer.tail(None)
    assert outcomes == {(True, False), (False, True)}


@pytest.mark.parametrize(
    ("make", "said", "ended"),
    [
        (
            TencentCloudReader,
            {"Choices": [{"Delta": {"Content": "hi"}}]},
            {"Choices": [{"FinishReason": "stop"}]},
        ),
        (
            GenerationReader,
            {"output": {"choices": [{"message": {"content": "hi"}, "finish_reason": "null"}]}},
            {"output": {"choices": [{"finish_reason": "stop"}]}},
        ),
        (
            lambda: PanguReader(streamed=True),
            {"choices": [{"message": {"content": "hi"}}]},
            {"choices": [{"finish_reason": "stop"}]},
        ),
    ],
)
def test_an_end_may_come_without_words_behind_some(make, said, ended):
    said, ended = (b"data: %b\n\n" % json.dumps(one).encode() for one in (said, ended))
    answer, alone = streamed(make), streamed(make)
    answer.feed(said + ended)
    answer.end()
    alone.feed(ended)
    alone.end()
    assert (answer.finished, answer.damage) == (True, None)
    assert (alone.finished, alone.damage is not None) == (False, True)
