"""SenseNova's own API through sensenova: the token that it signs for each request is checked for real."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

KEY = tuple(market_key("sensetime-native").split(":"))
ASKED = {"model": "SenseChat-5", "messages": [{"role": "user", "content": "What does a token cost? 一厘"}]}
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "parameters": {"type": "object", "properties": {"days": {"type": "integer"}}}}}]  # fmt: skip


def ask(market: SdkMarket, drivers: Drivers, asked: dict[str, Any], key: tuple[str, ...] = KEY) -> dict[str, Any]:
    driver = drivers.get("sensenova", "sensenova_chat")
    return driver.ask(base_url=market.base_url("sensetime-native"), key=key, asked=ASKED | asked)


def is_what_was_served(market: SdkMarket, answer: dict[str, Any]) -> None:
    assert answer.get("raised") is None
    served, usage = market.serving(answer["last"]["id"]), answer["last"]["usage"]
    assert (served.vendor, served.outcome) == ("sensetime-native", "whole")
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (served.prompt_tokens, served.completion_tokens)
    assert usage["total_tokens"] == served.prompt_tokens + served.completion_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, {"stream": stream, "max_new_tokens": 512, "temperature": 0.8, "top_p": 0.7})
    is_what_was_served(market, answer)
    assert answer["text"]
    assert (answer["parts"] > 3) is stream
    assert answer["last"]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_is_called(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, {"stream": stream, "tools": TOOLS})
    is_what_was_served(market, answer)
    assert answer["calls"][0]["function"]["name"] == "get_weather"
    assert json.loads("".join(call["function"]["arguments"] for call in answer["calls"])) == {"days": 42}


def test_a_character_answers(market: SdkMarket, drivers: Drivers) -> None:
    """As in the SDK's own tests."""
    play: dict[str, Any] = {
        "model": "nova-ptc-s-v1-character", "n": 2, "max_new_tokens": 300,
        "character_settings": [{"name": "y", "gender": "男", "nickname": "老师", "other_setting": "特别喜欢钱"},
                               {"name": "d", "gender": "男", "nickname": "卖菜员"}],
        "role_setting": {"user_name": "d", "primary_bot_name": "y"},
        "messages": [{"name": "d", "content": "我能分多少钱."}],
    }  # fmt: skip
    answer = ask(market, drivers, play)
    is_what_was_served(market, answer)
    assert [choice["message"] for choice in answer["last"]["choices"]] == [answer["text"]] * 2
    assert answer["text"].startswith("y: ")
    for wrong in ({"messages": [{"name": "x", "content": "hi"}]}, {"max_new_tokens": 1_025}):
        assert ask(market, drivers, play | wrong)["raised"]["class"] == "InvalidRequestError"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("key", [(KEY[0], "another-sk"), ("another-ak", KEY[1])])
def test_a_wrong_key(market: SdkMarket, drivers: Drivers, key: tuple[str, str], stream: bool) -> None:
    raised = ask(market, drivers, {"stream": stream}, key)["raised"]
    assert raised["class"] == "AuthenticationError"
    assert "unauthenticated" in raised["says"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "raises", "says"),
    [
        ("rate_limited", "RateLimitError", "tpm/rpm limit"),
        ("no_balance", "RateLimitError", "no balance"),
        ("bad_request", "InvalidRequestError", "invalid argument"),
        ("no_permission", "PermissionError", "forbidden"),
    ],
)
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, raises: str, says: str, stream: bool) -> None:
    raised = ask(market, drivers, {"model": f"SenseChat-5!{fault}", "stream": stream})["raised"]
    assert (raised["class"], says in raised["says"]) == (raises, True)
    assert market.served()[-1].outcome == "refused"
