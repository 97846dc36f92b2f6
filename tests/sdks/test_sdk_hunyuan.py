"""Hunyuan's signed API through Tencent Cloud's own SDK: each signature is checked for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

KEY = tuple(market_key("tencent-native").split(":"))
ASKED = {"Model": "hunyuan-turbos-latest", "Messages": [{"Role": "user", "Content": "What does a token cost? 一厘"}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = [{"Type": "function", "Function": {"Name": "get_weather", "Parameters": json.dumps(PARAMETERS)}}]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkMarket]:
    """One vendor alone: the SDK asks at the root of a host."""
    opened = SdkMarket(tmp_path_factory.mktemp("market"), "--vendor", "tencent-native")
    yield opened
    opened.close()


def ask(market: SdkMarket, drivers: Drivers, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    driver = drivers.get("current", "hunyuan_chat")
    return driver.ask(host=market.url.removeprefix("http://"), **{"key": KEY, "asked": ASKED | asked, **more})


def is_what_was_served(market: SdkMarket, answer: dict[str, Any]) -> None:
    assert answer.get("raised") is None
    served, usage = market.serving(answer["last"]["Id"]), answer["last"]["Usage"]
    assert (served.vendor, served.outcome) == ("tencent-native", "whole")
    assert (usage["PromptTokens"], usage["CompletionTokens"]) == (served.prompt_tokens, served.completion_tokens)
    assert usage["TotalTokens"] == served.prompt_tokens + served.completion_tokens
    assert usage["PromptTokensDetails"]["CachedTokens"] == served.cached_tokens


@pytest.mark.parametrize("unsigned", [False, True], ids=["signed-body", "unsigned-body"])
def test_whole(market: SdkMarket, drivers: Drivers, unsigned: bool) -> None:
    answer = ask(market, drivers, {}, unsigned=unsigned)
    is_what_was_served(market, answer)
    [choice] = answer["last"]["Choices"]
    assert choice["FinishReason"] == "stop"
    assert choice["Message"]["Content"]


def test_stream(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, {"Stream": True})
    is_what_was_served(market, answer)
    assert answer["parts"] > 3
    assert "".join(part["Choices"][0]["Delta"]["Content"] for part in answer["all"])
    assert [part["Choices"][0]["FinishReason"] for part in answer["all"]][-2:] == ["", "stop"]


def test_a_tool_is_called(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, {"Tools": TOOLS, "ToolChoice": "auto"})
    is_what_was_served(market, answer)
    [call] = answer["last"]["Choices"][0]["Message"]["ToolCalls"]
    assert (call["Function"]["Name"], json.loads(call["Function"]["Arguments"])["days"]) == ("get_weather", 42)


def test_a_search_shows_what_it_found(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, {"EnableEnhancement": True, "SearchInfo": True})
    assert answer["last"]["SearchInfo"]["SearchResults"][0]["Url"].startswith("https://")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("key", "code"),
    [
        ((KEY[0], "another-secret"), "AuthFailure.SignatureFailure"),
        (("AKIDnobody", KEY[1]), "AuthFailure.SecretIdNotFound"),
    ],
)
def test_a_wrong_key(market: SdkMarket, drivers: Drivers, key: tuple[str, str], code: str, stream: bool) -> None:
    raised = ask(market, drivers, {"Stream": stream}, key=key)["raised"]
    assert (raised["class"], raised["code"]) == ("TencentCloudSDKException", code)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("rate_limited", "RequestLimitExceeded"),
        ("no_balance", "FailedOperation.ServiceStopArrears"),
        ("overloaded", "FailedOperation.EngineServerLimitExceeded"),
        ("content_filtered", "OperationDenied.TextIllegalDetected"),
    ],
)
def test_refusals(market: SdkMarket, drivers: Drivers, fault: str, code: str, stream: bool) -> None:
    raised = ask(market, drivers, {"Model": f"hunyuan-turbos-latest!{fault}", "Stream": stream})["raised"]
    assert (raised["class"], raised["code"]) == ("TencentCloudSDKException", code)
    assert market.served()[-1].outcome == "refused"


def test_a_failure_in_the_middle_of_a_stream_is_told_in_its_place(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, {"Model": "hunyuan-turbos-latest!error_inside@3", "Stream": True})
    assert answer["last"]["ErrorMsg"]["Code"] == 4000


def draw(market: SdkMarket, drivers: Drivers, **asked: Any) -> dict[str, Any]:
    driver = drivers.get("current", "hunyuan_images")
    return driver.ask(host=market.url.removeprefix("http://"), key=KEY, asked=asked)


def test_images_by_a_job(market: SdkMarket, drivers: Drivers) -> None:
    job = draw(market, drivers, Prompt="墨竹", Num=3, Resolution="1024:768")
    assert (job["JobStatusCode"], len(job["ResultImage"]), job["ResultDetails"]) == ("5", 3, ["Success"] * 3)
    assert market.served()[-1].units == {"images": 3}


def test_a_job_that_fails(market: SdkMarket, drivers: Drivers) -> None:
    job = draw(market, drivers, Prompt="FAIL, please")
    assert (job["JobStatusCode"], job["JobErrorMsg"]) == ("4", "it went wrong")
    assert market.served()[-1].units == {}


def test_a_job_that_is_not_taken_on(market: SdkMarket, drivers: Drivers) -> None:
    raised = draw(market, drivers, Prompt="x", Num=9)["raised"]
    assert (raised["class"], raised["code"]) == ("TencentCloudSDKException", "InvalidParameterValue")
