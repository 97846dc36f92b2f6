"""Spark over a WebSocket through spark-ai-python, as it is on the registry: the signature is checked for real."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

VENDOR = "iflytek-ws"
ASK = [{"role": "user", "content": "What does a token cost?"}]
WEATHER = {
    "name": "get_weather", "description": "The weather to come", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
}  # fmt: skip
CALL = {"city": '上海 "厘"', "days": 42}


def ask(market: SdkMarket, drivers: Drivers, *, key: str | None = None, fault: str = "", path: str = "/v3.5/chat",
        **more: Any) -> dict[str, Any]:  # fmt: skip
    return drivers.get("current", "spark_chat").ask(
        base_url=market.base_url(VENDOR).replace("http://", "ws://"), path=path, key=key or market_key(VENDOR),
        asked={"model": "generalv3.5" + fault, "messages": ASK, **more},
    )  # fmt: skip


def is_what_was_served(market: SdkMarket, answer: dict[str, Any]) -> None:
    assert answer.get("raised") is None
    served = market.served()[-1]
    assert (served.vendor, served.outcome, served.model) == (VENDOR, "whole", "generalv3.5")
    assert answer["usage"] == {
        "question_tokens": served.prompt_tokens,
        "prompt_tokens": served.prompt_tokens,
        "completion_tokens": served.completion_tokens,
        "total_tokens": served.prompt_tokens + served.completion_tokens,
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream)
    is_what_was_served(market, answer)
    assert answer["text"]
    assert answer["parts"] > (3 if stream else 0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_function_is_called(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, stream=stream, functions=[WEATHER])
    is_what_was_served(market, answer)
    assert answer["call"]["name"] == "get_weather"
    assert json.loads(answer["call"]["arguments"]) == CALL


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_wrong_secret_ends_the_handshake(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    app, name, _ = market_key(VENDOR).split(":")
    for key in (f"{app}:{name}:wrong", f"{app}:nobody:wrong"):
        answer = ask(market, drivers, key=key, stream=stream)
        assert answer["raised"]["class"] == "SparkAIConnectionError"
        assert "401" in answer["raised"]["says"]
        assert market.served()[-1].outcome == "refused"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [("!rate_limited", 11202), ("!quota_exhausted", 11200), ("!content_filtered", 10013), ("!overloaded", 10110)],
)
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, code: int, stream: bool) -> None:
    answer = ask(market, drivers, fault=fault, stream=stream)
    assert answer["raised"]["class"] == "SparkAIConnectionError"
    assert answer["raised"]["error_code"] == code
    assert market.served()[-1].outcome == "refused"


def test_a_key_of_another_application(market: SdkMarket, drivers: Drivers) -> None:
    _, name, secret = market_key(VENDOR).split(":")
    answer = ask(market, drivers, key=f"another:{name}:{secret}")
    assert answer["raised"]["error_code"] == 10016


def test_a_domain_must_fit_its_path(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, path="/v1.1/chat")
    assert answer["raised"]["error_code"] == 10404


def test_a_stream_that_breaks_off(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, fault="!error_inside@3", stream=True)
    assert answer["raised"]["error_code"] == 10012
    assert market.served()[-1].outcome == "cut"
