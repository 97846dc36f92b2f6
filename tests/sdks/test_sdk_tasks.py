"""Answers that Zhipu's SDKs ask for now and fetch later."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

SDKS = [("current", "zai_chat", "zhipu"), ("current", "zai_chat", "zai"), ("zhipuai", "zhipuai_chat", "zhipu")]


def ask(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str], model: str) -> dict[str, Any]:
    environment, driver, vendor = sdk
    return drivers.get(environment, driver).ask(
        vendor=vendor,
        base_url=market.base_url(vendor),
        key=market_key(vendor),
        later=True,
        asked={"model": model, "messages": [{"role": "user", "content": "What does a token cost?"}]},
    )


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
def test_an_answer_is_fetched_when_it_is_there(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str]) -> None:
    answer = ask(market, drivers, sdk, "glm-5.3!slow@100")
    assert (answer["said"][0], answer["said"][-1]) == ("PROCESSING", "SUCCESS")
    assert answer["text"]
    served = market.serving(answer["id"])
    told = answer["usage"]
    assert (told["prompt"], told["completion"]) == (served.prompt_tokens, served.completion_tokens)


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
def test_a_task_that_fails(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str]) -> None:
    answer = ask(market, drivers, sdk, "glm-5.3!error_inside")
    assert (answer["said"][0], answer["said"][-1]) == ("PROCESSING", "FAIL")
    assert market.served()[-1].outcome == "cut"


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
def test_a_refusal_comes_at_once(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str]) -> None:
    raised = ask(market, drivers, sdk, "glm-5.3!no_balance")["raised"]
    assert (raised["class"], raised["status_code"]) == ("APIReachLimitError", 429)
    assert "1113" in raised["says"]
