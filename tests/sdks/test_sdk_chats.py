"""Chat through each vendor's official SDK, as it is on the registry: only its base URL and its key are set."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.flavours import FLAVOURS
from fenli.market.market import market_key
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible

ASK = [{"role": "user", "content": "What does a token cost?"}]
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather to come", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}]  # fmt: skip
CALL = {"city": '上海 "厘"', "days": 42}


class Refusal(NamedTuple):
    """What an SDK ``raises``, and words of the vendor's that the exception ``says``. Where the vendor refuses inside a
    200 the SDK raises nothing (None). ``streaming``: where it raises something else for a stream."""

    raises: str | None
    says: str
    streaming: str | None = None


Row = tuple[str | None, str] | tuple[str | None, str, str]


class Sdk(NamedTuple):
    """``broken_off``: what it raises in the middle of a stream, and the vendor's word for it. ``more``: members of the
    vendor's own that are sent along."""

    environment: str
    driver: str
    vendor: str
    model: str
    refusals: dict[str, Refusal]
    broken_off: tuple[str, str] = ("APIError", "")
    more: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.driver}-{self.vendor}"


def openai(vendor: str, model: str, more: dict[str, Any] | None = None, **refusals: Row) -> Sdk:
    return Sdk("current", "openai_chat", vendor, model, rows(**refusals), more=more)


def rows(**refusals: Row) -> dict[str, Refusal]:
    return {fault: Refusal(*row) for fault, row in refusals.items()}


