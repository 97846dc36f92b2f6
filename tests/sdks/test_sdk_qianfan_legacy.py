"""Baidu's workshop API through qianfan: it fetches an access token of its own accord, and is refused inside a 200."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

KEY = tuple(market_key("baidu-legacy").split(":"))
ASKED = {"model": "ERNIE-4.0-8K", "messages": [{"role": "user", "content": "What does a token cost? 一厘"}]}
FUNCTION = {"name": "get_weather", "description": "The weather to come", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}  # fmt: skip


def ask(market: SdkMarket, drivers: Drivers, asked: dict[str, Any], key: tuple[str, ...] = KEY) -> dict[str, Any]:
    driver = drivers.get("current", "qianfan_legacy_chat")
    return driver.ask(base_url=f"{market.url}/baidu-legacy", key=key, asked=ASKED | asked)


def is_what_was_served(market: SdkMarket, answer: dict[str, Any], model: str = "ERNIE-4.0-8K") -> None:
    assert answer.get("raised") is None
    served, usage = market.serving(answer["last"]["id"]), answer["last"]["usage"]
    assert (served.vendor, served.outcome, served.model) == ("baidu-legacy", "whole", model)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (served.prompt_tokens, served.completion_tokens)


@pytest.mark.parametrize(
    ("name", "model"),
    [("ERNIE-4.0-8K", "ERNIE-4.0-8K"), ("ERNIE-3.5-8K", "ernie-3.5-8k"), ("ERNIE-Speed-8K", "ernie-speed-8k"),
     ("ERNIE-Lite-8K-0922", "ERNIE-Lite-8K-0922"), ("ERNIE-Character-8K", "ernie-char-8k")],
)  # fmt: skip
def test_each_model_is_at_its_path(market: SdkMarket, drivers: Drivers, name: str, model: str) -> None:
    answer = ask(market, drivers, {"model": name})
    is_what_was_served(market, answer, model)
    assert answer["text"]
    assert answer["last"]["finish_reason"] == "normal"


def test_stream(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, {"stream": True, "system": "be brief", "temperature": 0.5})
    is_what_was_served(market, answer)
    assert answer["parts"] > 3
    assert answer["text"]
    assert answer["last"]["is_end"] is True


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_function_is_called(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, {"functions": [FUNCTION], "stream": stream})
    is_what_was_served(market, answer)
    call = answer["last"]["function_call"]
    assert (call["name"], json.loads(call["arguments"])["days"]) == ("get_weather", 42)


def test_a_wrong_secret_gets_no_token(market: SdkMarket, drivers: Drivers) -> None:
    raised = ask(market, drivers, {}, (KEY[0], "another-secret"))["raised"]
    assert raised["class"] == "AuthError"
    assert "SK(" in raised["says"]  # the SDK reads the vendor's words


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "code"), [("rate_limited", 18), ("quota_exhausted", 17), ("overloaded", 336100), ("bad_request", 336003)]
)
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, code: int, stream: bool) -> None:
    """An endpoint of one's own choice is asked for by its path, where the market is told what to do."""
    asked = {"model": None, "endpoint": f"completions_pro!{fault}", "stream": stream}
    raised = ask(market, drivers, asked)["raised"]
    assert (raised["class"], raised["error_code"]) == ("APIError", code)
    assert market.served()[-1].outcome == "refused"
