"""Asking after videos: each caller's are its own, and nothing stays open behind an answer."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from house import SECRET, VENDOR_SECRET, House, reply, wait_until

from fenli.clock import SECOND
from fenli.routing.snapshot import Deadlines, Key, VendorSettings
from fenli.wire.services.videos import Handle

TAKEN = reply(200, b'{"id":"t-1","task_status":"PROCESSING"}')
RUNNING = reply(200, b'{"task_status":"PROCESSING"}')
NEIGHBOUR, COLLEAGUE = "fl-neighbour", "fl-colleague"


def film(house: House, key: str = SECRET) -> str:
    house.zhipu.scripts = [TAKEN]
    answer = house.ask("/v1/videos", b'{"model":"zhipu/cogvideox-3","prompt":"cat"}', key=key)
    assert answer.status == 200
    found: str = answer.json["id"]
    return found


def ask(house: House, video: str, method: str = "GET", key: str = SECRET):
    return house.ask(f"/v1/videos/{video}", method=method, key=key)


def keys(*, models: tuple[str, ...] | None = None) -> tuple[Key, ...]:
    """Two of one project, and one that has none."""
    named = ((SECRET, None, "p"), (COLLEAGUE, models, "p"), (NEIGHBOUR, None, None))
    return tuple(
        Key(secret, secret, hashlib.sha256(secret.encode()).digest(), models, project=project)
        for secret, models, project in named
    )


@pytest.mark.parametrize("path", ["", "/content"])
def test_nobody_elses_video_is_there(house, path):
    house.swap(version="v2", keys=keys())
    video = film(house)
    house.zhipu.scripts = [RUNNING, RUNNING]
    assert ask(house, video + path, key=NEIGHBOUR).status == 404
    assert ask(house, video, "DELETE", key=NEIGHBOUR).status == 404
    assert len(house.zhipu.asked) == 1
    assert ask(house, video, key=COLLEAGUE).json["status"] == "in_progress"


def test_a_key_of_the_same_project_needs_the_model(house):
    house.swap(version="v2", keys=keys(models=("zhipu/cogvideox-2",)))
    answer = ask(house, film(house), key=COLLEAGUE)
    assert (answer.status, answer.error["code"]) == (403, "model_not_allowed")


def test_an_id_that_was_made_up_leads_to_no_vendor(house):
    made_up = [
        Handle("zhipu/cogvideox-3", "zhipu/cogvideox-3", "t-1", 0),
        Handle("zhipu/cogvideox-3", "zhipu/cogvideox-3", "t-1", 0, "0" * 24),
        Handle("zhipu/cogvideox-3", "zhipu/cogvideox-3", "t-1", 0).sealed("another secret", f"key {SECRET}"),
        Handle("zhipu/cogvideox-3", "zhipu/cogvideox-3", "t-1", 0).sealed(VENDOR_SECRET, "key limited"),
    ]
    real = film(house).removeprefix("video_")
    told = json.loads(base64.urlsafe_b64decode(real + "=" * (-len(real) % 4)))
    for place, other in ((1, "zhipu/cogvideox-2"), (2, "t-2"), (3, told[3] + 1)):
        made_up.append(Handle(*told[:place], other, *told[place + 1 :]))
    for handle in made_up:
        assert ask(house, str(handle)).status == 404
        assert ask(house, str(handle), "DELETE").status == 404
    assert len(house.zhipu.asked) == 1


def test_what_never_ends_is_hung_up_on(house):
    video = film(house)
    more = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 200_000
    house.zhipu.scripts = [[more, "hold"]]
    answer = ask(house, video)
    assert (answer.status, answer.error["code"]) == (502, "answer_truncated")
    wait_until(lambda: house.zhipu.left == 1)


def test_a_task_whose_state_never_ends_is_hung_up_on_and_asked_after_again(house):
    """What is asked after here, while its caller waits."""
    deadlines = Deadlines(first_content=20 * SECOND)
    base = f"http://127.0.0.1:{house.zhipu.port}/compatible-mode/v1"
    wan = VendorSettings("alibaba", "alibaba", base, "env:X", ("wan2.2-t2i-flash",), "CNY", deadlines=deadlines)
    house.swap(version="v2", vendors=(wan,))
    endless = [b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 200_000, "hold"]
    made = {"task_id": "t-1", "task_status": "SUCCEEDED", "results": [{"url": "https://v.example/1"}]}
    house.zhipu.scripts = [
        reply(200, b'{"output":{"task_id":"t-1","task_status":"PENDING"}}'), endless,
        reply(200, json.dumps({"output": made}).encode()),
    ]  # fmt: skip
    answer = house.ask("/v1/images/generations", b'{"model":"alibaba/wan2.2-t2i-flash","prompt":"cat"}')
    assert answer.json["data"] == [{"url": "https://v.example/1"}]
    wait_until(lambda: house.zhipu.left == 1)
