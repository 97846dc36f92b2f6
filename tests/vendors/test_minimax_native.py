from __future__ import annotations

import json
from typing import Any

import pytest
from test_minimax import NUMBERS

from fenli.errors import CallRefused, Kind
from fenli.http.transport import Request
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


PERSONA = {
    "bot_name": "Lin",
    "bot_profile": "A tea merchant.",
    "user_name": "Wei",
    "examples": [{"user": "How much?", "bot": "Sit down first."}],
}


def played(secret: str = "key", **members: Any) -> Request:
    body = {"model": "x", "messages": [{"role": "user", "content": "hi"}], "fenli": {"persona": PERSONA}, **members}
    ask = parse_request(json.dumps(body).encode())
    return MINIMAX_NATIVE.request(MINIMAX_NATIVE.address(MINIMAX_NATIVE.base_url, secret, "abab6.5s-chat"), ask, 0)


def test_older_models_play_roles_by_the_older_dialect() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "Welcome."},
        {"role": "user", "name": "Bao", "content": "me too"},
    ]
    request = played(messages=turns, max_tokens=7, temperature=0.5, stream=True)
    assert request.target == b"/v1/text/chatcompletion_pro"
    body = json.loads(bytes(request.body))
    [setting] = body.pop("bot_setting")
    assert setting["bot_name"] == "Lin"
    assert all(words in setting["content"] for words in ("A tea merchant.", "Lin", "Wei", "Be brief."))
    assert "Sit down" not in setting["content"]
    assert body == {
        "model": "abab6.5s-chat",
        "reply_constraints": {"sender_type": "BOT", "sender_name": "Lin"},
        "messages": [
            {"sender_type": "USER", "sender_name": "Wei", "text": "hi"},
            {"sender_type": "BOT", "sender_name": "Lin", "text": "Welcome."},
            {"sender_type": "USER", "sender_name": "Bao", "text": "me too"},
        ],
        "sample_messages": [
            {"sender_type": "USER", "sender_name": "Wei", "text": "How much?"},
            {"sender_type": "BOT", "sender_name": "Lin", "text": "Sit down first."},
        ],
        "stream": True,
        "tokens_to_generate": 7,
        "temperature": 0.5,
    }


def test_a_key_may_name_the_group() -> None:
    request = played("17001:key-1")
    assert request.target == b"/v1/text/chatcompletion_pro?GroupId=17001"
    assert b"\r\nAuthorization: Bearer key-1\r\n" in request.headers
    plain = MINIMAX_NATIVE.address(MINIMAX_NATIVE.base_url, "17001:key-1", "M2-her")
    assert b"\r\nAuthorization: Bearer key-1\r\n" in plain.headers
    assert plain.target == b"/v1/text/chatcompletion_v2"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "8"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
    ],
)
def test_characters_exchange_text_alone(members: dict[str, Any], param: str) -> None:
    with pytest.raises(CallRefused) as refused:
        played(**members)
    assert refused.value.param == param


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_character_says_is_told_once(stream: bool) -> None:
    body = {"model": "x", "messages": [], "fenli": {"persona": PERSONA}, "stream": stream}
    answer = MINIMAX_NATIVE.answer(parse_request(json.dumps(body).encode()), 0)

    def spoken(text: str, **more: Any) -> dict[str, Any]:
        said = {"sender_type": "BOT", "sender_name": "Lin", "text": text}
        return {"id": "p-1", "model": "abab6.5s-chat", "choices": [{"messages": [said], "index": 0, **more}]}

    whole = {**spoken("四厘", finish_reason="stop"), "reply": "四厘", "usage": USAGE, "base_resp": WHOLE["base_resp"]}
    if stream:
        events = [spoken("四"), spoken("厘"), whole]
        out = b"".join(answer.feed(b"data: " + json.dumps(event).encode() + b"\n\n") for event in events)
        said = [json.loads(event[6:])["choices"][0]["delta"] for event in out.decode().split("\n\n") if event]
        assert "".join(delta.get("content", "") for delta in said) == "四厘"
        assert said[0]["name"] == "Lin"
    else:
        answer.feed(json.dumps(whole).encode())
        answer.end()
        message = json.loads(answer.tail(None))["choices"][0]["message"]
        assert message == {"role": "assistant", "content": "四厘", "name": "Lin"}
    assert answer.finished
    assert answer.usage is not None
    assert MINIMAX_NATIVE.usage(answer.usage) == {"input": 20, "output": 3}


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
