from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.openai_chat import FailurePlace, FailureReader, StreamAnswer
from fenli.wire.openai_chat import stream as stream_module
from fenli.wire.openai_chat.failures import TellingStream
from fenli.wire.openai_chat.stream import DONE
from fenli.wire.sse import split_events

USAGE = b'{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}'
SPACED = b'{"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}'


def chunk(content: str | None = None, finish: str | None = None, usage: bytes | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    choice = {"index": more.pop("index", 0), "delta": more.pop("delta", delta), "finish_reason": finish}
    choice |= more.pop("choice", {})
    text = json.dumps({"id": "c-1", "model": "m-1", "choices": [choice], **more}, separators=(",", ":")).encode()
    return b"data: " + (text if usage is None else text[:-1] + b',"usage":' + usage + b"}") + b"\n\n"


ROLE = chunk(delta={"role": "assistant", "content": ""})
EXTRA = b'data: {"id":"c-1","choices":[],"usage":' + USAGE + b"}\n\n"
HELLO = [ROLE, chunk("Hel"), chunk("lo"), chunk(finish="stop")]


def read(answer: StreamAnswer, pieces: list[bytes], cost: bytes | None = None) -> bytes:
    out = b"".join(answer.feed(piece) for piece in pieces)
    answer.end()
    return out + (answer.tail(cost) if answer.finished else b"")


def test_a_plain_stream_goes_through_as_it_came() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [*HELLO, DONE]) == b"".join(HELLO) + DONE
    assert answer.begun
    assert answer.finished
    assert (answer.upstream_id, answer.model, answer.usage) == ("c-1", "m-1", None)


def test_nothing_is_said_before_the_first_content() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert answer.feed(b": keep-alive\n\n") == b""
    assert answer.feed(ROLE) == b""
    assert not answer.begun
    assert answer.feed(chunk("Hi")) == ROLE + chunk("Hi")
    assert answer.begun
    assert answer.feed(b": keep-alive\n\n") == b": keep-alive\n\n"


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"refusal": "no"},
        {"role": "assistant", "content": "x"},
        {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]},
        {"audio": {"id": "a"}},
    ],
)
def test_what_counts_as_content(delta: dict[str, Any]) -> None:
    answer = StreamAnswer(wants_usage=False)
    assert answer.feed(chunk(delta=delta))
    assert answer.begun


@pytest.mark.parametrize(
    "delta",
    [{}, {"role": "assistant"}, {"content": ""}, {"content": None}, {"tool_calls": []}, {"reasoning_content": ""}],
)
def test_what_does_not(delta: dict[str, Any]) -> None:
    answer = StreamAnswer(wants_usage=False)
    assert answer.feed(chunk(delta=delta)) == b""
    assert not answer.begun


def test_a_finish_reason_without_content_is_an_answer() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [ROLE, chunk(finish="stop"), DONE]) == ROLE + chunk(finish="stop") + DONE


@pytest.mark.parametrize("finish", ["", "null", None])
def test_these_mean_not_finished(finish: str | None) -> None:
    answer = StreamAnswer(wants_usage=False)
    read(answer, [chunk("a", finish=finish), chunk("b", finish=finish)])
    assert not answer.finished


# Usage


def test_the_usage_chunk_is_kept_from_a_caller_who_did_not_ask() -> None:
    answer = StreamAnswer(wants_usage=False)
    out = read(answer, [*HELLO, EXTRA, DONE])
    assert EXTRA not in out
    assert [line for line in out.split(b"\n\n") if line.startswith(b"data:")] == [
        event[:-2] for event in (*HELLO, DONE)
    ]
    assert b'\n\n: {"usage":' + USAGE + b"}\n\ndata: [DONE]" in out
    assert answer.usage == USAGE


def test_the_usage_chunk_reaches_a_caller_who_asked() -> None:
    answer = StreamAnswer(wants_usage=True)
    assert read(answer, [*HELLO, EXTRA, DONE]) == b"".join(HELLO) + EXTRA + DONE


def test_the_cost_is_added_to_the_last_usage() -> None:
    answer = StreamAnswer(wants_usage=True)
    out = read(answer, [*HELLO, EXTRA, DONE], cost=b'"cost":0.5')
    assert out == b"".join(HELLO) + EXTRA.replace(b"12}", b'12,"cost":0.5}') + DONE


def test_usage_that_is_null_on_every_chunk_means_nothing() -> None:
    answer = StreamAnswer(wants_usage=False)
    events = [chunk("a", usage=b"null"), chunk("b", usage=b"null"), chunk(finish="stop", usage=b"null")]
    assert read(answer, [*events, EXTRA, DONE]).startswith(b"".join(events))
    assert answer.usage == USAGE


