"""Ollama's own chat API through the ollama client: lines, tool calls as objects, thinking, its counts."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket
from test_sdk_chats import ASK, CALL, TOOLS

VENDOR = "ollama-native"
MODEL = "minicpm-v"
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def ask(market: SdkMarket, drivers: Drivers, fault: str = "", **asked: Any) -> dict[str, Any]:
    wanted = {"model": MODEL + fault, "messages": ASK, **asked}
    answer: dict[str, Any] = drivers.get("current", "ollama_chat").ask(base_url=market.base_url(VENDOR), asked=wanted)
    return answer


def is_what_was_served(market: SdkMarket, last: dict[str, Any]) -> None:
    served = market.served()[-1]
    assert (served.vendor, served.outcome, served.model) == (VENDOR, "whole", last["model"])
    evaluated = served.prompt_tokens - served.cached_tokens
    assert (last["prompt_eval_count"] or 0, last["eval_count"]) == (evaluated, served.completion_tokens)
    assert (last["done"], served.completion_tokens > 0) == (True, True)


@BOTH
def test_an_answer(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    parts = ask(market, drivers, stream=stream)["parts"]
    assert "".join(part["message"]["content"] for part in parts)
    assert [part["done"] for part in parts] == [*[False] * (len(parts) - 1), True]
    assert len(parts) > (3 if stream else 0)
    assert parts[-1]["done_reason"] == "stop"
    is_what_was_served(market, parts[-1])


@BOTH
def test_tools(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    parts = ask(market, drivers, stream=stream, tools=TOOLS)["parts"]
    [call] = [call for part in parts for call in part["message"]["tool_calls"] or ()]
    assert call["function"] == {"name": "get_weather", "arguments": CALL}
    is_what_was_served(market, parts[-1])


@BOTH
def test_thinking(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    parts = ask(market, drivers, stream=stream, think=True)["parts"]
    assert "".join(part["message"]["thinking"] or "" for part in parts)
    assert "".join(part["message"]["content"] for part in parts)
    is_what_was_served(market, parts[-1])


@BOTH
def test_probabilities(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    parts = ask(market, drivers, stream=stream, logprobs=True, top_logprobs=2)["parts"]
    told = [one for part in parts for one in part["logprobs"] or ()]
    assert "".join(one["token"] for one in told) == "".join(part["message"]["content"] for part in parts)
    assert all(len(one["top_logprobs"]) == 2 for one in told)
    is_what_was_served(market, parts[-1])


def test_a_limit_ends_the_answer(market: SdkMarket, drivers: Drivers) -> None:
    [answer] = ask(market, drivers, options={"num_predict": 3})["parts"]
    assert (answer["done_reason"], answer["eval_count"]) == ("length", 3)


def test_a_prompt_that_was_there_before_is_not_counted_again(market: SdkMarket, drivers: Drivers) -> None:
    prompt = [{"role": "user", "content": "What does a token cost? " * 40}]
    [first], [again] = (ask(market, drivers, messages=prompt)["parts"] for _ in range(2))
    assert first["prompt_eval_count"] > 100
    assert (again["prompt_eval_count"] or 0) < first["prompt_eval_count"]


@BOTH
@pytest.mark.parametrize(("fault", "status"), [("model_not_found", 404), ("overloaded", 503), ("bad_request", 400)])
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, status: int, stream: bool) -> None:
    raised = ask(market, drivers, f"!{fault}", stream=stream)["raised"]
    assert (raised["class"], raised["status_code"]) == ("ResponseError", status)
    assert market.served()[-1].outcome == "refused"


def test_a_stream_that_breaks_off_with_an_error(market: SdkMarket, drivers: Drivers) -> None:
    raised = ask(market, drivers, "!error_inside@3", stream=True)["raised"]
    assert (raised["class"], raised["error"]) == ("ResponseError", "the runner ended")
    assert market.served()[-1].outcome == "cut"
