from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import CallRefused, Kind
from fenli.vendors.anthropic import ANTHROPIC
from fenli.wire.openai_chat import parse_request

USER = {"role": "user", "content": "hi"}


def sent(model: str, **members: Any) -> dict[str, Any]:
    address = ANTHROPIC.address(ANTHROPIC.base_url, "sk-ant-1", model)
    ask = parse_request(json.dumps({"model": "x", "messages": [USER], **members}).encode())
    body: dict[str, Any] = json.loads(bytes(ANTHROPIC.request(address, ask, 0).body))
    return body


def test_it_is_asked_with_its_own_header_at_its_own_path() -> None:
    address = ANTHROPIC.address(ANTHROPIC.base_url, "sk-ant-1", "claude-sonnet-5-5")
    request = ANTHROPIC.request(address, parse_request(json.dumps({"model": "x", "messages": [USER]}).encode()), 0)
    assert request.target == b"/v1/messages"
    lines = request.headers.split(b"\r\n")
    assert b"x-api-key: sk-ant-1" in lines
    assert b"anthropic-version: 2023-06-01" in lines
    assert not any(line.lower().startswith(b"authorization") for line in lines)
    assert "sk-ant-1" not in repr(address)


def test_the_limit_is_the_callers_or_else_the_models() -> None:
    assert sent("claude-haiku-4-5")["max_tokens"] == 64_000
    assert sent("claude-haiku-4-5-20251001")["max_tokens"] == 64_000
    assert sent("claude-haiku-4-5", max_tokens=7)["max_tokens"] == 7
    assert sent("claude-of-tomorrow", max_completion_tokens=7)["max_tokens"] == 7
    with pytest.raises(CallRefused) as refused:
        sent("claude-of-tomorrow")
    assert refused.value.param == "max_completion_tokens"


ADAPTIVE: dict[str, Any] = {"thinking": {"type": "adaptive"}}


@pytest.mark.parametrize(
    ("model", "asked", "body"),
    [
        ("claude-opus-5-5", {"reasoning_effort": "high"}, {**ADAPTIVE, "output_config": {"effort": "high"}}),
        ("claude-sonnet-4-6", {"reasoning_effort": "minimal"}, {**ADAPTIVE, "output_config": {"effort": "low"}}),
        ("claude-sonnet-5-5", {"fenli": {"thinking": True}}, ADAPTIVE),
        ("claude-sonnet-5-5", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("claude-haiku-4-5", {"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-haiku-4-5", {"reasoning_effort": "minimal"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-haiku-4-5", {"fenli": {"thinking": {"budget": 3000}}, "max_tokens": 9000},
         {"thinking": {"type": "enabled", "budget_tokens": 3000}}),
        ("claude-haiku-4-5", {"fenli": {"thinking": {"budget": 3000}}, "max_tokens": 4000},
         {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ("claude-haiku-4-5", {"fenli": {"thinking": True}, "max_tokens": 1500},
         {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-opus-4-1-20250805", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", {"reasoning_effort": "low", "thinking": {"type": "adaptive", "display": "summarized"}},
         {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}}),
    ],
)  # fmt: skip
def test_thinking_by_model(model: str, asked: dict[str, Any], body: dict[str, Any]) -> None:
    found = sent(model, **asked)
    assert {name: found[name] for name in ("thinking", "output_config") if name in found} == body


def test_a_budget_needs_room_below_the_limit() -> None:
    with pytest.raises(CallRefused) as refused:
        sent("claude-haiku-4-5", reasoning_effort="low", max_tokens=1024)
    assert refused.value.param == "max_completion_tokens"


def test_a_schema_is_the_format_of_the_output() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    found = sent("claude-opus-5-5", response_format=form, reasoning_effort="low")
    assert found["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}


SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
FUNCTION = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def test_the_web_is_searched_with_a_tool_beside_the_callers() -> None:
    found = sent("claude-sonnet-5-5", fenli={"search": True}, tools=[FUNCTION])
    assert found["tools"] == [{"name": "add", "input_schema": {"type": "object"}}, SEARCH]
    assert sent("claude-haiku-4-5", web_search_options={})["tools"] == [SEARCH]
    assert "tools" not in sent("claude-haiku-4-5", fenli={"search": False})


def test_a_search_in_the_vendors_own_words_stands() -> None:
    own = {"type": "web_search_20260209", "name": "web_search", "allowed_domains": ["example.com"]}
    assert sent("claude-opus-5-5", tools=[own])["tools"] == [own]
    assert sent("claude-opus-5-5", tools=[own], fenli={"search": True})["tools"] == [own]
    with pytest.raises(CallRefused) as refused:
        sent("claude-opus-5-5", tools=[FUNCTION, {"type": "code_execution_20250825", "name": "code_execution"}])
    assert refused.value.param == "tools[1].type"


def test_what_it_has_no_word_for_is_refused_by_name() -> None:
    for member, value in (("logit_bias", {"1": 1}), ("n", 2), ("seed", 3), ("inference_geo", "us")):
        with pytest.raises(CallRefused) as refused:
            sent("claude-haiku-4-5", **{member: value})
        assert refused.value.param == member


def test_tiers_and_speed_are_prices_of_their_own() -> None:
    plain, fast = (parse_request(json.dumps({"model": "x", "messages": [], **more}).encode())
                   for more in ({}, {"speed": "fast"}))  # fmt: skip
    assert ANTHROPIC.facts(plain, "standard", {}) is None
    assert ANTHROPIC.facts(plain, "priority", {}) == {"service_tier": "priority"}
    assert ANTHROPIC.facts(fast, None, {}) == {"speed": "fast"}


ERRORS = [
    (400, "invalid_request_error", "messages: at least one message is required", Kind.BAD_REQUEST),
    (400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum", Kind.CONTEXT_TOO_LONG),
    (400, "invalid_request_error", "Your credit balance is too low to access the API.", Kind.NO_BALANCE),
    (400, "invalid_request_error", "You have reached your specified API usage limits.", Kind.QUOTA_EXHAUSTED),
    (400, "invalid_request_error", "Output blocked by content filtering policy", Kind.CONTENT_FILTERED),
    (401, "authentication_error", "invalid x-api-key", Kind.BAD_KEY),
    (402, "billing_error", "pay first", Kind.NO_BALANCE),
    (403, "permission_error", "not this model", Kind.NO_PERMISSION),
    (404, "not_found_error", "model: claude-0", Kind.MODEL_NOT_FOUND),
    (413, "request_too_large", "too large", Kind.CONTEXT_TOO_LONG),
    (429, "rate_limit_error", "slow down", Kind.RATE_LIMITED),
    (500, "api_error", "oops", Kind.SERVER_ERROR),
    (504, "timeout_error", "late", Kind.TIMEOUT),
    (529, "overloaded_error", "busy", Kind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "kind", "message", "wanted"), ERRORS)
def test_what_its_errors_mean(status: int, kind: str, message: str, wanted: Kind) -> None:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    failure = ANTHROPIC.classify(status, [(b"retry-after", b"7")], json.dumps(body).encode())
    assert (failure.kind, failure.message, failure.retry_after_ms) == (wanted, message, 7_000)
    inside = ANTHROPIC.classify(200, [], json.dumps(body).encode())
    assert inside.kind is wanted
