from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import CallRefused
from fenli.wire.openai_chat import parse_request
from fenli.wire.openai_chat.decoded import refuse_unknown

TOOLS = [{"type": "function", "function": {"name": "f"}}]


def refused(taken: tuple[str, ...] = (), **members: Any) -> str | None:
    """The member that a vendor without words refuses; None where it takes the request."""
    try:
        refuse_unknown(parse_request(json.dumps({"model": "m", "messages": [], **members}).encode()), "Acme", taken)
    except CallRefused as error:
        return error.param
    return None


@pytest.mark.parametrize(
    "members",
    [
        {"max_tokens": 5, "stream": True, "stream_options": {"include_usage": True}, "n": 1},
        {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "auto", "prompt_cache_key": "k"},
        {"logprobs": False, "stop": [], "logit_bias": {}, "seed": None},
        {"frequency_penalty": 0, "presence_penalty": 0.0, "top_logprobs": 0},
        {"tool_choice": "auto", "parallel_tool_calls": True},
        {"parallel_tool_calls": False},
    ],
)
def test_what_clients_send_unasked_is_taken(members: dict[str, Any]) -> None:
    assert refused(**members) is None


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("frequency_penalty", 0.5),
        ("temperature", 0),
        ("seed", 0),
        ("logit_bias", {"1": 2}),
        ("tool_choice", "required"),
        ("tools", TOOLS),
        ("n", 2),
        ("acme_option", "x"),
    ],
)
def test_what_is_asked_for_is_taken_or_refused_and_never_dropped(member: str, value: Any) -> None:
    assert refused(**{member: value}) == member
    assert refused((member,), **{member: value}) is None


def test_one_call_at_a_time_is_asked_for_where_there_are_tools() -> None:
    assert refused(("tools",), tools=TOOLS, parallel_tool_calls=False) == "parallel_tool_calls"