def test_usage_on_the_last_content_chunk() -> None:
    answer = StreamAnswer(wants_usage=False)
    last = chunk(finish="stop", usage=USAGE)
    assert read(answer, [chunk("a"), last, DONE]) == chunk("a") + last + DONE
    assert answer.usage == USAGE


def test_usage_inside_the_choice() -> None:
    answer = StreamAnswer(wants_usage=False)
    last = chunk(finish="stop", choice={"usage": json.loads(USAGE)})
    assert (
        read(answer, [chunk("a"), last, DONE], cost=b'"cost":1')
        == chunk("a") + last.replace(b"12}", b'12,"cost":1}') + DONE
    )
    assert answer.usage == USAGE


def test_usage_inside_the_choice_and_again_on_its_own() -> None:
    last = chunk(finish="stop", choice={"usage": json.loads(USAGE)})
    answer = StreamAnswer(wants_usage=True)
    assert read(answer, [chunk("a"), last, EXTRA, DONE]) == chunk("a") + last + EXTRA + DONE


def test_usage_on_every_chunk_delays_none_of_them_and_the_last_one_counts() -> None:
    answer = StreamAnswer(wants_usage=False)
    early = USAGE.replace(b"3", b"1").replace(b"12", b"10")
    role = chunk(delta={"role": "assistant"}, usage=early)
    assert answer.feed(role) == b""
    assert answer.feed(role) == b""
    assert not answer.begun
    assert answer.feed(chunk("a", usage=early)) == role + role + chunk("a", usage=early)
    assert answer.feed(chunk("b")) == chunk("b")
    assert answer.feed(chunk("c", usage=early)) == chunk("c", usage=early)
    assert answer.partial
    assert read(answer, [chunk(finish="stop", usage=USAGE), DONE]) == chunk(finish="stop", usage=USAGE) + DONE
    assert answer.usage == USAGE
    assert not answer.partial


def test_usage_before_the_content_keeps_its_place() -> None:
    answer = StreamAnswer(wants_usage=True)
    first, second = chunk(delta={"role": "assistant"}, usage=USAGE), chunk(delta={"content": ""})
    assert answer.feed(first + second) == b""
    assert answer.feed(chunk("a")) == first + second + chunk("a")


@pytest.mark.parametrize("usage", [b"5", b'"many"', b"[1]", b"true", b"{}"])
def test_a_usage_that_is_none_still_leaves_json(usage: bytes) -> None:
    answer = StreamAnswer(wants_usage=True)
    out = read(answer, [chunk("a"), chunk(finish="stop", usage=usage), DONE], cost=b'"cost":null')
    for event in out.split(b"\n\n")[:-2]:
        json.loads(event[6:])


def test_the_cost_stays_out_where_usage_spans_lines() -> None:
    answer = StreamAnswer(wants_usage=True)
    event = b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1,\ndata: "completion_tokens":2}}\n\n'
    assert read(answer, [chunk("a", finish="stop"), event, DONE], cost=b'"cost":1').endswith(event + DONE)
    assert json.loads(answer.usage or b"") == {"prompt_tokens": 1, "completion_tokens": 2}


# Text that looks like something else


@pytest.mark.parametrize(
    "text",
    ['"usage":5', "[DONE]", '"error":1', "data: [DONE]\n\n", '"finish_reason":"stop"', "usage", "error", "\\", "中文"],
)
def test_text_is_never_taken_for_structure(text: str) -> None:
    answer = StreamAnswer(wants_usage=False)
    events = [chunk("a"), chunk(text), chunk(text)]
    assert b"".join(answer.feed(event) for event in events) == b"".join(events)
    assert not answer.finished
    assert (answer.error, answer.usage, answer.damage) == (None, None, None)


# Ends


def test_a_stream_without_an_end_mark_is_whole_once_every_choice_has_finished() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, HELLO) == b"".join(HELLO) + DONE
    one_of_two = StreamAnswer(wants_usage=False, choices=2)
    read(one_of_two, HELLO)
    assert not one_of_two.finished
    two = StreamAnswer(wants_usage=False, choices=2)
    read(two, [*HELLO, chunk("x", index=1), chunk(finish="length", index=1)])
    assert two.finished


