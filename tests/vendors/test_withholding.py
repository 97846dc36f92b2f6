from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.market.market import market_key
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Snapshot, VendorSettings
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.withholding import without
from fenli.wire.openai_chat import parse_request

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
SIGNED = {"google": {"thought_signature": "c2ln"}}
DETAILS = [{"type": "reasoning.text", "text": "hm"}]
OWN = {"thinking_blocks": [THOUGHT], "extra_content": SIGNED, "reasoning_details": DETAILS}
CALL = {"id": "c1", "type": "function", "function": {"name": "mill", "arguments": "{}"}}
SAID: list[dict[str, Any]] = [
    {"role": "user", "content": "How many mills make a cent?"},
    {"role": "assistant", "content": "Ten.", **OWN},
    {"role": "user", "content": 'And what is "extra_content"?'},
]
CALLED: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": None, "tool_calls": [{**CALL, "extra_content": SIGNED}], **OWN},
    {"role": "tool", "tool_call_id": "c1", "content": "10"},
]
# One that lends tickets says nothing before it has lent one, and where Pangu is found only its user knows.
SILENT = {"baidu-legacy", "huawei-pangu"}


def settings(name: str, adapter: str | None = None) -> VendorSettings:
    speaker = VENDORS[adapter or name]
    models = tuple(model.id for model in speaker.models)
    return VendorSettings(name, speaker.id, speaker.base_url, name, models, "CNY")


def asked(name: str, messages: list[dict[str, Any]], *on: VendorSettings) -> bytes:
    """What the vendor gets, with these and itself switched on."""
    mine = settings(name) if name in VENDORS else settings(name, "openai")
    keys = {each.id: market_key(each.adapter) for each in (mine, *on)}
    vendors = (mine, *(each for each in on if each.id != name))
    directory = Directory(Snapshot("1", 0, (), vendors, (), {}), lambda reference: keys[reference])
    (target,) = directory.plan(f"{name}/{(*mine.models, 'any')[0]}").targets
    ask = parse_request(json.dumps({"model": "any", "messages": messages}).encode())
    body = target.vendor.request(target.address, ask, 0).body
    return body if isinstance(body, bytes) else b"".join(map(bytes, body.pieces))


ALL = tuple(settings(name) for name in VENDORS)


@pytest.mark.parametrize("name", [name for name in VENDORS if name not in SILENT])
def test_no_vendor_is_told_what_only_another_understands(name: str) -> None:
    vendor = VENDORS[name]
    body = asked(name, SAID, *ALL)
    for member in OWN:
        if isinstance(vendor, OpenAICompatible):
            told = [member in message for message in json.loads(body)["messages"]]
            assert told == [False, member in vendor.returned, False], member
        elif member not in vendor.returned:
            assert f'"{member}":'.encode() not in body, member
    assert vendor.returned or b"c2ln" not in body


def test_of_a_tool_call_too_and_nothing_else_is_touched() -> None:
    told = json.loads(asked("deepseek", CALLED, settings("google"), settings("anthropic"), settings("minimax")))
    assert told["messages"] == [
        CALLED[0],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        CALLED[2],
    ]


def test_whoever_says_it_gets_it_back() -> None:
    assert b"c2ln" in asked("anthropic", SAID, *ALL)
    assert json.loads(asked("minimax-native", SAID, *ALL))["messages"][1]["reasoning_details"] == DETAILS


def test_where_nobody_says_such_things_bytes_pass_as_they_came() -> None:
    assert json.loads(asked("deepseek", CALLED))["messages"] == CALLED


def test_what_a_vendor_of_ones_own_understands_nobody_knows() -> None:
    assert json.loads(asked("acme", CALLED, *ALL))["messages"] == CALLED


@pytest.mark.parametrize(
    "messages",
    [b'["extra_content"]', b'{"extra_content":1}', b'[{"extra_content":1}', b'[{"tool_calls":"extra_content"}]',
     b'[{"tool_calls":[1,"extra_content"]}]', b"[]", b'[{"role":"user","content":"no such thing"}]'],
)  # fmt: skip
def test_what_is_no_list_of_messages_is_for_the_vendor_to_refuse(messages: bytes) -> None:
    assert without(messages, ("extra_content",)) is messages


TEXTS = st.text('ab"\\{}é', max_size=6)
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(TEXTS, LEAVES, max_size=2)
NAMES = st.sampled_from(["role", "content", "extra_content", "thinking_blocks", "name"])
CALLS = st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=2)
MESSAGES = st.lists(
    st.builds(lambda fields, calls: {**fields, "tool_calls": calls}, st.dictionaries(NAMES, VALUES, max_size=3), CALLS)
    | st.dictionaries(NAMES, VALUES, max_size=3),
    max_size=3,
)


@given(MESSAGES)
def test_whatever_is_said_the_rest_stays(messages: list[dict[str, Any]]) -> None:
    strange = ("extra_content", "thinking_blocks")

    def kept(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if name not in strange}

    expected = [kept(message) for message in messages]
    for message in expected:
        if "tool_calls" in message:
            message["tool_calls"] = [kept(call) for call in message["tool_calls"]]
    assert json.loads(bytes(without(json.dumps(messages).encode(), strange))) == expected