KEY, RATE, DENIED, STATUS, BAD = (
    "AuthenticationError", "RateLimitError", "PermissionDeniedError", "APIStatusError", "BadRequestError",
)  # fmt: skip
NETWORK = ("APIResponseError", "1234")
BIGMODEL = rows(
    bad_key=("APIAuthenticationError", "身份验证失败"),
    rate_limited=("APIReachLimitError", "1302"),
    no_balance=("APIReachLimitError", "您的账户已欠费"),
)
ARK = rows(
    bad_key=("ArkAuthenticationError", "AuthenticationError"),
    rate_limited=("ArkRateLimitError", "RateLimitExceeded.EndpointRPMExceeded"),
    no_balance=("ArkPermissionDeniedError", "AccountOverdueError"),
)
QIANFAN = rows(
    bad_key=("RequestError", "invalid_iam_token", "APIError"),
    rate_limited=("RequestError", "rpm_rate_limit_exceeded", "APIError"),
    no_balance=("RequestError", "The account is overdue", "APIError"),
)
OWN = [
    Sdk("current", "zai_chat", "zhipu", "glm-5.3", BIGMODEL, NETWORK),
    Sdk("current", "zai_chat", "zai", "glm-4.6", BIGMODEL, NETWORK),
    Sdk("zhipuai", "zhipuai_chat", "zhipu", "glm-4.7", BIGMODEL, NETWORK),
    Sdk("current", "ark_chat", "bytedance", "doubao-seed-2.1-pro", ARK, ("ArkAPIError", "InternalServiceError")),
    Sdk("current", "qianfan_chat", "baidu", "ernie-5.1", QIANFAN, ("APIError", "internal_error")),
]
OPENAI = [
    openai("deepseek", "deepseek-flash", bad_key=(KEY, "Your api key is invalid"), rate_limited=(RATE, "Rate limit"),
           no_balance=(STATUS, "402 - Insufficient Balance")),
    openai("moonshot", "kimi-k3", bad_key=(KEY, "Invalid Authentication"), rate_limited=(RATE, "concurrency"),
           no_balance=(RATE, "check your plan and billing")),
    openai("moonshot-intl", "kimi-k3", bad_key=(KEY, "Invalid Authentication"), rate_limited=(RATE, "concurrency"),
           no_balance=(RATE, "check your plan and billing")),
    openai("zhipu", "glm-5.3", bad_key=(KEY, "身份验证失败"), rate_limited=(RATE, "并发数过高"),
           no_balance=(RATE, "已欠费")),
    openai("zai", "glm-5.3", bad_key=(KEY, "身份验证失败"), rate_limited=(RATE, "并发数过高"),
           no_balance=(RATE, "已欠费")),
    openai("minimax", "MiniMax-M3", bad_key=(KEY, "1004"), rate_limited=(None, "rate limit"),
           no_balance=(None, "insufficient balance")),
    openai("minimax-intl", "MiniMax-M3", bad_key=(KEY, "1004"), rate_limited=(None, "rate limit"),
           no_balance=(None, "insufficient balance")),
    openai("stepfun", "step-3.7-flash", bad_key=(KEY, "Incorrect API key"), rate_limited=(RATE, "Too many requests"),
           no_balance=(STATUS, "402 - Insufficient balance")),
    openai("baichuan", "Baichuan-M3-Plus", bad_key=(KEY, "Invalid Authentication"), rate_limited=(RATE, "Rate limit"),
           no_balance=(RATE, "insufficient account balance")),
    openai("01ai", "yi-lightning", bad_key=(KEY, "Incorrect API key"), rate_limited=(RATE, "Rate limit"),
           no_balance=(RATE, "check your balance")),
    openai("alibaba", "qwen3.8-max", bad_key=(KEY, "Incorrect API key"), rate_limited=(RATE, "request limit"),
           no_balance=(BAD, "good standing")),
    openai("bytedance", "doubao-seed-2.1-pro", bad_key=(KEY, "missing or invalid"), rate_limited=(RATE, "per minute"),
           no_balance=(DENIED, "overdue balance")),
    openai("tencent", "hunyuan-turbos-latest", bad_key=(KEY, "Incorrect API key"), rate_limited=(RATE, "Too many"),
           no_balance=(RATE, "arrears")),
    openai("baidu", "ernie-5.1", bad_key=(KEY, "IAM token"), rate_limited=(RATE, "per minute"),
           no_balance=(DENIED, "overdue")),
    openai("huawei", "deepseek-v4-pro", bad_key=(KEY, "API key is invalid"), rate_limited=(RATE, "per minute"),
           no_balance=(KEY, "frozen")),
    openai("iflytek", "spark-x", {"tool_calls_switch": True}, bad_key=(KEY, "HMAC signature"),
           rate_limited=(None, "AppIdQpsOverFlowError")),
    openai("sensetime", "SenseNova-V6-5-Pro", bad_key=(KEY, "unauthenticated"), rate_limited=(RATE, "tpm/rpm limit"),
           no_balance=(RATE, "no balance")),
    openai("metaso", "fast", bad_key=(KEY, "the key is not valid"), rate_limited=(RATE, "请求过于频繁"),
           no_balance=(None, "余额不足")),
    openai("openai", "gpt-5.5", bad_key=(KEY, "Incorrect API key"), rate_limited=(RATE, "Rate limit"),
           no_balance=(RATE, "exceeded your current quota")),
    openai("vllm", "openbmb/MiniCPM4.1-8B", bad_key=(KEY, "Unauthorized")),
    openai("ollama", "openbmb/minicpm4.1"),
    openai("local", "smollm2-135m-instruct"),
]  # fmt: skip
THINKING = {"baidu": {"enable_thinking": True}}
# What these say in the middle of a stream is no `error`: openai takes it for a chunk without choices.
UNSEEN = {"minimax", "minimax-intl", "huawei", "iflytek", "metaso", "vllm"}
ALL = [*OWN, *OPENAI]
REFUSALS = [(sdk, fault) for sdk in ALL for fault in sdk.refusals]


def ask(market: SdkMarket, drivers: Drivers, sdk: Sdk, key: str | None = None, fault: str = "", **more: Any) -> Any:
    asked = {"messages": ASK, **more, "model": sdk.model + fault}
    if sdk.more is not None:
        asked["extra_body"] = sdk.more
    return drivers.get(sdk.environment, sdk.driver).ask(
        vendor=sdk.vendor, base_url=market.base_url(sdk.vendor), key=key or market_key(sdk.vendor), asked=asked
    )


def is_what_was_served(market: SdkMarket, sdk: Sdk, answer: dict[str, Any]) -> None:
    """The vendor's own book says the same as the SDK, of as much as this vendor tells."""
    served = market.serving(answer["id"])
    assert (served.vendor, served.outcome) == (sdk.vendor, "whole")
    book = {"prompt": served.prompt_tokens, "completion": served.completion_tokens}
    book |= {"cached": served.cached_tokens, "reasoning": served.reasoning_tokens}
    assert answer["usage"] == {name: book[name] for name in answer["usage"]}
    assert answer["usage"].keys() >= {"prompt", "completion"}
    assert served.completion_tokens > 0


