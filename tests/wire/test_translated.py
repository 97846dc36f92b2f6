"""Answers in another dialect: a made-up one here, whose messages are ``{"t": text, "r": reasoning, "f": finish}``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import UsageError
from fenli.wire.frames import FRAME_MAX, EventFrames, Frames, LineFrames, MessageFrames, WholeFrame, _Rest
from fenli.wire.translated import CallPart, Said, TranslatedStream, TranslatedWhole, Translation

LINES = [
    {"id": "up-1", "m": "tiny-2"},
    {"r": "hm 想"},
    {"t": "four "},
    {"t": "厘"},
    {"c": {"index": 0, "id": "call_a", "name": "add", "arguments": '{"a":'}},
    {"c": {"index": 0, "arguments": "4}"}},
    {"f": "tool_calls", "u": {"in": 7, "out": 9}},
]


class TinyReader:
    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        said = msgspec.json.decode(data)
        if "e" in said:
            return [Said(error=msgspec.json.encode(said["e"]))]
        call = said.get("c")
        return [
            Said(
                text=said.get("t", ""),
                reasoning=said.get("r", ""),
                calls=(CallPart(**call),) if call else (),
                finish=said.get("f"),
                usage=msgspec.json.encode(said["u"]) if "u" in said else None,
                id=said.get("id"),
                model=said.get("m"),
            )
        ]


def shown(raw: bytes) -> bytes:
    usage = json.loads(raw)
    if usage["in"] < 0:
        raise UsageError("below nothing")
    return msgspec.json.encode({"prompt_tokens": usage["in"], "completion_tokens": usage["out"]})


TRANSLATION = Translation(TinyReader, TinyReader, shown, "tiny", now=1_700_000_000_000_000_000)


def stream(frames: Frames, *, wants_usage: bool = True) -> TranslatedStream:
    return TranslatedStream(frames, TinyReader(), TRANSLATION, wants_usage=wants_usage)


def ndjson(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def events(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(b"event: part\ndata: " + json.dumps(line).encode() + b"\n\n" for line in lines)


def chunks(data: bytes) -> list[Any]:
    payloads = [event.removeprefix("data: ") for event in data.decode().split("\n\n") if event.startswith("data: ")]
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


def test_a_stream_is_said_again_in_the_callers_words() -> None:
    answer = stream(LineFrames())
    out = answer.feed(ndjson(LINES))
    answer.end()
    assert answer.finished
    out += answer.tail(b'"cost":0.01')
    first, *_, last = said = chunks(out)
    assert first["id"] == "up-1"
    assert first["model"] == "tiny-2"
    assert first["created"] == 1_700_000_000
    assert first["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "hm 想"}
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in said if part["choices"]) == "four 厘"
    assert said[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"] == {"prompt_tokens": 7, "completion_tokens": 9, "cost": 0.01}
    assert out.endswith(b"data: [DONE]\n\n")
    assert answer.counted() == 6  # bytes by fours, which is more than the five messages


def test_who_did_not_ask_for_usage_finds_it_in_a_comment() -> None:
    answer = stream(LineFrames(), wants_usage=False)
    answer.feed(ndjson(LINES))
    answer.end()
    assert answer.tail(None).startswith(b': {"usage":')


def test_one_piece_is_gathered_from_a_stream() -> None:
    answer = TranslatedWhole(EventFrames(), TinyReader(), TRANSLATION)
    assert answer.feed(events(LINES)) == b""
    answer.end()
    body = json.loads(answer.tail(None))
    assert body["object"] == "chat.completion"
    message = body["choices"][0]["message"]
    assert message["content"] == "four 厘"
    assert message["reasoning_content"] == "hm 想"
    assert message["tool_calls"] == [
        {"id": "call_a", "type": "function", "function": {"name": "add", "arguments": '{"a":4}'}}
    ]
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert body["usage"]["prompt_tokens"] == 7


@given(st.data())
def test_however_the_bytes_are_cut_the_answer_is_the_same(data: st.DataObject) -> None:
    make, whole = data.draw(st.sampled_from([(LineFrames, ndjson(LINES)), (EventFrames, events(LINES))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = stream(make())
    answer = stream(make())
    out = b"".join(map(answer.feed, pieces))
    answer.end()
    everything = expected.feed(whole)
    expected.end()
    assert out + answer.tail(None) == everything + expected.tail(None)
    assert answer.counted() == expected.counted()


@pytest.mark.parametrize(("make", "whole"), [(LineFrames, ndjson(LINES)), (EventFrames, events(LINES))])
def test_byte_by_byte_is_the_same_too(make: type[LineFrames] | type[EventFrames], whole: bytes) -> None:
    answer, expected = stream(make()), stream(make())
    out = b"".join(answer.feed(whole[at : at + 1]) for at in range(len(whole)))
    assert out == expected.feed(whole)


def test_the_last_line_needs_no_end_of_its_own() -> None:
    answer = stream(LineFrames())
    out = answer.feed(ndjson(LINES)[:-1])
    answer.end()
    assert answer.finished
    assert chunks(out + answer.tail(None))[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_that_names_no_end_is_not_whole() -> None:
    answer = stream(MessageFrames())
    answer.feed(b'{"t":"half"}')
    answer.end()
    assert answer.begun
    assert not answer.finished
    assert answer.partial is False


def test_usage_before_the_end_is_a_running_total() -> None:
    answer = stream(MessageFrames())
    answer.feed(b'{"t":"half","u":{"in":1,"out":1}}')
    assert answer.partial
    answer.feed(b'{"f":"stop"}')
    assert not answer.partial


def test_an_error_inside_is_the_vendors_own_words_and_ends_the_reading() -> None:
    answer = stream(MessageFrames())
    assert answer.feed(b'{"e":{"code":11}}') == b""
    answer.feed(b'{"t":"more"}')
    assert answer.error == b'{"code":11}'
    assert not answer.begun


@pytest.mark.parametrize("garbage", [b"nothing", b"\xff", b"[1"])
def test_what_is_not_the_dialect_is_damage(garbage: bytes) -> None:
    answer = stream(MessageFrames())
    answer.feed(garbage)
    assert answer.damage is not None


def test_usage_that_does_not_count_is_left_out_of_what_is_shown() -> None:
    answer = stream(MessageFrames())
    answer.feed(b'{"f":"stop","u":{"in":-1,"out":1}}')
    answer.end()
    assert answer.tail(None) == b"data: [DONE]\n\n"


def test_a_frame_without_end_is_refused_before_it_fills_the_memory() -> None:
    answer = stream(LineFrames())
    piece = b"x" * (FRAME_MAX // 4)
    for _ in range(5):
        answer.feed(piece)
    assert answer.damage is not None
    whole = TranslatedWhole(WholeFrame(8), TinyReader(), TRANSLATION)
    whole.feed(b"123456789")
    assert whole.damage == "a message of the answer is not of the vendor's dialect: the answer is larger than 8 bytes"


def test_json_in_place_of_events_is_a_refusal_and_json_lines_are_not() -> None:
    assert stream(EventFrames()).refused(b"application/json; charset=utf-8")
    assert not stream(LineFrames()).refused(b"application/x-ndjson")


class Searched:
    """An end of frames that is never there, and how much was looked through for it."""

    def __init__(self):
        self.size = 0

    def search(self, data):
        self.size += len(data)


def test_a_frame_that_never_ends_is_looked_through_once():
    rest, end, piece = _Rest(), Searched(), b"data: " + b"x" * 100 + b"\n"
    rest.keep(piece)
    for _ in range(1_000):
        assert rest.with_more(piece, end) is None
    assert end.size < 2 * 1_000 * len(piece)
    assert rest.take() == piece * 1_001
    with pytest.raises(ValueError, match="larger than"):
        EventFrames().feed(b"data: " + b"x" * FRAME_MAX)


@given(data=st.data())
def test_lines_that_end_in_any_way_are_told_apart_however_they_are_cut(data):
    ends = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"])
    bodies = data.draw(st.lists(st.sampled_from([b"data: 1", b"data:2", b": no", b"event: e\ndata: 3"]), max_size=5))
    whole = b"".join(body + data.draw(ends) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
    frames, at_once = EventFrames(), EventFrames()
    told = [frame for a, b in pairwise([0, *cuts, len(whole)]) for frame in frames.feed(whole[a:b])]
    assert told + frames.end() == at_once.feed(whole) + at_once.end()
