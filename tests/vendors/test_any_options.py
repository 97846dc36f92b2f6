"""Whatever is asked for beside whatever the caller says in the vendor's own words: a request, or a refusal by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.splicing import prepared
from fenli.vendors.translated import Translated
from fenli.wire.openai_chat import ChatRequest, parse_request

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), max_size=2)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"])},
        optional={"content": st.none() | TEXT | PARTS | JSON, "name": TEXT},
    ),
    max_size=4,
) | st.lists(JSON, max_size=3)
PERSONAS = st.fixed_dictionaries(
    {"bot_name": TEXT},
    optional={
        "bot_profile": TEXT, "user_name": TEXT, "user_profile": TEXT, "scene": TEXT,
        "examples": st.lists(st.fixed_dictionaries({"user": TEXT, "bot": TEXT}), max_size=2),
    },
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "thinking": st.sampled_from([True, False, "low", "medium", "high", {"budget": 700}]),
        "search": st.booleans()
        | st.fixed_dictionaries({}, optional={"citations": st.booleans(), "force": st.booleans()}),
        "prefix": st.booleans(),
        "persona": PERSONAS,
        "missing": st.sampled_from(["refuse", "downgrade"]),
    },
)
OWN_NAMES = (
    "thinking", "enable_thinking", "reasoning_effort", "web_search_options", "tools", "search_options", "web_search",
    "chat_template_kwargs", "meta", "response_format", "top_p",
)  # fmt: skip
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
OWN = st.dictionaries(st.sampled_from(OWN_NAMES), JSON | st.just(FORMAT), max_size=4)
VENDOR = st.sampled_from([vendor for vendor in VENDORS.values() if vendor.models])


def sent(vendor: Any, ask: ChatRequest, model: str) -> dict[str, Any]:
    """The request's members, decoded."""
    if isinstance(vendor, Translated):
        return {name: json.loads(bytes(value)) for name, value in prepared(ask, vendor.switches, model).fields.items()}
    assert isinstance(vendor, OpenAICompatible)
    address = vendor.address(vendor.base_url, "sk", model)
    body: dict[str, Any] = json.loads(bytes(vendor.request(address, ask, 0).body))
    return body


@settings(max_examples=400)
@given(VENDOR, st.data(), MESSAGES, OWN, OPTIONS | JSON)
def test_a_request_comes_out_of_anything_that_can_be_read(
    vendor: Any, data: st.DataObject, messages: list[dict[str, Any]], own: dict[str, Any], options: Any
) -> None:
    model = data.draw(st.sampled_from(vendor.models)).id
    body = {**own, "model": "m", "messages": messages, "fenli": options, "extra": {"of": ["the", "caller"]}}
    try:
        ask = parse_request(json.dumps(body).encode())
        before = {name: bytes(value) for name, value in ask.fields.items()}
        out = sent(vendor, ask, model)
    except CallRefused:
        return
    assert "fenli" not in out
    assert out["extra"] == body["extra"]
    told = iter(out["messages"])
    assert all(any(one == other for other in told) for one in messages[1:-1])  # in order, as they were
    assert {name: bytes(value) for name, value in ask.fields.items()} == before


@pytest.mark.parametrize("content", [5, True, {"a": 1}])
def test_a_system_message_that_says_nothing_readable_is_refused(content: Any) -> None:
    messages = [{"role": "system", "content": content}, {"role": "user", "content": "x"}]
    body = {"model": "m", "messages": messages, "fenli": {"persona": {"bot_name": "Lin"}}}
    with pytest.raises(CallRefused, match="the first system message must have a text"):
        sent(VENDORS["deepseek"], parse_request(json.dumps(body).encode()), "deepseek-chat")
