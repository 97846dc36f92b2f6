"""An account that calls draw down: the vendor serves while something is left, then refuses. Its own book says why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

# A million tokens cost 1: this pays for one, so the first call takes all that is left, and more.
ONE_TOKEN = "0.000001"
REFUSES = {
    "deepseek": ("deepseek-flash", "APIStatusError", 402),
    "moonshot": ("kimi-k3", "RateLimitError", 429),
    "moonshot-intl": ("kimi-k3", "RateLimitError", 429),
    "stepfun": ("step-3.7-flash", "APIStatusError", 402),
}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkMarket]:
    opened = SdkMarket(tmp_path_factory.mktemp("market"), "--balance", ONE_TOKEN)
    yield opened
    opened.close()


@pytest.mark.parametrize("vendor", REFUSES)
def test_the_last_of_the_money_is_spent(market: SdkMarket, drivers: Drivers, vendor: str) -> None:
    model, raises, status = REFUSES[vendor]
    asked = {"model": model, "messages": [{"role": "user", "content": "What does a token cost?"}]}
    driver = drivers.get("current", "openai_chat")
    paid, refused = (
        driver.ask(base_url=market.base_url(vendor), key=market_key(vendor), asked=asked) for _ in range(2)
    )
    assert market.serving(paid["id"]).completion_tokens == paid["usage"]["completion"] > 1
    assert (refused["raised"]["class"], refused["raised"]["status_code"]) == (raises, status)
    entries = [entry for entry in market.served() if entry.vendor == vendor]
    assert [(entry.outcome, entry.completion_tokens > 0) for entry in entries] == [("whole", True), ("refused", False)]