def test_spaces_behind_the_colon_hide_no_finish_reason() -> None:
    answer = StreamAnswer(wants_usage=False)
    read(answer, [chunk("a"), b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'])
    assert answer.finished


def test_an_empty_event_at_the_end_is_no_damage() -> None:
    answer = StreamAnswer(wants_usage=False)
    read(answer, [*HELLO, b"data:\n\n"])
    assert answer.damage is None
    assert answer.finished


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    for end in (b"", b"\n", b"\r\n"):
        answer = StreamAnswer(wants_usage=False)
        out = read(answer, [chunk("a"), chunk("b", finish="stop", usage=USAGE)[:-2] + end])
        assert answer.finished
        assert answer.usage == USAGE
        assert out.count(b'"b"') == 1
        assert out.endswith(b"\n\n" + DONE)
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [chunk("a"), b"data: [DONE]"]) == chunk("a") + DONE


def test_content_in_a_last_event_without_its_blank_line_is_not_lost() -> None:
    answer = StreamAnswer(wants_usage=False)
    out = read(answer, [chunk("a"), chunk("b", finish="stop")[:-2]])
    assert out == chunk("a") + chunk("b", finish="stop") + DONE


def test_a_last_event_that_was_cut_off_never_happened() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [*HELLO, EXTRA[:-9]]) == b"".join(HELLO) + DONE
    assert (answer.damage, answer.usage) == (None, None)


@pytest.mark.parametrize(
    "mark", [b"data:[DONE]\n\n", b"data: [DONE] \n\n", b"data: [DONE]\r\n\r\n", b"data: [DONE]\r\n\n"]
)
def test_the_end_mark_in_every_spelling(mark: bytes) -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [chunk("a"), mark]) == chunk("a") + DONE


def test_an_end_mark_without_any_answer_is_no_answer() -> None:
    answer = StreamAnswer(wants_usage=False)
    answer.feed(ROLE + DONE)
    answer.end()
    assert not answer.begun


def test_what_comes_behind_the_end_mark_is_not_passed_on() -> None:
    answer = StreamAnswer(wants_usage=False)
    assert read(answer, [chunk("a") + DONE + chunk("b")]) == chunk("a") + DONE


def test_empty_events_and_unknown_fields_are_no_damage() -> None:
    answer = StreamAnswer(wants_usage=False)
    read(answer, [b"data:\n\n", b"data: \n\n", b"event: ping\n\n", b"id: 1\n\n", b"\n\n", *HELLO, DONE])
    assert answer.finished
    assert answer.damage is None


# Errors and damage


def test_an_error_in_the_stream_is_kept_and_not_passed_on() -> None:
    answer = StreamAnswer(wants_usage=False)
    answer.feed(chunk("a"))
    assert answer.feed(chunk("b") + b'data: {"error":{"code":"1301","message":"no"}}\n\n' + chunk("c")) == chunk("b")
    assert answer.error == b'{"code":"1301","message":"no"}'
    answer.end()
    assert not answer.finished


def test_error_null_is_no_error() -> None:
    answer = StreamAnswer(wants_usage=False)
    read(answer, [chunk("a", error=None), *HELLO, DONE])
    assert answer.error is None
    assert answer.finished


@pytest.mark.parametrize(
    "event",
    [
        b"data: <html>\n\n",
        b"data: {\n\n",
        b"data: [1]\n\n",
        b'data: {"choices":{}}\n\n',
        b'data: {"id":"\xff"}\n\n',
        b"data: " + b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n\n",
    ],
)
def test_what_is_no_chunk_is_damage(event: bytes) -> None:
    answer = StreamAnswer(wants_usage=False)
    assert answer.feed(event) == b""
    assert answer.damage
    assert len(answer.damage) < 300


def test_an_event_without_an_end_is_damage_not_memory() -> None:
    answer = StreamAnswer(wants_usage=False)
    for _ in range(400):
        answer.feed(b"x" * 65536)
        if answer.damage:
            break
    assert "larger than" in (answer.damage or "")


def test_a_large_event_in_many_pieces_takes_time_by_its_size_only() -> None:
    answer = StreamAnswer(wants_usage=False)
    event = chunk("x" * 8_000_000)
    out = b"".join(answer.feed(event[at : at + 500]) for at in range(0, len(event), 500))
    assert out == event


def test_empty_chunks_without_end_are_damage_not_memory() -> None:
    answer = StreamAnswer(wants_usage=False)
    empty = chunk(delta={"role": "assistant", "name": ""}, padding="x" * 60_000)
    for _ in range(300):
        assert answer.feed(empty) == b""
    assert "no content" in (answer.damage or "")


# Our own count


