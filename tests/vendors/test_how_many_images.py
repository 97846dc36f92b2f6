"""How many images a request may come to, by what each vendor draws unasked: held before it hears of it."""

from __future__ import annotations

import json
from functools import partial

import pytest
import services_asked

from fenli.errors import CallRefused
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability

drawing = partial(services_asked.service, Capability.IMAGES)
ask_of = partial(services_asked.ask_of, Capability.IMAGES, prompt="cat")
AUTO = {"sequential_image_generation": "auto"}


@pytest.mark.parametrize(
    ("name", "model", "members", "most"),
    [
        ("zhipu", "cogview-4", {}, 1),
        ("bytedance", "doubao-seedream-4-0-250828", {}, 1),
        ("bytedance", "doubao-seedream-4-0-250828", {"sequential_image_generation": "disabled"}, 1),
        ("bytedance", "doubao-seedream-4-0-250828", AUTO, 15),
        ("bytedance", "ep-1", AUTO | {"sequential_image_generation_options": {"max_images": 4}}, 4),
        ("bytedance", "ep-1", AUTO | {"sequential_image_generation_options": {}}, 15),
        ("alibaba", "wan2.2-t2i-plus", {}, 1),
        ("alibaba", "wan2.2-t2i-plus", {"n": 3}, 3),
        ("alibaba", "wan2.6-image", {"enable_interleave": True}, 5),
        ("alibaba", "wan2.6-image", {"enable_interleave": True, "max_images": 2}, 2),
    ],
)
def test_the_most_that_a_request_comes_to(name, model, members, most):
    ask = ask_of(**members)
    drawing(name, model).charge(ask)
    assert ask.most == {"images": most}


@pytest.mark.parametrize("model", ["wan2.2-t2i-plus", "qwen-image-plus"])
@pytest.mark.parametrize("n", [{}, {"n": None}, {"n": 1}])
def test_one_image_is_asked_for_where_nobody_says_how_many(model, n):
    """DashScope draws four of them otherwise."""
    service = drawing("alibaba", model)
    address = service.address(VENDORS["alibaba"].base_url, "sk", model)
    body = json.loads(bytes(service.request(address, ask_of(**n), 0).body))
    assert body["parameters"] == {"n": 1}


@pytest.mark.parametrize(
    ("name", "members", "wrong"),
    [
        ("bytedance", {"sequential_image_generation": 3}, "sequential_image_generation"),
        ("bytedance", AUTO | {"sequential_image_generation_options": 3}, "sequential_image_generation_options"),
        ("alibaba", {"max_images": "many"}, "max_images"),
    ],
)
def test_a_number_that_is_none_is_refused(name, members, wrong):
    with pytest.raises(CallRefused) as caught:
        drawing(name, "wan2.6-image").charge(ask_of(**members))
    assert caught.value.param == wrong
