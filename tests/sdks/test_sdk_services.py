"""What vendors offer beside chat, through official SDKs: answers that they can read, counted as the vendor does."""

from __future__ import annotations

from typing import Any

import pytest
from sdk_drivers import Drivers
from sdk_market import SdkMarket

from fenli.market.market import market_key

SDKS = {
    "zai": ("zai_services", "zhipu"),
    "ark": ("ark_services", "bytedance"),
    "openai": ("openai_services", "openai"),
    "openai-baidu": ("openai_services", "baidu"),
    "openai-stepfun": ("openai_services", "stepfun"),
    "openai-alibaba": ("openai_services", "alibaba"),
}
EMBEDDINGS = {
    "zai": "embedding-3", "ark": "doubao-embedding", "openai": "text-embedding-3-small", "openai-baidu": "embedding-v1",
    "openai-alibaba": "text-embedding-v4",
}  # fmt: skip
IMAGES = {
    "zai": "cogview-4", "ark": "doubao-seedream-4-5-251128", "openai": "gpt-image-1", "openai-baidu": "irag-1.0",
    "openai-stepfun": "step-2x-large",
}  # fmt: skip
SPEECH = {"zai": "glm-tts", "openai": "tts-1", "openai-stepfun": "step-tts-2"}
# What each raises for a wrong key and an empty balance.
REFUSALS = {
    "zai": ("APIAuthenticationError", "APIReachLimitError"),
    "ark": ("ArkAuthenticationError", "ArkPermissionDeniedError"),
    "openai": ("AuthenticationError", "RateLimitError"),
}


def ask(
    market: SdkMarket, drivers: Drivers, sdk: str, service: str, key: str | None = None, **asked: Any
) -> dict[str, Any]:
    driver, vendor = SDKS[sdk]
    return drivers.get("current", driver).ask(
        base_url=market.base_url(vendor), key=key or market_key(vendor), service=service, asked=asked
    )


@pytest.mark.parametrize("sdk", EMBEDDINGS)
def test_embeddings(market: SdkMarket, drivers: Drivers, sdk: str) -> None:
    answer = ask(market, drivers, sdk, "embeddings", model=EMBEDDINGS[sdk], input=["a token", "一个词"], dimensions=4)
    served = market.served()[-1]
    assert answer["widths"] == [4, 4]
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] == served.prompt_tokens == 2 + 3
    assert served.completion_tokens == 0


def test_what_arks_embeddings_are_named_by(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, "ark", "embeddings", model="doubao-embedding", input="a token")
    assert answer["id"]
    assert answer["created"] == market.served()[-1].at // 10**9


def test_zhipus_embeddings_tell_that_nothing_was_written(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, "zai", "embeddings", model="embedding-3", input="a token")
    assert answer["usage"]["completion_tokens"] == 0


@pytest.mark.parametrize("sdk", IMAGES)
def test_images(market: SdkMarket, drivers: Drivers, sdk: str) -> None:
    answer = ask(market, drivers, sdk, "images", model=IMAGES[sdk], prompt="a cat", size="1024x1024")
    assert answer["pictures"] == [True]
    assert market.served()[-1].units == {"images": 1}


def test_ark_counts_the_images(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, "ark", "images", model=IMAGES["ark"], prompt="a cat")
    assert answer["usage"] == {"generated_images": 1}


@pytest.mark.parametrize("sdk", SPEECH)
def test_speech(market: SdkMarket, drivers: Drivers, sdk: str) -> None:
    answer = ask(market, drivers, sdk, "speech", model=SPEECH[sdk], input="一个词", response_format="wav")
    assert answer["bytes"] > 0
    assert market.served()[-1].units == {"input_characters": 3}


@pytest.mark.parametrize(
    ("sdk", "asked"),
    [("openai", {"model": "whisper-1"}), ("zai", {"model": "glm-asr-2512"}),
     ("openai-stepfun", {"model": "step-asr", "response_format": "json"})],
)  # fmt: skip
def test_transcriptions(market: SdkMarket, drivers: Drivers, sdk: str, asked: dict[str, str]) -> None:
    answer = ask(market, drivers, sdk, "transcriptions", **asked)
    assert answer["text"].endswith("for 3 seconds.")
    assert market.served()[-1].units == {"audio_seconds": 3}
    assert answer.get("usage") == ({"type": "duration", "seconds": 3} if sdk == "openai" else None)


def test_search(market: SdkMarket, drivers: Drivers) -> None:
    asked = {"search_engine": "search_std", "search_query": "weather", "count": 3}
    results = ask(market, drivers, "zai", "search", **asked)["results"]
    assert [one["refer"] for one in results] == ["ref_1", "ref_2", "ref_3"]
    assert all(one["title"] and one["link"] and one["content"] and one["publish_date"] for one in results)
    assert market.served()[-1].units == {"searches": 1}


def test_reader(market: SdkMarket, drivers: Drivers) -> None:
    page = ask(market, drivers, "zai", "reader", url="https://example.com/a", return_format="markdown")["page"]
    assert page["url"] == "https://example.com/a"
    assert page["url"] in page["content"]
    assert page["title"]
    assert page["published_time"]
    assert market.served()[-1].units == {"pages": 1}


@pytest.mark.parametrize("sdk", REFUSALS)
def test_refusals(market: SdkMarket, drivers: Drivers, sdk: str) -> None:
    unknown, poor = REFUSALS[sdk]
    raised = ask(market, drivers, sdk, "embeddings", key="nobodys", model=EMBEDDINGS[sdk], input="x")["raised"]
    assert (raised["class"], raised["status_code"]) == (unknown, 401)
    raised = ask(market, drivers, sdk, "embeddings", model=EMBEDDINGS[sdk] + "!no_balance", input="x")["raised"]
    assert raised["class"] == poor
    assert market.served()[-1].outcome == "refused"


def film(sdk: str, prompt: str) -> dict[str, Any]:
    """What is asked for a film."""
    if sdk == "zai":
        return {"model": "cogvideox-3", "prompt": prompt}
    return {"model": "doubao-seedance-1-0-pro-250528", "content": [{"type": "text", "text": prompt}]}


@pytest.mark.parametrize(("sdk", "done"), [("zai", "SUCCESS"), ("ark", "succeeded")])
def test_videos(market: SdkMarket, drivers: Drivers, sdk: str, done: str) -> None:
    answer = ask(market, drivers, sdk, "videos", **film(sdk, "a cat"))
    assert answer["said"][-1] == done
    assert [url.endswith(".mp4") for url in answer["urls"]] == [True]
    assert market.served()[-1].units == {"videos": 1}


@pytest.mark.parametrize(("sdk", "failed"), [("zai", "FAIL"), ("ark", "failed")])
def test_a_video_that_fails(market: SdkMarket, drivers: Drivers, sdk: str, failed: str) -> None:
    answer = ask(market, drivers, sdk, "videos", **film(sdk, "FAIL"))
    assert (answer["said"][-1], answer["urls"]) == (failed, [])


def test_a_video_that_is_called_off(market: SdkMarket, drivers: Drivers) -> None:
    answer = ask(market, drivers, "ark", "called off", **film("ark", "a cat"))
    assert answer["said"] == ["cancelled"]