def test_one_event_is_about_one_token_however_the_events_are_packed() -> None:
    events = [chunk("word") for _ in range(50)]
    one_by_one, packed = StreamAnswer(wants_usage=False), StreamAnswer(wants_usage=False)
    for event in events:
        one_by_one.feed(event)
    packed.feed(events[0])
    packed.feed(b"".join(events[1:]))
    assert 50 <= one_by_one.counted() <= 80
    assert abs(packed.counted() - one_by_one.counted()) <= 5


def test_keep_alives_are_no_tokens() -> None:
    answer = StreamAnswer(wants_usage=False)
    for _ in range(1000):
        answer.feed(b": keep-alive\n\n")
    answer.feed(chunk("a"))
    assert answer.counted() <= 3


def test_long_events_count_by_their_length() -> None:
    answer = StreamAnswer(wants_usage=False)
    answer.feed(chunk("a"))
    answer.feed(chunk("x" * 4000))
    assert 900 <= answer.counted() <= 1100


# However the bytes are cut

TEXTS = st.text(alphabet=st.sampled_from('a"\\\n中 [DONE]usage{}:'), max_size=6)
EVENTS = st.one_of(
    TEXTS.map(chunk),
    TEXTS.map(lambda text: chunk(text, usage=b"null")),
    TEXTS.map(lambda text: chunk(text, usage=USAGE)),
    st.sampled_from([ROLE, b": hm\n\n", b"\n\n", b"data:\n\n", b"event: ping\ndata: {}\n\n", chunk(delta={})]),
)
ENDS = st.sampled_from(
    [
        chunk(finish="stop") + EXTRA + DONE,
        chunk(finish="stop", usage=SPACED) + DONE,
        chunk(finish="stop") + DONE,
        chunk(finish="stop"),
        chunk(finish="stop")[:-2],
        DONE,
        b'data: {"error":{"message":"x"}}\n\n',
        b"",
        b"data: {",
    ]
)


@given(st.lists(EVENTS, max_size=8), ENDS, st.booleans(), st.booleans(), st.data())
def test_cuts_change_nothing(events: list[bytes], end: bytes, wants: bool, crlf: bool, data: st.DataObject) -> None:
    text = b"".join(events) + end
    text = text.replace(b"\n", b"\r\n") if crlf else text
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, cut = StreamAnswer(wants), StreamAnswer(wants)
    outs = read(whole, [text], cost=b'"cost":1'), read(cut, [piece for piece in pieces if piece], cost=b'"cost":1')
    assert outs[0] == outs[1]
    for fact in ("begun", "finished", "usage", "error", "damage", "upstream_id", "model"):
        assert getattr(whole, fact) == getattr(cut, fact), fact


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=5), st.sampled_from([EXTRA + DONE, DONE, b""]), st.data())
def test_a_truncated_stream_never_finishes(texts: list[str], end: bytes, data: st.DataObject) -> None:
    content = b"".join(map(chunk, texts))
    text = content + chunk("last words", finish="stop") + end
    cut = data.draw(st.integers(0, len(content + chunk("last words", finish="stop")) - 3))
    answer = StreamAnswer(wants_usage=False)
    read(answer, [text[:cut]])
    assert not answer.finished


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=5), ENDS, st.booleans(), st.data())
def test_every_content_comes_out_once_and_in_order(
    texts: list[str], end: bytes, wants: bool, data: st.DataObject
) -> None:
    text = b"".join(map(chunk, texts)) + end
    cut = data.draw(st.integers(0, len(text)))
    out = read(StreamAnswer(wants), [piece for piece in (text[:cut], text[cut:]) if piece])
    events = [event[6:] for event in out.split(b"\n\n") if event.startswith(b"data: {")]
    contents = [c["delta"].get("content") for event in events for c in json.loads(event)["choices"]]
    assert [content for content in contents if content] == texts


@pytest.mark.parametrize("telling", [False, True])
def test_an_event_of_many_lines_is_looked_through_once(monkeypatch, telling):
    looked = []
    monkeypatch.setattr(stream_module, "split_events", lambda data: looked.append(len(data)) or split_events(data))
    failures = FailureReader((FailurePlace("code", "message"),))
    answer = TellingStream(failures, wants_usage=False) if telling else StreamAnswer(wants_usage=False)
    line = b'data: "code":1,"' + b"x" * 100 + b'"\n'
    for _ in range(1_000):
        answer.feed(line)
    assert sum(looked) < 2 * len(line)
    answer.feed(b"\r")
    assert answer.damage is None
    answer.feed(b"\n")
    assert answer.damage is not None
    assert sum(looked) < 1_010 * len(line)
