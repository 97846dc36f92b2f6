from __future__ import annotations

import json
from typing import Any

import pytest
from test_minimax import NUMBERS

from fenli.errors import Kind
from fenli.vendors.minimax import MINIMAX
from fenli.vendors.minimax_native import MINIMAX_NATIVE
from fenli.wire.openai_chat import parse_request

MESSAGE = {"role": "assistant", "content": "四厘", "reasoning_content": "想"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23, "total_characters": 0}
WHOLE = {
    "id": "m-1",
    "object": "chat.completion",
    "model": "M2-her",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    "usage": USAGE,
    "base_resp": {"status_code": 0, "status_msg": ""},
}


def test_it_is_asked_as_the_compatible_one_is_at_a_path_of_its_own() -> None:
    body = {"model": "x", "messages": [{"role": "user_system", "content": "a merchant"}], "stream": True}
    ask = parse_request(json.dumps({**body, "max_tokens": 9}).encode())
    address = MINIMAX_NATIVE.address(MINIMAX_NATIVE.base_url, "key", "M2-her")
    request = MINIMAX_NATIVE.request(address, ask, 0)
    assert request.target == b"/v1/text/chatcompletion_v2"
    wanted: dict[str, Any] = {**body, "model": "M2-her", "max_completion_tokens": 9, "reasoning_split": True}
    assert json.loads(bytes(request.body)) == wanted


def test_a_persona_has_roles() -> None:
    ask = parse_request(b'{"model":"x","messages":[],"fenli":{"persona":{"bot_name":"Lin","scene":"a shop"}}}')
    request = MINIMAX_NATIVE.request(MINIMAX_NATIVE.address(MINIMAX_NATIVE.base_url, "key", "M2-her"), ask, 0)
    assert [turn["role"] for turn in json.loads(bytes(request.body))["messages"]] == ["system", "group"]


def test_a_stream_says_once_what_it_repeats_at_the_end() -> None:
    answer = MINIMAX_NATIVE.answer(parse_request(b'{"model":"x","messages":[],"stream":true}'), 0)
    chunk = {"id": "m-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": MESSAGE}]}
    out = b"".join(answer.feed(b"data: " + json.dumps(event).encode() + b"\n\n") for event in (chunk, WHOLE))
    assert out.decode().count("四厘") == 1
    assert answer.finished
    assert answer.usage is not None
    assert MINIMAX_NATIVE.usage(answer.usage) == {"input": 20, "output": 3}
    assert b"[DONE]" in answer.tail(None)


def test_an_answer_in_one_piece_passes_as_it_came() -> None:
    answer = MINIMAX_NATIVE.answer(parse_request(b'{"model":"x","messages":[]}'), 0)
    answer.feed(json.dumps(WHOLE).encode())
    answer.end()
    assert json.loads(answer.tail(None)) == WHOLE


@pytest.mark.parametrize("stream", [b"true", b"false"])
@pytest.mark.parametrize(("number", "wanted"), NUMBERS)
def test_a_failure_inside_a_200_is_none_the_less_one(stream: bytes, number: str, wanted: Kind) -> None:
    answer = MINIMAX_NATIVE.answer(parse_request(b'{"model":"x","messages":[],"stream":%b}' % stream), 0)
    wrong = json.dumps({"choices": None, "base_resp": {"status_code": int(number), "status_msg": "no"}}).encode()
    if stream == b"true":
        assert answer.refused(b"application/json")  # in place of a stream
    answer.feed(b"data: " + wrong + b"\n\n" if stream == b"true" else wrong)
    answer.end()
    assert not answer.begun
    assert answer.error is not None
    failure = MINIMAX_NATIVE.classify(200, [], answer.error)
    assert (failure.kind, failure.message) == (wanted, "no")


def test_it_sells_what_the_compatible_one_does() -> None:
    assert MINIMAX_NATIVE.models == MINIMAX.models
    assert MINIMAX_NATIVE.errors == MINIMAX.errors
