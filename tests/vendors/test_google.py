from __future__ import annotations

import json
from typing import Any

import pytest

from fenli.errors import Kind
from fenli.vendors.google import GOOGLE
from fenli.wire.openai_chat import ChatRequest, parse_request

USER = {"role": "user", "content": "hi"}


def asked(**members: Any) -> ChatRequest:
    return parse_request(json.dumps({"model": "x", "messages": [USER], **members}).encode())


def sent(model: str, **members: Any) -> dict[str, Any]:
    address = GOOGLE.address(GOOGLE.base_url, "AIza1", model)
    body: dict[str, Any] = json.loads(bytes(GOOGLE.request(address, asked(**members), 0).body))
    return body


def test_the_model_and_whether_it_streams_stand_in_the_path() -> None:
    address = GOOGLE.address(GOOGLE.base_url, "AIza1", "gemini-2.5-flash")
    whole, stream = (GOOGLE.request(address, asked(stream=on), 0) for on in (False, True))
    assert whole.target == b"/v1beta/models/gemini-2.5-flash:generateContent"
    assert stream.target == b"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert b"x-goog-api-key: AIza1" in whole.headers.split(b"\r\n")
    assert "AIza1" not in repr(address)


def test_a_models_name_stays_within_its_part_of_the_path() -> None:
    address = GOOGLE.address("http://127.0.0.1:1/v1beta", "", "../a b?c")
    assert GOOGLE.request(address, asked(), 0).target == b"/v1beta/models/..%2Fa%20b%3Fc:generateContent"


@pytest.mark.parametrize(
    ("model", "options", "config"),
    [
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"reasoning_effort": "high"}, {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", {"fenli": {"thinking": {"budget": 99}}}, {"thinkingBudget": 99, "includeThoughts": True}),
        ("gemini-2.5-pro", {"fenli": {"thinking": True}}, {"includeThoughts": True}),
        ("gemini-3.5-flash", {"reasoning_effort": "minimal"}, {"thinkingLevel": "minimal", "includeThoughts": True}),
        ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-4-argon", {"reasoning_effort": "low"}, {"thinkingLevel": "low", "includeThoughts": True}),
    ],
)
def test_thinking_by_model(model: str, options: dict[str, Any], config: dict[str, Any]) -> None:
    assert sent(model, **options)["generationConfig"]["thinkingConfig"] == config


def test_the_web_is_searched_with_a_tool_beside_the_callers() -> None:
    function = {"type": "function", "function": {"name": "add"}}
    declared = {"functionDeclarations": [{"name": "add"}]}
    assert sent("gemini-3.5-flash", fenli={"search": True}, tools=[function])["tools"] == [
        declared,
        {"googleSearch": {}},
    ]
    assert sent("gemini-2.5-pro", web_search_options={})["tools"] == [{"googleSearch": {}}]
    assert "tools" not in sent("gemini-2.5-pro")


def test_thinking_is_a_price_of_its_own_where_there_was_any() -> None:
    assert GOOGLE.facts(asked(), None, {"input": 1, "output": 1, "reasoning": 1}) == {"thinking": True}
    assert GOOGLE.facts(asked(), None, {"input": 1, "output": 1}) is None


def test_models_from_3_on_want_a_signature_with_calls() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [USER, {"role": "assistant", "tool_calls": [call]}]
    parts = [sent(model, messages=history)["contents"][1]["parts"][0]
             for model in ("gemini-2.5-pro", "gemini-3.5-flash", "gemini-4-argon")]  # fmt: skip
    assert ["thoughtSignature" in part for part in parts] == [False, True, True]


def error(code: int, status: str, message: str, *reasons: str, quota: str = "") -> dict[str, Any]:
    details: list[dict[str, Any]] = [{"@type": "ErrorInfo", "reason": reason} for reason in reasons]
    if quota:
        details += [{"violations": [{"quotaId": quota}]}, {"retryDelay": "7.5s"}]
    return {"error": {"code": code, "status": status, "message": message, "details": details}}


DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"
ERRORS = [
    (error(400, "INVALID_ARGUMENT", "API key not valid.", "API_KEY_INVALID"), Kind.BAD_KEY),
    (error(401, "UNAUTHENTICATED", "no credentials"), Kind.BAD_KEY),
    (error(400, "INVALID_ARGUMENT", "Unknown name"), Kind.BAD_REQUEST),
    (error(400, "INVALID_ARGUMENT", "The input token count (1048577) exceeds the maximum number of tokens"),
     Kind.CONTEXT_TOO_LONG),
    (error(400, "FAILED_PRECONDITION", "User location is not supported"), Kind.NO_PERMISSION),
    (error(403, "PERMISSION_DENIED", "no access"), Kind.NO_PERMISSION),
    (error(403, "PERMISSION_DENIED", "off", "BILLING_DISABLED"), Kind.NO_BALANCE),
    (error(404, "NOT_FOUND", "models/gemini-0 is not found"), Kind.MODEL_NOT_FOUND),
    (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", quota=MINUTE), Kind.RATE_LIMITED),
    (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", quota=DAY), Kind.QUOTA_EXHAUSTED),
    (error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), Kind.NO_BALANCE),
    (error(500, "INTERNAL", "oops"), Kind.SERVER_ERROR),
    (error(503, "UNAVAILABLE", "overloaded"), Kind.OVERLOADED),
    (error(504, "DEADLINE_EXCEEDED", "late"), Kind.TIMEOUT),
]  # fmt: skip


@pytest.mark.parametrize(("body", "wanted"), ERRORS)
def test_what_its_errors_mean(body: dict[str, Any], wanted: Kind) -> None:
    failure = GOOGLE.classify(body["error"]["code"], [], json.dumps(body).encode())
    assert (failure.kind, failure.message) == (wanted, body["error"]["message"])
    assert GOOGLE.classify(200, [], json.dumps([body]).encode()).kind is wanted


def test_the_wait_stands_in_the_body() -> None:
    body = json.dumps(error(429, "RESOURCE_EXHAUSTED", "slow", quota=MINUTE)).encode()
    assert GOOGLE.classify(429, [], body).retry_after_ms == 7_500
    assert GOOGLE.classify(429, [(b"retry-after", b"3")], body).retry_after_ms == 3_000


def test_a_blocked_prompt_is_filtered_and_a_broken_answer_the_vendors_fault() -> None:
    blocked = GOOGLE.classify(200, [], b'{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}')
    assert (blocked.kind, blocked.message) == (Kind.CONTENT_FILTERED, "the prompt was blocked (PROHIBITED_CONTENT)")
    broken = GOOGLE.classify(200, [], b'{"error":{"status":"MALFORMED_FUNCTION_CALL","message":"x"}}')
    assert broken.kind is Kind.SERVER_ERROR
