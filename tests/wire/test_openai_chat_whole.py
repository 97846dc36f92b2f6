from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.openai_chat import WholeAnswer

USAGE = b'{"prompt_tokens": 9, "completion_tokens": 3}'
BODY = (
    b'{"id":"c-1","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \\"usage\\":{}"},'
    b'"finish_reason":"stop"}],"usage":' + USAGE + b',"system_fingerprint":"f"}'
)


def read(*pieces: bytes, limit: int = 10_000) -> WholeAnswer:
    answer = WholeAnswer(limit)
    for piece in pieces:
        assert answer.feed(piece) == b""
    answer.end()
    return answer


def test_an_answer_goes_through_as_it_came() -> None:
    answer = read(BODY)
    assert answer.finished
    assert answer.begun
    assert (answer.upstream_id, answer.model, answer.usage) == ("c-1", "m-1", USAGE)
    assert answer.tail(None) == BODY


def test_blank_lines_before_the_json_are_a_sign_of_life() -> None:
    answer = read(b"\n", b"\n\n", BODY)
    assert answer.finished
    assert answer.tail(None) == b"\n\n\n" + BODY


def test_the_cost_is_added_to_the_usage_and_nothing_else_changes() -> None:
    spliced = read(BODY).tail(b'"cost":0.1')
    assert spliced == BODY.replace(b'": 3}', b'": 3,"cost":0.1}')
    assert json.loads(spliced)["usage"]["cost"] == 0.1


def test_an_empty_usage_takes_the_cost_too() -> None:
    assert json.loads(read(BODY.replace(USAGE, b"{ }")).tail(b'"cost":1'))["usage"] == {"cost": 1}


@pytest.mark.parametrize("usage", [b"5", b'"x"', b"[1]", b"false"])
def test_a_usage_that_is_none_takes_no_cost(usage: bytes) -> None:
    body = BODY.replace(USAGE, usage)
    assert read(body).tail(b'"cost":null') == body


def test_usage_may_sit_in_the_last_choice() -> None:
    body = b'{"choices":[{"message":{},"usage":' + USAGE + b"}]}"
    assert read(body).usage == USAGE


def test_an_answer_without_usage_is_still_an_answer() -> None:
    answer = read(b'{"choices":[{"message":{"content":"Hi"}}],"usage":null}')
    assert answer.finished
    assert answer.usage is None
    assert answer.tail(b'"cost":1') == b'{"choices":[{"message":{"content":"Hi"}}],"usage":null}'


def test_an_error_inside_a_200_is_found() -> None:
    answer = read(b'{"error":{"code":"1113","message":"arrears"}}')
    assert answer.error == b'{"code":"1113","message":"arrears"}'
    assert not answer.finished


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"{",
        BODY[:-1],
        BODY + b"}",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":{}}',
        b'{"id":"\xff","choices":[{}]}',
        b'{"choices":[{}],"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_what_is_no_completion_is_damage(body: bytes) -> None:
    answer = read(body, limit=1_000_000)
    assert answer.damage
    assert not answer.finished
    assert not answer.begun


def test_an_answer_beyond_the_limit_is_damage_not_memory() -> None:
    answer = read(*[b"x" * 1000] * 100, limit=5000)
    assert "larger than 5000" in (answer.damage or "")
    assert answer.tail(None) == b""


@given(st.data())
def test_cuts_change_nothing_and_no_part_is_whole(data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(BODY) - 1))
    assert read(BODY[:cut], BODY[cut:]).tail(b'"cost":1') == read(BODY).tail(b'"cost":1')
    assert not read(BODY[:cut]).finished
