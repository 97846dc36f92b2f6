"""DashScope's own API through the dashscope SDK: text and sight, increments and totals, refusals as it tells them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket
from test_sdk_chats import ASK, CALL, TOOLS

from fenli.market.market import market_key

VENDOR = "alibaba-native"
IMAGE = [{"role": "user", "content": [{"image": "https://example.com/i.png"}, {"text": "What is it?"}]}]


def ask(market: SdkMarket, drivers: Drivers, *, key: str | None = None, sees: bool = False, **asked: Any) -> Any:
    wanted = {"model": "qwen-plus", "messages": ASK, "result_format": "message", **asked}
    answer = drivers.get("current", "dashscope_chat").ask(
        base_url=market.base_url(VENDOR), key=key or market_key(VENDOR), sees=sees, asked=wanted
    )
    assert answer.get("raised") is None
    return answer["replies"]


def message(reply: dict[str, Any]) -> dict[str, Any]:
    [choice] = reply["output"]["choices"]
    said: dict[str, Any] = choice["message"]
    return said


def is_what_was_served(market: SdkMarket, reply: dict[str, Any]) -> None:
    served, usage = market.serving(reply["id"]), reply["usage"]
    assert (served.vendor, served.outcome) == (VENDOR, "whole")
    assert (usage["input_tokens"], usage["output_tokens"]) == (served.prompt_tokens, served.completion_tokens)
    assert usage["prompt_tokens_details"]["cached_tokens"] == served.cached_tokens
    assert usage["output_tokens_details"]["reasoning_tokens"] == served.reasoning_tokens
    assert served.completion_tokens > 0


def test_whole(market: SdkMarket, drivers: Drivers) -> None:
    [reply] = ask(market, drivers)
    assert (reply["status"], message(reply)["role"]) == (200, "assistant")
    assert message(reply)["content"]
    assert reply["output"]["choices"][0]["finish_reason"] == "stop"
    is_what_was_served(market, reply)


def test_a_bare_text_is_what_it_gets_by_default(market: SdkMarket, drivers: Drivers) -> None:
    [reply] = ask(market, drivers, result_format="text")
    assert reply["output"]["text"]
    assert reply["output"]["finish_reason"] == "stop"


def test_stream_of_increments(market: SdkMarket, drivers: Drivers) -> None:
    *parts, last = ask(market, drivers, stream=True, incremental_output=True)
    assert len(parts) > 3
    assert {part["output"]["choices"][0]["finish_reason"] for part in parts} == {"null"}
    assert last["output"]["choices"][0]["finish_reason"] == "stop"
    text = "".join(message(part)["content"] for part in [*parts, last])
    assert len(text) > max(len(message(part)["content"]) for part in parts)
    is_what_was_served(market, last)


def test_several_answers_at_once_add_up(market: SdkMarket, drivers: Drivers) -> None:
    """The SDK says the whole of both in its last reply, with the sum of what each of them used."""
    *_, last = ask(market, drivers, stream=True, incremental_output=False, n=2, logprobs=True, top_logprobs=1)
    served = market.serving(last["id"])
    choices = last["output"]["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    assert choices[0]["message"]["content"] == choices[1]["message"]["content"]
    tokens = [one["token"] for one in choices[0]["logprobs"]["content"]]
    assert "".join(tokens) == choices[0]["message"]["content"]
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (
        served.prompt_tokens, served.completion_tokens,
    )  # fmt: skip


def test_stream_of_totals(market: SdkMarket, drivers: Drivers) -> None:
    *parts, last = ask(market, drivers, stream=True, incremental_output=False)
    texts = [message(part)["content"] for part in parts]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert message(last)["content"] == texts[-1]
    is_what_was_served(market, last)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tools(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    *_, last = ask(market, drivers, tools=TOOLS, stream=stream)
    [call] = message(last)["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("get_weather", CALL)
    assert last["output"]["choices"][0]["finish_reason"] == "tool_calls"
    is_what_was_served(market, last)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thinking(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    *_, last = ask(market, drivers, enable_thinking=True, stream=stream)
    assert message(last)["reasoning_content"]
    assert 0 < last["usage"]["output_tokens_details"]["reasoning_tokens"] < last["usage"]["output_tokens"]
    is_what_was_served(market, last)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_search_shows_its_sources_and_is_counted(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    *_, last = ask(market, drivers, enable_search=True, search_options={"enable_source": True}, stream=stream)
    assert [source["index"] for source in last["output"]["search_info"]["search_results"]] == [1]
    assert last["usage"]["plugins"] == {"search": {"count": 1}}
    is_what_was_served(market, last)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_models_that_see(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    *_, last = ask(market, drivers, sees=True, model="qwen-vl-plus", messages=IMAGE, stream=stream)
    assert message(last)["content"][0]["text"]
    is_what_was_served(market, last)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("bad_key", 401, "InvalidApiKey"),
        ("no_balance", 400, "Arrearage"),
        ("rate_limited", 429, "Throttling.RateQuota"),
        ("content_filtered", 400, "DataInspectionFailed"),
        ("overloaded", 503, "ModelServingError"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, status: int, code: str, stream: bool) -> None:
    if fault == "bad_key":
        [reply] = ask(market, drivers, key="sk-nobodys", stream=stream)
    else:
        [reply] = ask(market, drivers, model=f"qwen-plus!{fault}", stream=stream)
    assert (reply["status"], reply["code"], reply["output"]) == (status, code, None)
    assert reply["says"]
    assert market.served()[-1].outcome == "refused"


def test_a_stream_that_breaks_off_with_an_error(market: SdkMarket, drivers: Drivers) -> None:
    *parts, last = ask(market, drivers, model="qwen-plus!error_inside@3", stream=True)
    assert [part["status"] for part in parts] == [200, 200, 200]
    assert (last["code"], last["output"]) == ("InternalError.Algo", None)
    assert market.served()[-1].outcome == "cut"
