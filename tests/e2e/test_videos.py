"""Videos through a whole fenli: asked for, asked after, fetched and called off, with the official client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from decimal import Decimal

import openai
import pytest
from fenli_service import KEYS, emulated_market, serving, wait_for

from fenli.market.market import market_key
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

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
    folder = tmp_path_factory.mktemp("videos")
    vendors = [f"--vendor={vendor}" for vendor in ASKED]
    with emulated_market("--at-once", *vendors) as port:
        lines = ["[local]", "enabled = false"]
        for vendor in ASKED:
            path = parse_base_url(VENDORS[vendor].base_url)[1]
            lines += [f"[vendors.{vendor}]", f'base_url = "http://127.0.0.1:{port}/{vendor}{path}"']
        keys = KEYS | {"minimax-intl": "MINIMAX_INTL_API_KEY"}
        environ = {keys[vendor]: market_key(vendor) for vendor in ASKED}
        with serving(folder / "data", config="\n".join(lines) + "\n", environ=environ) as running:
            yield running


@pytest.fixture(scope="module")
def client(fenli):
    return openai.OpenAI(base_url=fenli.url, api_key=fenli.first_key, max_retries=0)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *parts):
        return None


def get(fenli, path, method="GET", key=None):
    request = urllib.request.Request(
        fenli.url + path, headers={"authorization": f"Bearer {key or fenli.first_key}"}, method=method
    )
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def post(fenli, wish):
    request = urllib.request.Request(
        fenli.url + "/videos", json.dumps(wish).encode(), {"authorization": f"Bearer {fenli.first_key}"}
    )
    return urllib.request.urlopen(request, timeout=30)


def entry_of(fenli, call):
    found = wait_for(
        "the books",
        lambda: [entry for entry in fenli.listing("ledger", "list", "--limit", "100") if entry["call"] == call],
    )
    (entry,) = found
    return entry


@pytest.mark.parametrize("model", FILMS)
def test_a_video_is_asked_for_paid_asked_after_and_fetched(fenli, client, model):
    seconds = SECONDS.get(model, "6")
    raw = client.videos.with_raw_response.create(
        model=model, prompt="墨竹摇曳", seconds=seconds, extra_headers={"x-fenli-cost": "true"}
    )
    begun = raw.parse()
    assert (begun.object, begun.status, begun.model, begun.seconds) == ("video", "queued", model, seconds)
    entry = entry_of(fenli, raw.headers["x-fenli-call-id"])
    price = FILMS[model]
    units = {"video_seconds": 6} if model in BY_THE_SECOND else {"videos": 1}
    assert (entry["usage"], entry["outcome"]) == (units, "ok")
    assert entry["grade"] == ("unknown" if price is None else "estimated")
    assert (None if entry["cost"] is None else Decimal(entry["cost"])) == (None if price is None else Decimal(price))
    told = client.videos.retrieve(begun.id)
    assert (told.id, told.status, told.progress, told.created_at) == (begun.id, "completed", 100, begun.created_at)
    status, headers, _ = get(fenli, f"/videos/{begun.id}/content")
    assert (status, headers["location"]) == (302, told.model_extra["url"])
    assert headers["location"].startswith("https://market.example/")


@pytest.mark.parametrize("model", FILMS)
def test_a_video_that_fails_says_so(fenli, client, model):
    begun = client.videos.create(model=model, prompt="FAIL, please", seconds=SECONDS.get(model, "6"))
    told = client.videos.retrieve(begun.id)
    assert (told.status, bool(told.error.message)) == ("failed", True)
    status, _, body = get(fenli, f"/videos/{begun.id}/content")
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
    with post(fenli, wish) as answer:
        entry = entry_of(fenli, answer.headers["x-fenli-call-id"])
    assert entry["usage"] == {"video_seconds": 8, "input_images": 7}
    assert Decimal(entry["cost"]) == 8 * Decimal("0.13") + 2 * Decimal("0.04")  # five images are free
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(fenli, wish | {"content": [*parts, {"type": "video_url"}]})
    assert "video_url" in json.loads(caught.value.read())["error"]["message"]


@pytest.mark.parametrize("name", ["nothing", "video_AAAA", "video_" + "W" * 3000, "video_WzFd"])
def test_an_id_that_is_not_ours_is_not_found(fenli, name):
    status, _, body = get(fenli, f"/videos/{name}")
    assert (status, json.loads(body)["error"]["code"]) == (404, "path_not_found")


def test_a_key_must_be_good_and_may_ask_after_its_own_videos_alone(fenli, client):
    begun = client.videos.create(model="zhipu/cogvideox-3", prompt="x")
    assert get(fenli, f"/videos/{begun.id}", key="fl-nobody")[0] == 401
    other = json.loads(fenli.command("key", "create", "--json"))["key"]
    status, _, body = wait_for(
        "the key", lambda: answer if (answer := get(fenli, f"/videos/{begun.id}", key=other))[0] != 401 else None
    )
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
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(fenli, {"model": "zhipu/cogvideox-3", **form})
    assert telling in json.loads(caught.value.read())["error"]["message"]


def test_a_picture_to_begin_with_goes_along(client):
    begun = client.videos.create(
        model="zhipu/cogvideox-3", prompt="x", input_reference=("a.png", b"\x89PNG", "image/png")
    )
    assert client.videos.retrieve(begun.id).status == "completed"
