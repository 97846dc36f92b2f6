from __future__ import annotations

import json

import pytest
from recorded import kind, meters

from fenli.errors import CallRefused, Kind
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

VENDOR = VENDORS["sensetime-native"]
NOW = 1_700_000_000 * 10**9
ASK = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":8}')


def test_an_access_key_signs_a_token_for_each_request() -> None:
    """The token was worked out apart from this code."""
    request = VENDOR.request(VENDOR.address(VENDOR.base_url, "TESTAK:TESTSK", "SenseChat-5"), ASK, NOW)
    assert request.target == b"/v1/llm/chat-completions"
    assert (
        b"\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        b".eyJpc3MiOiJURVNUQUsiLCJleHAiOjE3MDAwMDE4MDAsIm5iZiI6MTY5OTk5OTk5NX0"
        b".bS8nfldu9hftxO3SAWJ0_Q_XMDr3HGY1LxEGkC5StnE\r\n"
    ) in request.headers
    assert json.loads(bytes(request.body)) == {
        "model": "SenseChat-5", "messages": [{"role": "user", "content": "hi"}], "stream": False, "max_new_tokens": 8,
    }  # fmt: skip


def test_an_api_key_is_sent_as_it_is() -> None:
    request = VENDOR.request(VENDOR.address(VENDOR.base_url, "sk-1", "SenseChat-5"), ASK, NOW)
    assert request.headers.count(b"Authorization") == 1
    assert b"\r\nAuthorization: Bearer sk-1\r\n" in request.headers


def test_its_usage_has_openais_three_numbers() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "knowledge_tokens": 0}
    assert meters("sensetime-native", **usage) == {"input": 9, "output": 4}


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (401, 16, "unauthenticated", Kind.BAD_KEY),
        (403, 7, "forbidden", Kind.NO_PERMISSION),
        (429, 8, "token plan entitlement exhausted", Kind.QUOTA_EXHAUSTED),
        (429, 8, "inference exceeds tpm/rpm limit", Kind.RATE_LIMITED),
        (429, 8, "rpm exhausted", Kind.RATE_LIMITED),
        (400, 3, "invalid argument", Kind.BAD_REQUEST),
        (503, 14, "unavailable", Kind.OVERLOADED),
        (500, 13, "internal", Kind.SERVER_ERROR),
        (404, 5, "no such model", Kind.MODEL_NOT_FOUND),
    ],
)
def test_the_same_code_is_told_apart_by_its_words(status: int, code: int, message: str, expected: Kind) -> None:
    assert kind("sensetime-native", status, code=code, message=message, details=[]) is expected


def test_a_status_inside_a_stream_is_read_alike() -> None:
    assert VENDOR.classify(200, [], b'{"code":8,"message":"rpm exhausted"}').kind is Kind.RATE_LIMITED
    assert VENDOR.classify(200, [], b'{"code":13,"message":"x"}').kind is Kind.SERVER_ERROR


def test_what_it_has_no_word_for_is_refused_by_name() -> None:
    ask = parse_request(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"seed":1}')
    with pytest.raises(CallRefused) as caught:
        VENDOR.request(VENDOR.address(VENDOR.base_url, "sk-1", "SenseChat-5"), ask, NOW)
    assert caught.value.param == "seed"


PERSONA = {"bot_name": "林", "bot_profile": "茶商", "user_name": "卫", "user_profile": "客人", "scene": "茶馆",
           "examples": [{"user": "新茶吗?", "bot": "今早采的。"}]}  # fmt: skip


def played(**members):
    asked = {"model": "m", "messages": [{"role": "user", "content": "你好"}], **members}
    address = VENDOR.address(VENDOR.base_url, "sk-1", "SenseChat-Character")
    request = VENDOR.request(address, parse_request(json.dumps(asked).encode()), NOW)
    assert request.target == b"/v1/llm/character/chat-completions"
    return json.loads(bytes(request.body))


def test_a_persona_is_who_speaks_and_everybody_has_a_name() -> None:
    turns = [{"role": "system", "content": "说中文"}, {"role": "user", "content": "你好"},
             {"role": "assistant", "content": "请坐"}, {"role": "user", "content": "好"}]  # fmt: skip
    body = played(messages=turns, max_tokens=64, n=2, stream=True, fenli={"persona": PERSONA})
    other = body["character_settings"][1].pop("other_setting")
    assert json.loads(other) == {"scene": "茶馆", "examples": [{"卫": "新茶吗?", "林": "今早采的。"}]}
    assert body == {
        "model": "SenseChat-Character",
        "max_new_tokens": 64,
        "n": 2,
        "character_settings": [
            {"name": "卫", "gender": "未知", "detail_setting": "客人"},
            {"name": "林", "gender": "未知", "detail_setting": "茶商\n\n说中文"},
        ],
        "role_setting": {"user_name": "卫", "primary_bot_name": "林"},
        "messages": [
            {"name": "卫", "content": "你好"}, {"name": "林", "content": "请坐"}, {"name": "卫", "content": "好"},
        ],
    }  # fmt: skip


def test_settings_in_its_own_words_stand() -> None:
    own = {
        "character_settings": [{"name": name, "gender": "女"} for name in "甲乙丙"],
        "role_setting": {"user_name": "甲", "primary_bot_name": "乙"},
    }
    third = {"role": "user", "name": "丙", "content": "我也来"}
    body = played(messages=[{"role": "user", "content": "你好"}, third], **own)
    assert body == own | {
        "model": "SenseChat-Character",
        "messages": [{"name": "甲", "content": "你好"}, {"name": "丙", "content": "我也来"}],
    }


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools"),
        ({"fenli": {"persona": {"bot_name": "a", "user_name": "a"}}}, "fenli.persona.user_name"),
        ({"fenli": {"persona": {"bot_profile": "x" * 501}}}, "fenli.persona.bot_profile"),
        ({"fenli": {"persona": {"user_profile": "x" * 501}}}, "fenli.persona.user_profile"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}, "messages"),
        ({"character_settings": []}, "role_setting"),
        ({"character_settings": [], "role_setting": {"user_name": "a"}}, "role_setting"),
    ],
)
def test_what_a_character_cannot_be_told_is_refused_by_name(members: dict[str, object], param: str) -> None:
    with pytest.raises(CallRefused) as caught:
        played(**members)
    assert caught.value.param == param
