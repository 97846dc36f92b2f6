from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import CallRefused, UsageError
from fenli.vendors.contract import UsageMap
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


def test_an_answer_that_does_not_count_is_unknown() -> None:
    data = json.dumps({**ANSWER, "usage": None}).encode()
    ask = parsed()
    assert CODEC.read(ask, Reply(data, b"application/json", 0)).usage is None
    assert ask.estimate(9) is None
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
        ({"stream": True}, "stream"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(CallRefused) as refused:
        parsed(**members)
    assert refused.value.param == param
