"""Videos: what each vendor is asked, and what it says of a task."""

from __future__ import annotations

import json
from functools import partial

import pytest
import services_asked
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import CallRefused
from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import Capability
from fenli.wire.services.tasks import Errand
from fenli.wire.services.videos import Film, Handle, Status, read_handle

URL = "https://v.example/1.mp4"
FULL = {"prompt": "cat", "seconds": "6", "input_reference": "data:image/png;base64,AA==", "seed": 7}


filming = partial(services_asked.service, Capability.VIDEOS)
ask_of = partial(services_asked.ask_of, Capability.VIDEOS)


@pytest.mark.parametrize(
    ("name", "target", "body"),
    [
        ("zhipu", b"/api/paas/v4/videos/generations",
         {"model": "m", "prompt": "cat", "duration": 6, "image_url": FULL["input_reference"], "seed": 7}),
        ("minimax", b"/v1/video_generation",
         {"model": "m", "prompt": "cat", "duration": 6, "first_frame_image": FULL["input_reference"], "seed": 7}),
        ("bytedance", b"/api/v3/contents/generations/tasks",
         {"model": "m", "seed": 7, "duration": 6, "content": [
             {"type": "text", "text": "cat"},
             {"type": "image_url", "image_url": {"url": FULL["input_reference"]}, "role": "first_frame"}]}),
        ("alibaba", b"/api/v1/services/aigc/video-generation/video-synthesis",
         {"model": "m", "input": {"prompt": "cat", "img_url": FULL["input_reference"]},
          "parameters": {"duration": 6, "seed": 7}}),
        ("huawei", b"/v1/video/generations",
         {"model": "m", "input": {"prompt": "cat", "img_url": FULL["input_reference"]},
          "parameters": {"duration": 6, "seed": 7}}),
        ("tencent", b"/v1/api/video/submit", {"model": "m", "prompt": "cat", "image": {"base64": "AA=="}, "seed": 7}),
        ("minimax/MiniMax-H3", b"/v2/video_generation",
         {"model": "MiniMax-H3", "seed": 7, "duration": 6, "content": [
             {"type": "text", "text": "cat"},
             {"type": "image_url", "role": "first_frame", "image_url": {"url": FULL["input_reference"]}}]}),
    ],
)  # fmt: skip
def test_what_is_sent(name, target, body):
    name, _, model = name.partition("/")
    service = filming(name, model or "m")
    address = service.address(VENDORS[name].base_url, "sk", model or "m")
    full = FULL if name != "tencent" else FULL | {"seconds": 5}
    request = service.request(address, ask_of(**full), 0)
    assert (request.target, json.loads(bytes(request.body))) == (target, body)


@pytest.mark.parametrize(
    ("model", "size"), [("Wan2.2-T2V-A14B", "1280x720"), ("wan2.1-t2v-14b", "1280*720"), ("wanx2.1-i2v", "1280*720")]
)
def test_huaweis_older_models_have_a_star_in_their_sizes(model, size):
    service = filming("huawei")
    address = service.address(VENDORS["huawei"].base_url, "sk", model)
    request = service.request(address, ask_of(prompt="x", size="1280x720"), 0)
    assert json.loads(bytes(request.body))["parameters"] == {"size": size}


@pytest.mark.parametrize(
    ("name", "method", "target"),
    [
        ("zhipu", b"GET", b"/api/paas/v4/async-result/t-1"),
        ("minimax-intl", b"GET", b"/v1/query/video_generation?task_id=t-1"),
        ("bytedance", b"GET", b"/api/v3/contents/generations/tasks/t-1"),
        ("alibaba", b"GET", b"/api/v1/tasks/t-1"),
        ("huawei", b"GET", b"/v1/video/generations/t-1"),
        ("minimax/MiniMax-H3-Max", b"GET", b"/v2/query/video_generation/t-1"),
    ],
)
def test_where_a_task_is_asked_after(name, method, target):
    name, _, model = name.partition("/")
    service = filming(name, model or "m")
    address = service.address(VENDORS[name].base_url, "sk", "m")
    request = service.inquiry(address, "t-1", 0)
    assert (request.method, request.target, request.headers) == (method, target, address.headers)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("bytedance", (b"DELETE", b"/api/v3/contents/generations/tasks/t-1")),
        ("alibaba", (b"POST", b"/api/v1/tasks/t-1/cancel")),
        ("minimax/MiniMax-H3", (b"DELETE", b"/v2/video_generation/t-1")),
        ("zhipu", None),
        ("minimax/MiniMax-Hailuo-02", None),
        ("huawei", None),
    ],
)
def test_how_a_task_is_called_off(name, asked):
    name, _, model = name.partition("/")
    service = filming(name, model or "m")
    address = service.address(VENDORS[name].base_url, "sk", "m")
    errand = service.filming.cancelled("t-1")
    request = None if errand is None else service.errand(address, errand, 0)
    assert (None if request is None else (request.method, request.target)) == asked


