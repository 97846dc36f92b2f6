"""DashScope's tasks through the dashscope SDK: images and videos that it waits for, charged as they were made."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

VENDOR = "alibaba-native"
WAN = {"images": "wan2.2-t2i-plus", "videos": "wan2.7-t2v"}
UNITS = {"images": {"images": 2}, "videos": {"video_seconds": 7}}
ASKED: dict[str, dict[str, Any]] = {"images": {"n": 2, "size": "1024*1024"}, "videos": {"duration": 7}}


def ask(market: SdkMarket, drivers: Drivers, service: str, key: str | None = None, **more: Any) -> dict[str, Any]:
    asked = {"model": WAN[service], "prompt": "墨竹", **ASKED[service], **more.pop("asked", {})}
    return drivers.get("current", "dashscope_tasks").ask(
        base_url=market.base_url(VENDOR), key=key or market_key(VENDOR), service=service, asked=asked, **more
    )


def test_images(market: SdkMarket, drivers: Drivers) -> None:
    reply = ask(market, drivers, "images")
    assert (reply["status"], reply["output"]["task_status"]) == (200, "SUCCEEDED")
    assert [one["url"].endswith(".png") for one in reply["output"]["results"]] == [True] * 2
    assert reply["usage"]["image_count"] == 2
    assert market.served()[-1].units == UNITS["images"]


def test_videos(market: SdkMarket, drivers: Drivers) -> None:
    reply = ask(market, drivers, "videos")
    assert (reply["status"], reply["output"]["task_status"]) == (200, "SUCCEEDED")
    assert reply["output"]["video_url"].endswith(".mp4")
    assert reply["usage"]["video_duration"] == 7
    assert market.served()[-1].units == UNITS["videos"]


@pytest.mark.parametrize("service", WAN)
def test_one_that_fails(market: SdkMarket, drivers: Drivers, service: str) -> None:
    reply = ask(market, drivers, service, asked={"prompt": "FAIL, please"})
    assert (reply["status"], reply["output"]["task_status"], reply["output"]["message"]) == (
        200, "FAILED", "it went wrong",
    )  # fmt: skip


@pytest.mark.parametrize("service", WAN)
def test_one_that_is_done_cannot_be_called_off(market: SdkMarket, drivers: Drivers, service: str) -> None:
    reply = ask(market, drivers, service, waits=False)
    assert (reply["begun"]["status"], reply["begun"]["output"]["task_status"]) == (200, "PENDING")
    assert (reply["cancelled"]["status"], "cannot be cancelled" in reply["cancelled"]["says"]) == (400, True)
    assert reply["then"]["output"]["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("no_balance", 400, "Arrearage"),
        ("rate_limited", 429, "Throttling.RateQuota"),
        ("bad_key", 401, "InvalidApiKey"),
    ],
)
@pytest.mark.parametrize("service", WAN)
def test_refusals(market: SdkMarket, drivers: Drivers, service: str, fault: str, status: int, code: str) -> None:
    wrong = {"key": "sk-nobodys"} if fault == "bad_key" else {"asked": {"model": f"{WAN[service]}!{fault}"}}
    reply = ask(market, drivers, service, waits=False, **wrong)["begun"]
    assert (reply["status"], reply["code"], reply["output"]) == (status, code, None)
    assert reply["says"]
    assert market.served()[-1].outcome == "refused"
