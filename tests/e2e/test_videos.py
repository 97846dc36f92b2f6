"""Videos through a whole fenli: asked for, asked after, fetched and called off, with the official client."""

from __future__ import annotations

import json
from decimal import Decimal

import openai
import pytest
from fenli_service import ask_plainly, entry_of, newcomer, on_the_market

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
ASKED = ("zhipu", "minimax", "minimax-intl", "bytedance", "alibaba", "huawei", "tencent")
FILMS = {
    "zhipu/cogvideox-3": "1",
    "minimax/MiniMax-Hailuo-2.3": "2",
    "bytedance/doubao-seedance-1-0-pro-250528": None,
    "alibaba/wan2.7-t2v": "6",  # 1 CNY a second
    "minimax-intl/MiniMax-H3": "0.48",  # 0.08 USD a second
    "minimax/MiniMax-H3": "3",  # 0.5 CNY a second
    "huawei/Wan2.2-T2V-A14B": None,
    "tencent/hy-video-1.5": "1.5",
}
BY_THE_SECOND = ("alibaba/wan2.7-t2v", "minimax-intl/MiniMax-H3", "minimax/MiniMax-H3")
# What it can be asked for differs: Huawei makes five seconds, or three.
SECONDS = {"huawei/Wan2.2-T2V-A14B": "5", "tencent/hy-video-1.5": "5"}


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with on_the_market(tmp_path_factory.mktemp("videos"), ASKED) as running:
        yield running


@pytest.mark.parametrize("model", FILMS)
def test_a_video_is_asked_for_paid_asked_after_and_fetched(fenli, client, model):
    seconds = SECONDS.get(model, "6")
    raw = client.videos.with_raw_response.create(
        model=model, prompt="墨竹摇曳", seconds=seconds, extra_headers={"x-fenli-cost": "true"}
    )
    begun = raw.parse()
    assert (begun.object, begun.status, begun.model, begun.seconds) == ("video", "queued", model, seconds)
    entry = entry_of(fenli, raw.headers)
    price = FILMS[model]
    units = {"video_seconds": 6} if model in BY_THE_SECOND else {"videos": 1}
    assert (entry["usage"], entry["outcome"]) == (units, "ok")
    assert entry["grade"] == ("unknown" if price is None else "estimated")
    assert (None if entry["cost"] is None else Decimal(entry["cost"])) == (None if price is None else Decimal(price))
    told = client.videos.retrieve(begun.id)
    assert (told.id, told.status, told.progress, told.created_at) == (begun.id, "completed", 100, begun.created_at)
    status, headers, _ = ask_plainly(fenli, f"/videos/{begun.id}/content")
    assert (status, headers["location"]) == (302, told.model_extra["url"])
    assert headers["location"].startswith("https://market.example/")


@pytest.mark.parametrize("model", FILMS)
def test_a_video_that_fails_says_so(fenli, client, model):
    begun = client.videos.create(model=model, prompt="FAIL, please", seconds=SECONDS.get(model, "6"))
    told = client.videos.retrieve(begun.id)
    assert (told.status, bool(told.error.message)) == ("failed", True)
    status, _, body = ask_plainly(fenli, f"/videos/{begun.id}/content")
    assert (status, json.loads(body)["error"]["code"]) == (400, "bad_request")


def test_ark_lets_a_video_be_called_off(client):
    begun = client.videos.create(model="bytedance/doubao-seedance-1-0-pro-250528", prompt="x")
    assert client.videos.delete(begun.id).deleted
    assert client.videos.retrieve(begun.id).status == "failed"


@pytest.mark.parametrize(
    "model", ["zhipu/cogvideox-3", "minimax/MiniMax-Hailuo-02", "huawei/Wan2.2-T2V-A14B", "tencent/hy-video-1.5"]
)
def test_some_do_not(client, model):
    begun = client.videos.create(model=model, prompt="x")
    with pytest.raises(openai.BadRequestError, match="cannot call off"):
        client.videos.delete(begun.id)


@pytest.mark.parametrize("model", ["alibaba/wan2.7-t2v", "minimax/MiniMax-H3"])
def test_a_video_that_waits_no_longer_is_not_called_off_and_its_vendor_says_why(client, model):
    begun = client.videos.create(model=model, prompt="x", seconds="5")
    with pytest.raises(openai.BadRequestError, match="cannot be cancelled"):
        client.videos.delete(begun.id)


def test_what_h3_comes_to_hangs_on_its_resolution_and_its_images(fenli):
    parts = [{"type": "text", "text": "x"}]
    parts += [{"type": "image_url", "image_url": {"url": f"https://x/{at}.png"}} for at in range(7)]
    wish = {"model": "minimax-intl/MiniMax-H3", "prompt": "x", "seconds": 8, "resolution": "2K", "content": parts}
    _, headers, _ = ask_plainly(fenli, "/videos", wish)
    entry = entry_of(fenli, headers)
    assert entry["usage"] == {"video_seconds": 8, "input_images": 7}
    assert Decimal(entry["cost"]) == 8 * Decimal("0.13") + 2 * Decimal("0.04")  # five images are free
    status, _, body = ask_plainly(fenli, "/videos", wish | {"content": [*parts, {"type": "video_url"}]})
    assert status >= 400
    assert "video_url" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize("name", ["nothing", "video_AAAA", "video_" + "W" * 3000, "video_WzFd"])
def test_an_id_that_is_not_ours_is_not_found(fenli, name):
    status, _, body = ask_plainly(fenli, f"/videos/{name}")
    assert (status, json.loads(body)["error"]["code"]) == (404, "path_not_found")


def test_a_key_must_be_good_and_may_ask_after_its_own_videos_alone(fenli, client):
    begun = client.videos.create(model="zhipu/cogvideox-3", prompt="x")
    assert ask_plainly(fenli, f"/videos/{begun.id}", key="fl-nobody")[0] == 401
    status, _, body = ask_plainly(fenli, f"/videos/{begun.id}", key=newcomer(fenli).api_key)
    assert (status, json.loads(body)["error"]["code"]) == (404, "path_not_found")


@pytest.mark.parametrize(
    ("form", "telling"),
    [
        ({"prompt": "x", "model": "alibaba/wan2.7-t2v"}, "by the second"),
        ({"prompt": "x", "seconds": "900"}, "from 1 to 60"),
        ({"prompt": ""}, "empty"),
        ({}, "'prompt' is missing"),
    ],
)
def test_what_cannot_be_filmed_is_refused(fenli, form, telling):
    status, _, body = ask_plainly(fenli, "/videos", {"model": "zhipu/cogvideox-3", **form})
    assert status >= 400
    assert telling in json.loads(body)["error"]["message"]


def test_a_picture_to_begin_with_goes_along(client):
    begun = client.videos.create(
        model="zhipu/cogvideox-3", prompt="x", input_reference=("a.png", b"\x89PNG", "image/png")
    )
    assert client.videos.retrieve(begun.id).status == "completed"