def test_every_vendor_that_speaks_as_openai_does_is_asked() -> None:
    alike = {name for name, vendor in VENDORS.items() if type(vendor) is OpenAICompatible}
    assert {sdk.vendor for sdk in OPENAI} == alike & set(FLAVOURS)


@pytest.mark.parametrize("sdk", ALL, ids=str)
def test_whole(market: SdkMarket, drivers: Drivers, sdk: Sdk) -> None:
    answer = ask(market, drivers, sdk)
    assert answer.get("raised") is None
    assert answer["text"]
    assert answer["finish"] == "stop"
    is_what_was_served(market, sdk, answer)


@pytest.mark.parametrize("sdk", ALL, ids=str)
def test_stream(market: SdkMarket, drivers: Drivers, sdk: Sdk) -> None:
    answer = ask(market, drivers, sdk, stream=True)
    assert answer.get("raised") is None
    assert answer["parts"] > 3
    assert (bool(answer["text"]), answer["finish"]) == (True, "stop")
    is_what_was_served(market, sdk, answer)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sdk", ALL, ids=str)
def test_tools(market: SdkMarket, drivers: Drivers, sdk: Sdk, stream: bool) -> None:
    answer = ask(market, drivers, sdk, tools=TOOLS, stream=stream)
    assert answer.get("raised") is None
    [call] = answer["calls"]
    assert (call["name"], json.loads(call["arguments"]), answer["finish"]) == ("get_weather", CALL, "tool_calls")
    is_what_was_served(market, sdk, answer)


@pytest.mark.parametrize(("sdk", "fault"), REFUSALS, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_refusals(market: SdkMarket, drivers: Drivers, sdk: Sdk, fault: str, stream: bool) -> None:
    raises, says, streaming = sdk.refusals[fault]
    if fault == "bad_key":
        answer = ask(market, drivers, sdk, key="nobody.knows-this", stream=stream)
    else:
        answer = ask(market, drivers, sdk, fault=f"!{fault}", stream=stream)
    if raises is None:
        assert answer.get("raised") is None
        assert (answer["text"], answer["finish"], answer["usage"]) == ("", None, None)
        assert stream or says in json.dumps(answer["beside"], ensure_ascii=False)
    else:
        assert answer["raised"]["class"] == (streaming or raises if stream else raises)
        assert says in json.dumps(answer["raised"], ensure_ascii=False)
    assert market.served()[-1].outcome == "refused"


@pytest.mark.parametrize("sdk", OWN, ids=str)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thinking_is_told_apart(market: SdkMarket, drivers: Drivers, sdk: Sdk, stream: bool) -> None:
    answer = ask(market, drivers, sdk, **THINKING.get(sdk.vendor, {"thinking": {"type": "enabled"}}), stream=stream)
    assert (bool(answer["reasoning"]), bool(answer["text"])) == (True, True)
    assert 0 < answer["usage"]["reasoning"] < answer["usage"]["completion"]
    is_what_was_served(market, sdk, answer)


@pytest.mark.parametrize("sdk", OWN, ids=str)
def test_a_prompt_that_was_there_before_is_cached(market: SdkMarket, drivers: Drivers, sdk: Sdk) -> None:
    prompt = [{"role": "user", "content": f"{sdk} asks: what does a token cost? " * 20}]
    first, again = (ask(market, drivers, sdk, messages=prompt)["usage"]["cached"] for _ in range(2))
    assert first == 0
    assert again > 64


@pytest.mark.parametrize("sdk", ALL, ids=str)
def test_a_stream_that_breaks_off_with_an_error(market: SdkMarket, drivers: Drivers, sdk: Sdk) -> None:
    answer = ask(market, drivers, sdk, fault="!error_inside@3", stream=True)
    raises, says = sdk.broken_off
    if sdk.vendor in UNSEEN:
        assert (answer.get("raised"), answer["finish"], answer["usage"]) == (None, None, None)
    else:
        assert answer["raised"]["class"] == raises
        assert says in json.dumps(answer["raised"], ensure_ascii=False)
    assert market.served()[-1].outcome == "cut"


def test_arks_bots_tell_what_they_found(market: SdkMarket, drivers: Drivers) -> None:
    ark = next(sdk for sdk in OWN if sdk.driver == "ark_chat")
    answer = ask(market, drivers, ark._replace(model="bot-20260101"))
    is_what_was_served(market, ark, answer)
    assert answer["references"][0]["url"]
    assert market.served()[-1].searches == 1
