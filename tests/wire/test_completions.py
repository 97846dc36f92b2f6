from __future__ import annotations

import json
from typing import Any

import pytest
from cut_anywhere import CUTS, relayed
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused, UsageError
from fenli.vendors.contract import UsageMap
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import FailurePlace, FailureReader
from fenli.wire.services.answer import Reply
from fenli.wire.services.completions import Completions, parse_completions

CODEC = Completions(UsageMap(cached=("prompt_cache_hit_tokens",)).meters)
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29, "prompt_cache_hit_tokens": 4}
ANSWER = {
    "id": "c-1",
    "object": "text_completion",
    "model": "deepseek-flash",
    "choices": [{"index": 0, "text": "    return a\n", "finish_reason": "stop"}],
    "usage": USAGE,
}


def parsed(**members: Any) -> Any:
    return parse_completions(json.dumps({"model": "m", "prompt": "def f(a):\n", **members}).encode())


def test_a_gap_is_asked_for_as_it_came() -> None:
    ask = parsed(suffix="\nf(1)", max_tokens=7, temperature=0.5)
    assert json.loads(CODEC.body(ask, b'"deepseek-flash"')) == {
        "model": "deepseek-flash",
        "prompt": "def f(a):\n",
        "suffix": "\nf(1)",
        "max_tokens": 7,
        "temperature": 0.5,
    }


def test_the_worst_case_is_every_byte_and_all_the_output() -> None:
    assert parsed(suffix="厘", max_tokens=7, n=3).most == {"input": len("def f(a):\n") + 3 + 16, "output": 21}
    assert parsed(max_tokens=7, best_of=5, n=2).most["output"] == 35


def test_without_a_limit_one_is_sent_that_the_hold_is_made_by() -> None:
    ask = parsed()
    assert ask.most["output"] == json.loads(CODEC.body(ask, b'"m"'))["max_tokens"] == 4_096


def test_an_answer_is_told_as_it_came_with_disjoint_meters() -> None:
    data = json.dumps(ANSWER).encode()
    told = CODEC.read(parsed(), Reply(data, b"application/json", 0))
    assert (told.body, told.id, told.model) == (data, "c-1", "deepseek-flash")
    assert told.usage is not None
    assert CODEC.meters(told.usage) == {"input": 16, "cached_input": 4, "output": 9}


def test_an_answer_that_does_not_count_is_estimated() -> None:
    data = json.dumps({**ANSWER, "usage": None}).encode()
    ask = parsed()
    assert CODEC.read(ask, Reply(data, b"application/json", 0)).usage is None
    assert ask.estimate(9) == {"input": 2, "output": 9}
    with pytest.raises(UsageError):
        CODEC.meters(b'{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9}')


@pytest.mark.parametrize("body", [b'{"choices":[]}', b"[]", b'{"choices":[{"text":7}]}'])
def test_what_is_no_completion_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"choices|Expected"):
        CODEC.read(parsed(), Reply(body, b"application/json", 0))


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"suffix": 7}, "suffix"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 129}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream": True, "stream_options": 7}, "stream_options"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(CallRefused) as refused:
        parsed(**members)
    assert refused.value.param == param


FAILURES = FailureReader((FailurePlace(code="code", message="message"),))
BASE: dict[str, Any] = {"id": "c-1", "object": "text_completion", "model": "m"}


def chunk(text: str | None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choices = [] if text is None else [{"index": index, "text": text, "finish_reason": finish, "logprobs": None}]
    return b"data: " + json.dumps({**BASE, "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
LAST = chunk(None, usage=USAGE)
NULL: dict[str, Any] = {"usage": None}


def read(stream: bytes, cuts: list[int], failures: FailureReader | None = None, **members: Any) -> tuple[Answer, bytes]:
    """The answer, and what the caller gets of it before its tail."""
    answer = CODEC.streamed(parsed(stream=True, **members), failures)
    return answer, relayed(answer, stream, cuts)


@given(cuts=CUTS, texts=st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=6), tells=st.booleans())
def test_texts_pass_as_they_came_and_usage_is_shown_to_who_asked(
    cuts: list[int], texts: list[str], tells: bool
) -> None:
    said = b"".join(chunk(text, **NULL) for text in texts) + chunk("", "stop", **NULL)
    failures = FAILURES if tells else None
    for shown in (True, False):
        answer, out = read(said + LAST + DONE, cuts, failures, stream_options={"include_usage": shown})
        assert (answer.finished, answer.error, answer.damage, answer.upstream_id) == (True, None, None, "c-1")
        assert answer.usage is not None
        assert CODEC.meters(answer.usage) == {"input": 16, "cached_input": 4, "output": 9}
        told = out + answer.tail(b'"cost":0.5')
        assert told.startswith(said)
        assert told.endswith(DONE)
        assert (b'"cost":0.5' in told, b'"choices":[]' in told) == (shown, shown)


def test_usage_is_asked_for_whatever_the_caller_wants() -> None:
    for said in ({}, {"stream_options": {"include_usage": False, "x": 1}}):
        body = json.loads(CODEC.body(parsed(stream=True, **said), b'"m"'))
        assert body["stream_options"] == {**said.get("stream_options", {}), "include_usage": True}
        assert body["stream"] is True
    assert "stream_options" not in json.loads(CODEC.body(parsed(), b'"m"'))


def test_nothing_goes_out_before_the_first_word() -> None:
    answer = CODEC.streamed(parsed(stream=True), None)
    assert (answer.feed(chunk("")), answer.begun) == (b"", False)
    assert answer.feed(chunk("x")) == chunk("") + chunk("x")


@given(cuts=CUTS)
def test_each_of_several_texts_has_to_end(cuts: list[int]) -> None:
    both = chunk("a") + chunk("b", index=1) + chunk("", "stop")
    assert not read(both, cuts, n=2)[0].finished
    assert read(both + chunk("", "length", index=1), cuts, n=2)[0].finished


@given(cuts=CUTS)
def test_a_stream_that_is_cut_is_not_whole_and_counts_what_came(cuts: list[int]) -> None:
    answer, _ = read(chunk("one") + chunk(" two") + chunk(" three")[:-9], cuts)
    assert (answer.finished, answer.usage) == (False, None)
    assert answer.counted() >= 2


@pytest.mark.parametrize("told", [{"error": {"message": "no"}}, {"code": 500, "message": "no", "object": "error"}])
@given(cuts=CUTS)
def test_a_failure_in_the_middle_is_one(told: dict[str, Any], cuts: list[int]) -> None:
    wrong = json.dumps(told).encode()
    answer, out = read(chunk("one") + b"data: " + wrong + b"\n\n" + DONE, cuts, FAILURES)
    assert answer.error in (wrong, json.dumps(told.get("error")).encode())
    assert not answer.finished
    assert out == chunk("one")


@given(data=st.binary(max_size=100), cuts=CUTS)
def test_noise_is_damage_and_never_a_crash(data: bytes, cuts: list[int]) -> None:
    for failures in (None, FAILURES):
        answer, _ = read(b"data: " + data + b"\n\n" + DONE, cuts, failures)
        assert not answer.begun or not answer.finished or b"text" in data
