"""Messages through anthropic, as it is on the registry. It names the newer version of the API, and a bearer key."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

USER = {"role": "user", "content": "What does a token cost?"}
TOOL = {"name": "get_weather", "description": "The weather to come", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}  # fmt: skip
CALL = {"city": '上海 "厘"', "days": 42}
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(market: SdkMarket, drivers: Drivers, *, key: str | None = None, model: str = "claude-sonnet-5-5",
        fault: str = "", **more: Any) -> dict[str, Any]:  # fmt: skip
    asked = {"model": model + fault, "max_tokens": 4_000, "messages": [USER], **more}
    return drivers.get("current", "anthropic_chat").ask(
        base_url=market.base_url("anthropic"), key=key or market_key("anthropic"), asked=asked
    )


def is_what_was_served(market: SdkMarket, answer: dict[str, Any]) -> None:
    assert answer.get("raised") is None
    served, usage = market.serving(answer["id"]), answer["usage"]
    assert (served.vendor, served.outcome) == ("anthropic", "whole")
    read = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert usage["input_tokens"] + read == served.prompt_tokens
    assert usage["cache_read_input_tokens"] == served.cached_tokens
    assert usage["output_tokens"] == served.completion_tokens > 0
    assert usage["output_tokens_details"]["thinking_tokens"] == served.reasoning_tokens


@BOTH
def test_an_answer(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream)
    is_what_was_served(market, answer)
    [block] = answer["content"]
    assert (block["type"], bool(block["text"]), answer["stop_reason"]) == ("text", True, "end_turn")
    assert answer["parts"] > (10 if stream else 0)


@BOTH
def test_a_tool_is_called_and_its_result_taken(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, tools=[TOOL], system="Be brief.")
    is_what_was_served(market, answer)
    [block] = answer["content"]
    assert (block["name"], block["input"], answer["stop_reason"]) == ("get_weather", CALL, "tool_use")
    result = {"type": "tool_result", "tool_use_id": block["id"], "content": "sunny"}
    turns = [USER, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    is_what_was_served(market, ask(market, drivers, stream=stream, tools=[TOOL], messages=turns))


@BOTH
def test_a_search_is_cited_and_counted(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    tool = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    answer = ask(market, drivers, stream=stream, tools=[tool])
    is_what_was_served(market, answer)
    call, result, text = answer["content"]
    assert (call["type"], call["name"], bool(call["input"]["query"])) == ("server_tool_use", "web_search", True)
    assert (result["tool_use_id"], text["type"]) == (call["id"], "text")
    assert [one["url"] for one in text["citations"]] == [one["url"] for one in result["content"]]
    assert answer["usage"]["server_tool_use"]["web_search_requests"] == market.serving(answer["id"]).searches == 1


@BOTH
def test_thinking_comes_signed_and_goes_back(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1_024}
    asked: dict[str, Any] = {"model": "claude-haiku-4-5", "thinking": thinking, "tools": [TOOL], "stream": stream}
    answer = ask(market, drivers, **asked)
    is_what_was_served(market, answer)
    thought, call = answer["content"]
    assert (thought["type"], bool(thought["thinking"]), bool(thought["signature"])) == ("thinking", True, True)
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}
    turns = [USER, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    is_what_was_served(market, ask(market, drivers, messages=turns, **asked))
    turns[1]["content"] = [{**thought, "signature": "forged"}, call]
    refused = ask(market, drivers, messages=turns, **asked)
    assert refused["raised"]["class"] == "BadRequestError"
    assert "signature" in refused["raised"]["says"]


def test_what_is_marked_is_written_to_a_cache_and_read_from_it(market: SdkMarket, drivers: Drivers) -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    part = {"type": "text", "text": "What does a token cost? " * 20}
    marked, plain = ([{"role": "user", "content": [one]}] for one in (part | {"cache_control": mark}, part))
    for turns, read, written in ((plain, 0, 0), (marked, 0, 120), (marked, 64, 56), (plain, 0, 0)):
        answer = ask(market, drivers, messages=turns)
        is_what_was_served(market, answer)
        usage = answer["usage"]
        assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (read, written)
        assert usage["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written}


@BOTH
@pytest.mark.parametrize(
    ("fault", "raises", "status"),
    [
        ("bad_key", "AuthenticationError", 401),
        ("rate_limited", "RateLimitError", 429),
        ("no_balance", "PaymentRequiredError", 402),
        ("overloaded", "OverloadedError", 529),
        ("no_permission", "PermissionDeniedError", 403),
        ("model_not_found", "NotFoundError", 404),
        ("bad_request", "BadRequestError", 400),
        ("server_error", "InternalServerError", 500),
    ],
)
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, raises: str, status: int, stream: bool) -> None:
    wrong = {"key": "nobody-knows-this"} if fault == "bad_key" else {"fault": f"!{fault}"}
    raised = ask(market, drivers, stream=stream, **wrong)["raised"]
    assert (raised["class"], raised["status_code"]) == (raises, status)
    assert raised["request_id"]
    assert market.served()[-1].outcome == "refused"


def test_a_stream_that_breaks_off_with_an_error(market: SdkMarket, drivers: Drivers) -> None:
    raised = ask(market, drivers, stream=True, fault="!error_inside@3")["raised"]
    assert "Internal server error" in raised["says"]
    assert market.served()[-1].outcome == "cut"
