from __future__ import annotations

import pytest
from cut_anywhere import pieces
from hypothesis import given
from hypothesis import strategies as st

from fenli.wire.openai_chat import FailurePlace, FailureReader, TellingStream, TellingWhole

INSIDE = FailureReader((FailurePlace(within="base_resp", code="status_code", message="status_msg"),))
ON_TOP = FailureReader((FailurePlace(code="code", message="message"),))
EITHER = FailureReader((FailurePlace(code="errCode", message="errMsg"), FailurePlace(code="code", message="message")))


@pytest.mark.parametrize(
    ("reader", "body"),
    [
        (INSIDE, b'{"base_resp":{"status_code":0,"status_msg":"success"}}'),
        (INSIDE, b'{"base_resp":{"status_code":null}}'),
        (INSIDE, b'{"base_resp":{"status_code":"0"}}'),
        (INSIDE, b'{"base_resp":null}'),
        (INSIDE, b'{"base_resp":[1002]}'),
        (INSIDE, b'{"status_code":1002}'),
        (INSIDE, b"{}"),
        (INSIDE, b"[]"),
        (INSIDE, b"not json"),
        (INSIDE, b'{"base_resp":' + b"[" * 50_000),
        (ON_TOP, b'{"code":0,"message":"Success"}'),
        (ON_TOP, b'{"code":"","message":[1]}'),
        (ON_TOP, b'{"error":{"code":7}}'),
        (EITHER, b'{"errCode":0,"errMsg":"ok","code":null}'),
    ],
)
def test_no_failure_is_read_out_of_what_tells_none(reader: FailureReader, body: bytes) -> None:
    assert reader.told(body) is None


@pytest.mark.parametrize(
    ("reader", "body", "told"),
    [
        (
            INSIDE,
            b'{"choices":null,"base_resp":{"status_code":1002,"status_msg":"rate limit"}}',
            ("1002", "rate limit"),
        ),
        (INSIDE, b'{"base_resp":{"status_code":"1002"}}', ("1002", "")),
        (ON_TOP, b'{"code":11202,"message":"AppIdQpsOverFlowError","sid":"x"}', ("11202", "AppIdQpsOverFlowError")),
        (ON_TOP, b'{"code":-1,"message":{"odd":1}}', ("-1", "{'odd': 1}")),
        (ON_TOP, b'{"code":"ModelArts.81003"}', ("ModelArts.81003", "")),
        (EITHER, b'{"errCode":0,"code":400,"message":"too long"}', ("400", "too long")),
        (EITHER, b'{"errMsg":"no","errCode":1000,"code":400,"message":"x"}', ("1000", "no")),
    ],
)
def test_a_failure_is_its_code_and_its_message(reader: FailureReader, body: bytes, told: tuple[str, str]) -> None:
    assert reader.told(body) == told
    assert reader.may_tell(b"data: " + body + b"\n\n")


GOOD = b'data: {"code":0,"message":"Success","choices":[{"index":0,"delta":{"content":"\\"code\\":5"}}]}\n\n'
BAD = b'data: {"code": 10110,"message":"busy"}\n\n'
LAST = b'data: {"code":0,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def test_what_says_that_all_is_well_is_passed_on_unread() -> None:
    assert not ON_TOP.may_tell(GOOD)
    assert not ON_TOP.may_tell(b'{"code" : 0 }')
    assert ON_TOP.may_tell(b'{"code":07}')


@given(st.lists(st.integers(0, 10_000), max_size=40), st.integers(0, 4))
def test_a_failure_inside_a_stream_is_found_however_the_bytes_come(cuts: list[int], before: int) -> None:
    answer = TellingStream(ON_TOP, wants_usage=False)
    out = b""
    for piece in pieces(GOOD * before + BAD + GOOD + LAST, cuts):
        out += answer.feed(piece)
        if answer.error is not None:
            break  # as a call does
    answer.end()
    assert out == GOOD * before
    assert answer.error == BAD[6:-2]
    assert not answer.finished


@given(st.lists(st.integers(0, 10_000), max_size=40), st.integers(1, 4))
def test_a_stream_without_one_is_whole(cuts: list[int], content: int) -> None:
    answer = TellingStream(ON_TOP, wants_usage=False)
    out = b"".join(answer.feed(piece) for piece in pieces(GOOD * content + LAST, cuts))
    answer.end()
    assert (answer.error, answer.finished) == (None, True)
    assert out + answer.tail(None) == GOOD * content + LAST


@pytest.mark.parametrize("choices", [b"null", b"[]", b'[{"index":0,"message":{"content":"half"}}]'])
def test_an_answer_in_one_piece_that_tells_a_failure_is_none(choices: bytes) -> None:
    answer = TellingWhole(INSIDE, limit=1000)
    body = b'{"choices":%b,"base_resp":{"status_code":1027,"status_msg":"filtered"}}' % choices
    answer.feed(body)
    answer.end()
    assert (answer.error, answer.damage) == (body, None)
    assert (answer.begun, answer.finished) == (False, False)


def test_an_answer_in_one_piece_that_tells_none_is_whole() -> None:
    answer = TellingWhole(INSIDE, limit=1000)
    body = b'{"choices":[{"index":0}],"usage":{"x":1},"base_resp":{"status_code":0}}'
    answer.feed(body)
    answer.end()
    assert (answer.error, answer.finished, answer.usage, answer.tail(None)) == (None, True, b'{"x":1}', body)


def test_an_answer_beyond_the_limit_is_damaged_whatever_it_tells() -> None:
    answer = TellingWhole(ON_TOP, limit=10)
    answer.feed(b'{"code":1,"message":"x"}')
    answer.end()
    assert answer.error is None
    assert answer.damage is not None
