from __future__ import annotations

import json
from typing import Any

import pytest
from recorded import meters

from fenli.errors import Kind, UsageError
from fenli.vendors.ollama_native import OLLAMA_NATIVE
from fenli.wire.openai_chat import parse_request


def sent(**members: Any) -> dict[str, Any]:
    address = OLLAMA_NATIVE.address(OLLAMA_NATIVE.base_url, "", "minicpm-v")
    assert address.target == b"/api/chat"
    ask = parse_request(json.dumps({"model": "public", "messages": [], **members}).encode())
    body: dict[str, Any] = json.loads(bytes(OLLAMA_NATIVE.request(address, ask, 0).body))
    return body


@pytest.mark.parametrize(
    ("asked", "think"),
    [
        ({}, None),
        ({"fenli": {"thinking": True}}, True),
        ({"fenli": {"thinking": False}}, False),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"fenli": {"thinking": {"budget": 5}}}, "low"),
        ({"think": True}, True),
    ],
)
def test_thinking_has_a_switch(asked: dict[str, Any], think: Any) -> None:
    assert sent(**asked).get("think") == think


def test_a_schema_is_taken_and_a_persona_is_told() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    body = sent(response_format=schema, fenli={"persona": {"bot_name": "Lin"}})
    assert body["format"] == {"type": "object"}
    assert "Lin" in body["messages"][0]["content"]


def test_it_counts_what_it_evaluated() -> None:
    assert meters("ollama-native", prompt_eval_count=20, eval_count=9, total_duration=5) == {"input": 20, "output": 9}


def test_a_prompt_that_it_does_not_count_is_unknown_and_not_zero() -> None:
    with pytest.raises(UsageError, match="no prompt tokens"):
        meters("ollama-native", eval_count=9, prompt_eval_duration=1)


@pytest.mark.parametrize(
    ("status", "text", "wanted"),
    [
        (404, 'model "x" not found, try pulling it first', Kind.MODEL_NOT_FOUND),
        (500, 'model "x" not found', Kind.MODEL_NOT_FOUND),
        (400, "the input exceeds the context length", Kind.CONTEXT_TOO_LONG),
        (400, "invalid message", Kind.BAD_REQUEST),
        (503, "server busy", Kind.OVERLOADED),
        (500, "the runner ended", Kind.SERVER_ERROR),
        (200, "the runner ended", Kind.SERVER_ERROR),
    ],
)
def test_what_its_errors_mean(status: int, text: str, wanted: Kind) -> None:
    failure = OLLAMA_NATIVE.classify(status, [], json.dumps({"error": text}).encode())
    assert (failure.kind, failure.message, failure.body) == (wanted, text, None)
