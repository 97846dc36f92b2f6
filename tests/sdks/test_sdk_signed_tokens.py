"""Tokens that Zhipu's SDKs sign themselves: the market checks the signature and the time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

SLOW_KEY = "slow-id.slow-secret"
ASKED = {"model": "glm-5.3", "messages": [{"role": "user", "content": "What does a token cost?"}]}
SDKS = [("current", "zai_chat", "zhipu"), ("current", "zai_chat", "zai"), ("zhipuai", "zhipuai_chat", "zhipu")]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkMarket]:
    opened = SdkMarket(tmp_path_factory.mktemp("market"), "--key", SLOW_KEY)
    yield opened
    opened.close()


def ask(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str], key: str, slow_s: int = 0) -> Any:
    environment, driver, vendor = sdk
    return drivers.get(environment, driver).ask(
        vendor=vendor, base_url=market.base_url(vendor), key=key, signed=slow_s, asked=ASKED
    )


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
def test_a_token_that_the_sdk_signs(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str]) -> None:
    answer = ask(market, drivers, sdk, market_key(sdk[2]))
    assert market.serving(answer["id"]).completion_tokens == answer["usage"]["completion"]


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
@pytest.mark.parametrize("key", ["market-zhipu.another", "another.secret"])
def test_a_wrong_key(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str], key: str) -> None:
    raised = ask(market, drivers, sdk, key)["raised"]
    assert raised["class"] == "APIAuthenticationError"
    assert '"code":"1000"' in raised["says"]


@pytest.mark.parametrize("sdk", SDKS, ids="-".join)
def test_a_token_that_has_run_out(market: SdkMarket, drivers: Drivers, sdk: tuple[str, str, str]) -> None:
    """The SDK signs for 210 s. A key of its own, since the SDK keeps the token of the other one."""
    raised = ask(market, drivers, sdk, SLOW_KEY, slow_s=300)["raised"]
    assert raised["class"] == "APIAuthenticationError"
    assert '"code":"1003"' in raised["says"]