@pytest.mark.parametrize(
    ("name", "said", "film"),
    [
        ("zhipu", {"task_status": "PROCESSING"}, Film(Status.IN_PROGRESS)),
        ("zhipu", {"task_status": "SUCCESS", "video_result": [{"url": URL}]}, Film(Status.COMPLETED, URL)),
        ("minimax", {"status": "Preparing"}, Film(Status.QUEUED)),
        ("minimax", {"status": "Queueing"}, Film(Status.QUEUED)),
        ("minimax", {"status": "Processing"}, Film(Status.IN_PROGRESS)),
        ("minimax", {"status": "Success", "file_id": 12}, Errand("/files/retrieve?file_id=12")),
        ("minimax", {"file": {"download_url": URL}}, Film(Status.COMPLETED, URL)),
        ("bytedance", {"status": "queued", "error": None}, Film(Status.QUEUED)),
        ("bytedance", {"status": "running"}, Film(Status.IN_PROGRESS)),
        ("bytedance", {"status": "succeeded", "content": {"video_url": URL}}, Film(Status.COMPLETED, URL)),
        ("bytedance", {"status": "failed", "error": {"code": "x", "message": "no"}}, Film(Status.FAILED, error="no")),
        ("alibaba", {"output": {"task_status": "PENDING"}}, Film(Status.QUEUED)),
        ("alibaba", {"output": {"task_status": "RUNNING"}}, Film(Status.IN_PROGRESS)),
        ("alibaba", {"output": {"task_status": "SUCCEEDED", "video_url": URL}}, Film(Status.COMPLETED, URL)),
        ("alibaba", {"output": {"task_status": "FAILED", "message": "no"}}, Film(Status.FAILED, error="no")),
        ("alibaba", {"output": {"task_status": "CANCELED"}}, Film(Status.FAILED, error="CANCELED")),
        ("bytedance", {"status": "expired"}, Film(Status.FAILED, error="expired")),
        ("huawei", {"status": "queued", "error": {"code": 0, "message": ""}}, Film(Status.QUEUED)),
        ("huawei", {"status": "running"}, Film(Status.IN_PROGRESS)),
        ("huawei", {"status": "succeeded", "error": {"code": 0, "message": ""}, "content": {"result_url": URL}},
         Film(Status.COMPLETED, URL)),
        ("huawei", {"status": "failed", "error": {"code": 5, "message": "no"}}, Film(Status.FAILED, error="no")),
        ("huawei", {"status": "timeout", "error": {"code": 5, "message": ""}}, Film(Status.FAILED, error="timeout")),
        ("tencent", {"status": "queued", "data": None}, Film(Status.QUEUED)),
        ("tencent", {"status": "in_progress"}, Film(Status.IN_PROGRESS)),
        ("tencent", {"status": "completed", "data": {"url": URL}}, Film(Status.COMPLETED, URL)),
        ("tencent", {"status": "completed", "data": [{"url": URL}]}, Film(Status.COMPLETED, URL)),
        ("tencent", {"status": "failed", "error": {"message": "no"}}, Film(Status.FAILED, error="no")),
        ("tencent", {"status": "failed", "error": "no"}, Film(Status.FAILED, error="no")),
        ("tencent", {"status": "expired"}, Film(Status.FAILED, error="expired")),
        ("minimax/MiniMax-H3", {"task": {"status": "queued"}}, Film(Status.QUEUED)),
        ("minimax/MiniMax-H3", {"task": {"status": "running"}}, Film(Status.IN_PROGRESS)),
        ("minimax/MiniMax-H3", {"task": {"status": "succeeded", "content": {"url": URL}}},
         Film(Status.COMPLETED, URL)),
        ("minimax/MiniMax-H3", {"task": {"status": "failed", "error": {"message": "no"}}},
         Film(Status.FAILED, error="no")),
        ("minimax/MiniMax-H3", {"task": {"status": "cancelled"}}, Film(Status.FAILED, error="cancelled")),
    ],
)  # fmt: skip
def test_what_is_said_of_a_task(name, said, film):
    name, _, model = name.partition("/")
    assert filming(name, model).filming.told(json.dumps(said).encode()) == film


@pytest.mark.parametrize("name", ["zhipu", "minimax"])
def test_a_failure_without_a_word_has_one_here(name):
    said = {"task_status": "FAIL", "status": "Fail"}
    film = filming(name).filming.told(json.dumps(said).encode())
    assert (film.status, bool(film.error)) == (Status.FAILED, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zhipu", {"task_status": "SUCCESS"}),
        ("zhipu", {"task_status": "SUCCESS", "video_result": [{"url": "https://x\r\nset-cookie: a"}]}),
        ("zhipu", {"task_status": "SUCCESS", "video_result": [{"url": "javascript:alert(1)"}]}),
        ("minimax", {"status": "Success", "file_id": "../../keys"}),
        ("minimax", {}),
        ("bytedance", {"status": "succeeded"}),
        ("bytedance", []),
        ("alibaba", {"output": {"task_status": "SUCCEEDED"}}),
        ("alibaba", {}),
        ("huawei", {"status": "succeeded"}),
        ("huawei", {"task_id": "t"}),
        ("tencent", {"status": "completed", "data": []}),
        ("tencent", {"status": "completed", "data": "text"}),
        ("tencent", {"error": {"message": "no such task"}}),
        ("minimax/MiniMax-H3", {"task": {"status": "succeeded"}}),
        ("minimax/MiniMax-H3", {"status": "succeeded"}),
    ],
)
def test_what_cannot_be_followed_is_refused(name, said):
    name, _, model = name.partition("/")
    with pytest.raises(ValueError):  # noqa: PT011  msgspec's own and ours
        filming(name, model).filming.told(json.dumps(said).encode())


