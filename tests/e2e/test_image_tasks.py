"""Images that are a task at their vendor and one answer here: the official client, costs, failures, early leavers."""

from __future__ import annotations

import json
import socket
from decimal import Decimal

import openai
import pytest
from fenli_service import entries, entries_of, entry_of, on_the_market, wait_for

ASKED = ("alibaba", "zhipu", "tencent", "tencent-native")
DRAWN = {  # how many, and CNY an image
    "alibaba/wan2.2-t2i-plus": (3, "0.2"),
    "alibaba/wan2.2-t2i-flash": (4, "0.14"),
    "tencent/hy-image-v3.0": (1, "0.2"),
    "tencent/hy-image-lite": (1, "0.099"),
    "tencent-native/hunyuan-image": (2, None),
}
ROUTE = """
[[routes]]
name = "draw"
targets = ["alibaba/wan2.2-t2i-plus", "zhipu/cogview-4"]
"""


@pytest.fixture(scope="module")
def fenli(tmp_path_factory):
    with on_the_market(tmp_path_factory.mktemp("drawings"), ASKED, config=ROUTE) as running:
        yield running


@pytest.mark.parametrize("model", DRAWN)
def test_images_come_in_one_answer_and_cost_what_came(fenli, client, model):
    wanted, price = DRAWN[model]
    raw = client.images.with_raw_response.generate(
        model=model, prompt="墨竹", n=wanted, size="1024x1024", extra_headers={"x-fenli-cost": "true"}
    )
    made = raw.parse()
    assert [image.url.startswith("https://market.example/") for image in made.data] == [True] * wanted
    entry = entry_of(fenli, raw.headers)
    assert entry["usage"] == {"images": wanted}
    if price is None:
        assert (made.usage.cost, entry["grade"], entry["cost"]) == (None, "unknown", None)
    else:
        cost = wanted * Decimal(price)
        assert (Decimal(str(made.usage.cost)), entry["grade"], Decimal(entry["cost"])) == (cost, "measured", cost)


def test_one_that_fails_is_free_and_the_next_target_draws(fenli, client):
    raw = client.images.with_raw_response.generate(model="draw", prompt="FAIL, please", n=2)
    assert raw.headers["x-fenli-vendor"] == "zhipu"
    first, second = entries_of(fenli, raw.headers)
    assert (first["vendor"], first["outcome"], first["grade"], first["cost"]) == (
        "alibaba",
        "server_error",
        "none",
        None,
    )
    assert (second["vendor"], second["usage"]) == ("zhipu", {"images": 2})


@pytest.mark.parametrize("model", ["alibaba/wan2.2-t2i-plus", "tencent/hy-image-v3.0", "tencent-native/hunyuan-image"])
def test_one_that_fails_alone_says_so(client, model):
    with pytest.raises(openai.InternalServerError, match="it went wrong") as caught:
        client.images.generate(model=model, prompt="FAIL, please")
    assert caught.value.code == "vendor_error"


def test_what_the_vendor_does_not_take_is_refused_in_its_words(client):
    with pytest.raises(openai.BadRequestError, match="n: 9"):
        client.images.generate(model="alibaba/wan2.2-t2i-plus", prompt="x", n=9)
    with pytest.raises(openai.BadRequestError, match="addresses of images"):
        client.images.generate(model="alibaba/wan2.2-t2i-plus", prompt="x", response_format="b64_json")


def test_a_caller_who_leaves_has_ordered_all_the_same(fenli):
    body = json.dumps({"model": "alibaba/wan2.2-t2i-flash", "prompt": "x", "n": 2}).encode()
    lines = f"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {fenli.first_key}\r\n"
    lines += f"Content-Type: application/json\r\nX-Client-Request-Id: left\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", fenli.port)) as caller:
        caller.sendall(lines.encode() + body)

    def booked():
        drawn = ("wan2.2-t2i-flash", {"images": 2})
        return [entry for entry in entries(fenli) if (entry["model"], entry["usage"]) == drawn]

    (entry,) = wait_for("the books", booked)
    assert (entry["outcome"], entry["grade"], Decimal(entry["cost"])) == ("ok", "measured", Decimal("0.28"))
