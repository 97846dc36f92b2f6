"""How long a video is to be, said in either word: what is sent, held and booked agree."""

from __future__ import annotations

import json
from functools import partial

import pytest
import services_asked

from fenli.errors import CallRefused
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability

ask_of = partial(services_asked.ask_of, Capability.VIDEOS, prompt="cat")


@pytest.mark.parametrize("said", [{"seconds": "15"}, {"duration": 15}, {"seconds": 15, "duration": 15}])
@pytest.mark.parametrize(
    ("name", "model", "units"),
    [
        ("minimax", "MiniMax-H3", {"video_seconds": 15}),
        ("minimax", "MiniMax-Hailuo-02", {"videos": 1}),
        ("alibaba", "wan2.7-t2v", {"video_seconds": 15}),
        ("zhipu", "cogvideox-3", {"videos": 1}),
        ("bytedance", "ep-1", {"videos": 1}),
    ],
)
def test_what_is_sent_is_what_is_held(said, name, model, units):
    service = services_asked.service(Capability.VIDEOS, name, model)
    ask = ask_of(**said)
    service.check(ask)
    service.charge(ask)
    address = service.address(VENDORS[name].base_url, "sk", model)
    body = json.loads(bytes(service.request(address, ask, 0).body))
    assert ask.most == units
    assert body.get("parameters", body)["duration"] == 15


@pytest.mark.parametrize(
    "said", [{"duration": "long"}, {"duration": -5}, {"duration": 9000}, {"seconds": 5, "duration": 9}]
)
def test_a_length_that_is_none_is_refused(said):
    with pytest.raises(CallRefused) as caught:
        ask_of(**said)
    assert caught.value.param == "duration"
