"""What is particular to qianfan: access keys, for which it fetches tokens of its own accord, and ids of errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

KEY, BRIEF_KEY = ("market-ak", "market-sk"), ("brief-ak", "brief-sk")
ASKED = {"model": "ernie-5.1", "messages": [{"role": "user", "content": "What does a token cost?"}]}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkMarket]:
    keys = [part for key in (KEY, BRIEF_KEY) for part in ("--key", ":".join(key))]
    opened = SdkMarket(tmp_path_factory.mktemp("market"), *keys)
    yield opened
    opened.close()


def ask(market: SdkMarket, drivers: Drivers, key: tuple[str, str], **more: Any) -> dict[str, Any]:
    driver = drivers.get("current", "qianfan_chat")
    return driver.ask(base_url=market.base_url("baidu"), access_key=key, **{"asked": ASKED, **more})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_token_is_fetched_and_used(market: SdkMarket, drivers: Drivers, stream: bool) -> None:
    answer = ask(market, drivers, KEY, asked=ASKED | {"stream": stream})
    assert market.serving(answer["id"]).completion_tokens == answer["usage"]["completion"]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (("market-ak", "another-sk"), "Secret Key("),
        (("another-ak", "x"), "Access Key("),
    ],
)
def test_a_wrong_key(market: SdkMarket, drivers: Drivers, key: tuple[str, str], says: str) -> None:
    """The SDK tells from the vendor's words which of the two is wrong."""
    raised = ask(market, drivers, key)["raised"]
    assert (raised["class"], raised["status_code"]) == ("RequestError", 403)
    assert says in raised["says"]


def test_a_token_that_has_run_out(market: SdkMarket, drivers: Drivers) -> None:
    """The SDK asks for one that is good for no second."""
    raised = ask(market, drivers, BRIEF_KEY, token_s=0)["raised"]
    assert (raised["class"], raised["status_code"]) == ("RequestError", 401)
    assert "invalid_iam_token" in raised["says"]


def test_an_error_names_the_request(market: SdkMarket, drivers: Drivers) -> None:
    raised = ask(market, drivers, KEY, asked=ASKED | {"model": "ernie-5.1!rate_limited", "stream": True})["raised"]
    assert (raised["class"], raised["error_code"]) == ("APIError", "rpm_rate_limit_exceeded")
    assert raised["req_id"] == "as-" + market.served()[-1].id