@pytest.mark.parametrize("task", [{}, {"id": ""}, {"id": "a/b"}, {"id": "x" * 300}, {"id": "a?b=c"}])
def test_a_task_without_a_name_is_no_task(task):
    answer = filming("zhipu").answer(ask_of(prompt="x"), 0)
    answer.feed(json.dumps(task).encode())
    answer.end()
    assert answer.damage


def test_dashscope_is_told_the_length_and_that_the_video_is_asked_after():
    service = filming("alibaba")
    with pytest.raises(CallRefused, match="by the second"):
        service.check(ask_of(prompt="x"))
    address = service.address(VENDORS["alibaba"].base_url, "sk", "m")
    request = service.request(address, ask_of(prompt="x", seconds=5, size="1280x720"), 0)
    assert request.headers == address.headers + b"X-DashScope-Async: enable\r\n"
    assert json.loads(bytes(request.body))["parameters"] == {"duration": 5, "size": "1280*720"}
    assert service.inquiry(address, "t", 0).headers == address.headers


def test_a_request_comes_to_what_the_vendor_that_is_asked_charges():
    ask = ask_of(prompt="x", seconds="8")
    for name, units in (("zhipu", {"videos": 1}), ("alibaba", {"video_seconds": 8}), ("minimax", {"videos": 1})):
        filming(name).charge(ask)
        assert (ask.most, ask.estimate(0)) == (units, units)


def test_h3_comes_to_seconds_and_images_at_the_price_of_a_resolution():
    service = filming("minimax", "MiniMax-H3")
    image = {"type": "image_url", "image_url": {"url": "https://x/1.png"}}
    for members, units, resolution in (
        ({}, {"video_seconds": 5}, "768p"),
        ({"seconds": 8, "resolution": "2K"}, {"video_seconds": 8}, "2k"),
        ({"input_reference": "https://x/1.png"}, {"video_seconds": 5, "input_images": 1}, "768p"),
        ({"content": [{"type": "text", "text": "x"}, image, image]}, {"video_seconds": 5, "input_images": 2}, "768p"),
    ):
        ask = ask_of(prompt="x", **members)
        service.check(ask)
        service.charge(ask)
        assert (ask.most, ask.estimate(0)) == (units, units)
        assert service.facts(ask, None, {}) == {"resolution": resolution}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"size": "1280x720"}, "size"),
        ({"resolution": 768}, "resolution"),
        ({"content": "text"}, "content"),
        ({"content": [{"type": "text"}, {"type": "video_url"}]}, "content[1]"),
        ({"content": [], "input_reference": "https://x/1.png"}, "input_reference"),
    ],
)
def test_what_h3_is_not_asked_for(members, param):
    with pytest.raises(CallRefused) as caught:
        filming("minimax", "MiniMax-H3").check(ask_of(prompt="x", **members))
    assert caught.value.param == param


def test_hunyuan_is_asked_after_with_its_model_and_makes_five_seconds():
    service = filming("tencent")
    address = service.address(VENDORS["tencent"].base_url, "sk", "hy-video-1.5")
    request = service.inquiry(address, "t-1", 0)
    assert (request.method, request.target) == (b"POST", b"/v1/api/video/query")
    assert json.loads(bytes(request.body)) == {"model": "hy-video-1.5", "id": "t-1"}
    asked = service.request(address, ask_of(prompt="x", input_reference="https://x/1.png"), 0)
    assert json.loads(bytes(asked.body))["image"] == {"url": "https://x/1.png"}
    for members, param in (({"seconds": 8}, "seconds"), ({"size": "1280x720"}, "size")):
        with pytest.raises(CallRefused) as caught:
            service.check(ask_of(prompt="x", **members))
        assert caught.value.param == param


def test_ark_is_not_asked_for_a_size():
    with pytest.raises(CallRefused, match="'resolution' and a 'ratio'"):
        filming("bytedance").check(ask_of(prompt="x", size="1x1"))


@given(
    st.builds(
        Handle,
        st.text(),
        st.text(),
        st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}", fullmatch=True),
        st.integers(0),
    )
)
def test_an_id_says_where_its_task_is(handle):
    name = str(handle)
    assert name.isascii()
    assert not set(name) & set("/?#% ")
    if len(name) <= 2_000:
        assert read_handle(name) == handle


@given(st.text())
def test_noise_is_no_id(text):
    assert read_handle(text) is None or text.startswith("video_")
    assert read_handle("video_" + text) is None or len(text) > 8
