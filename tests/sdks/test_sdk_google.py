"""generateContent through google-genai, as it is on the registry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

ASK = "What does a token cost?"
USER = {"role": "user", "parts": [{"text": ASK}]}
TOOL = {"function_declarations": [{"name": "get_weather", "description": "The weather to come", "parameters": {
    "type": "OBJECT", "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}}}]}  # fmt: skip
CALL = {"city": '上海 "厘"', "days": 42}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(market: SdkMarket, drivers: Drivers, *, key: str | None = None, fault: str = "", contents: Any = ASK,
        **more: Any) -> dict[str, Any]:  # fmt: skip
    asked = {"model": "gemini-3.5-flash" + fault, "contents": contents, **more}
    return drivers.get("current", "google_chat").ask(
        base_url=market.base_url("google"), key=key or market_key("google"), asked=asked
    )


def is_what_was_served(market: SdkMarket, answer: dict[str, Any]) -> None:
    assert answer.get("raised") is None
    served, usage = market.serving(answer["id"]), answer["usage"]
    assert (served.vendor, served.outcome) == ("google", "whole")
    thoughts = usage.get("thoughts_token_count", 0)
    assert (usage["prompt_token_count"], thoughts) == (served.prompt_tokens, served.reasoning_tokens)
    assert usage.get("cached_content_token_count", 0) == served.cached_tokens
    assert usage["candidates_token_count"] + thoughts == served.completion_tokens > 0


@BOTH
def test_an_answer(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, config={"system_instruction": "Be brief.", "temperature": 0.5})
    is_what_was_served(market, answer)
    assert "".join(part["text"] for part in answer["content"])
    assert answer["finish"] == "STOP"
    assert answer["parts"] > (3 if stream else 0)


@BOTH
def test_a_search_tells_its_sources(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, config={"tools": [{"google_search": {}}]})
    is_what_was_served(market, answer)
    found, text = answer["found"], "".join(part["text"] for part in answer["content"])
    assert found["grounding_chunks"][0]["web"]["uri"].startswith("https://")
    assert found["grounding_supports"][0]["segment"]["text"] == text
    assert len(found["web_search_queries"]) == market.serving(answer["id"]).searches == 1


@BOTH
def test_probabilities(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, config={"response_logprobs": True, "logprobs": 2})
    is_what_was_served(market, answer)
    tokens = [one["token"] for result in answer["likely"] for one in result["chosen_candidates"]]
    assert "".join(tokens) == "".join(part["text"] for part in answer["content"])
    assert all(len(one["candidates"]) == 2 for result in answer["likely"] for one in result["top_candidates"])


@BOTH
def test_thoughts_are_told_apart(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    thinking = {"thinking_level": "LOW", "include_thoughts": True}
    answer = ask(market, drivers, stream=stream, config={"thinking_config": thinking})
    is_what_was_served(market, answer)
    assert {bool(part.get("thought")) for part in answer["content"]} == {True, False}
    assert answer["usage"]["thoughts_token_count"] > 0


@BOTH
def test_a_function_is_called_and_its_result_taken(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, config={"tools": [TOOL]})
    is_what_was_served(market, answer)
    [part] = answer["content"]
    call = part["function_call"]
    assert (call["name"], call["args"], bool(part["thought_signature"])) == ("get_weather", CALL, True)
    told = {"id": call["id"], "name": call["name"], "response": {"output": "sunny"}}
    turns = [USER, {"role": "model", "parts": [part]}, {"role": "user", "parts": [{"function_response": told}]}]
    is_what_was_served(market, ask(market, drivers, stream=stream, contents=turns, config={"tools": [TOOL]}))
    del part["thought_signature"]
    refused = ask(market, drivers, stream=stream, contents=turns, config={"tools": [TOOL]})
    assert "thought_signature" in refused["raised"]["says"]


def test_an_answer_in_a_schema(market: SdkMarket, drivers: Drivers) -> None:
    schema = {"type": "OBJECT", "properties": {"days": {"type": "INTEGER"}}}
    form = {"response_mime_type": "application/json", "response_schema": schema}
    answer = ask(market, drivers, config=form)
    assert json.loads(answer["content"][0]["text"]) == {"days": 42}


def test_a_prompt_that_was_there_before_is_cached(market: SdkMarket, drivers: Drivers) -> None:
    for wanted in (0, 64):
        answer = ask(market, drivers, contents=ASK * 20)
        is_what_was_served(market, answer)
        assert answer["usage"].get("cached_content_token_count", 0) == wanted


@BOTH
@pytest.mark.parametrize(
    ("fault", "raises", "code", "status"),
    [
        ("bad_key", "ClientError", 400, "INVALID_ARGUMENT"),
        ("rate_limited", "ClientError", 429, "RESOURCE_EXHAUSTED"),
        ("no_balance", "ClientError", 403, "PERMISSION_DENIED"),
        ("model_not_found", "ClientError", 404, "NOT_FOUND"),
        ("overloaded", "ServerError", 503, "UNAVAILABLE"),
    ],
)
def test_refusals(
    market: SdkMarket, drivers: Drivers, fault: str, raises: str, code: int, status: str, stream: bool
) -> None:
    wrong = {"key": "nobody-knows-this"} if fault == "bad_key" else {"fault": f"!{fault}"}
    raised = ask(market, drivers, stream=stream, **wrong)["raised"]
    assert (raised["class"], raised["code"], raised["status"]) == (raises, code, status)
    assert market.served()[-1].outcome == "refused"


@BOTH
def test_a_blocked_prompt_is_no_error(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, fault="!content_filtered")
    assert (answer["content"], answer["blocked"]) == ([], "PROHIBITED_CONTENT")


def test_a_stream_that_breaks_off_with_an_error(market: SdkMarket, drivers: Drivers) -> None:
    raised = ask(market, drivers, stream=True, fault="!error_inside@3")["raised"]
    assert (raised["class"], raised["code"]) == ("ServerError", 500)
    assert market.served()[-1].outcome == "cut"
