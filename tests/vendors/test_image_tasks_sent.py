"""Images that are tasks: what each vendor is asked, and what it says of one."""

from __future__ import annotations

import json
from functools import partial

import pytest
import services_asked
from hypothesis import given
from hypothesis import strategies as st

from fenli.clock import SECOND
from fenli.errors import CallRefused, Kind
from fenli.vendors.catalog import VENDORS
from fenli.vendors.services import Service
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.services import Delivered
from fenli.wire.services.tasks import Errand, Failed
from fenli.wire.services.videos import Film

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | st.sampled_from(
        ["", "t", "https://x/1", "SUCCEEDED", "FAILED", "succeeded", "completed", "failed", "Success", "5", "4"]
    )
)
NAMES = st.sampled_from(
    ["output", "task_status", "results", "url", "data", "status", "id", "error", "code", "message", "task", "content",
     "video_url", "result_url", "Response", "JobStatusCode", "ResultImage", "RevisedPrompt", "file", "download_url",
     "file_id", "video_result", "task_id"]
)  # fmt: skip
SAID = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))
TASKS = [
    (vendor, endpoint)
    for vendor in VENDORS.values()
    for endpoint in vendor.endpoints
    if hasattr(endpoint.codec, "asked")
]
NOW = 1_700_000_000 * SECOND
ILLEGAL = "OperationDenied.TextIllegalDetected"
drawing = partial(services_asked.service, Capability.IMAGES)
ask_of = partial(services_asked.ask_of, Capability.IMAGES, prompt="cat")
KEYS = {"tencent-native": "AKID:secret"}


def address_of(service: Service, name: str, model: str):
    return service.address(VENDORS[name].base_url, KEYS.get(name, "sk"), model)


def lines_of(request) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in request.headers.decode().splitlines())


def test_tokenhubs_image_is_submitted_and_queried_with_its_model():
    service = drawing("tencent", "hy-image-v3.0")
    address = address_of(service, "tencent", "hy-image-v3.0")
    request = service.request(address, ask_of(size="1024x768", seed=7, response_format="url"), NOW)
    assert request.target == b"/v1/api/image/submit"
    assert json.loads(bytes(request.body)) == {
        "model": "hy-image-v3.0", "prompt": "cat", "seed": 7, "resolution": "1024:768",
    }  # fmt: skip
    inquiry = service.inquiry(address, "t-1", NOW)
    assert (inquiry.method, inquiry.target) == (b"POST", b"/v1/api/image/query")
    assert json.loads(bytes(inquiry.body)) == {"model": "hy-image-v3.0", "id": "t-1"}


def test_tokenhubs_smaller_model_answers_at_once():
    service = drawing("tencent", "hy-image-lite")
    request = service.request(address_of(service, "tencent", "hy-image-lite"), ask_of(), NOW)
    assert request.target == b"/v1/api/image/lite"
    assert json.loads(bytes(request.body)) == {"model": "hy-image-lite", "prompt": "cat", "rsp_img_type": "url"}
    answer = service.answer(ask_of(), NOW)
    answer.feed(b'{"data":[{"url":"https://x/1.png"}]}')
    answer.end()
    assert (answer.finished, answer.awaited, answer.usage) == (True, False, b'{"images":1}')


def test_a_job_is_signed_and_so_is_every_question_after_it():
    service = drawing("tencent-native", "hunyuan-image")
    address = address_of(service, "tencent-native", "hunyuan-image")
    request = service.request(address, ask_of(n=2, size="768x1024", negative_prompt="dog", logo_add=0), NOW)
    assert request.target == b"/"
    assert json.loads(bytes(request.body)) == {
        "Prompt": "cat", "Resolution": "768:1024", "Num": 2, "NegativePrompt": "dog", "LogoAdd": 0,
    }  # fmt: skip
    asked, later = (service.inquiry(address, "t-1", NOW + span * SECOND) for span in (0, 60))
    assert json.loads(bytes(asked.body)) == {"JobId": "t-1"}
    actions = [lines_of(one)["X-TC-Action"] for one in (request, asked)]
    assert actions == ["SubmitHunyuanImageJob", "QueryHunyuanImageJob"]
    assert [lines_of(one)["X-TC-Timestamp"] for one in (asked, later)] == ["1700000000", "1700000060"]
    assert len({lines_of(one)["Authorization"] for one in (request, asked, later)}) == 3


@pytest.mark.parametrize(
    ("name", "model", "said", "outcome"),
    [
        ("tencent", "m", {"status": "queued"}, None),
        ("tencent", "m", {"status": "in_progress"}, None),
        ("tencent", "m", {"status": "completed", "data": [{"url": "https://x"}]}, [{"url": "https://x"}]),
        ("tencent-native", "m", {"Response": {"JobStatusCode": "1"}}, None),
        ("tencent-native", "m", {"Response": {"JobStatusCode": "2"}}, None),
        ("tencent-native", "m",
         {"Response": {"JobStatusCode": "5", "ResultImage": ["https://x", "https://y"], "RevisedPrompt": ["a cat"]}},
         [{"url": "https://x", "revised_prompt": "a cat"}, {"url": "https://y"}]),
        ("alibaba", "wanx-v1",
         {"output": {"task_status": "SUCCEEDED", "results": [{"url": "https://x", "actual_prompt": "a cat"}, {}]}},
         [{"url": "https://x", "revised_prompt": "a cat"}]),
    ],
)  # fmt: skip
def test_what_is_said_of_a_task(name, model, said, outcome):
    found = drawing(name, model).outcome(ask_of(), json.dumps(said).encode(), NOW)
    assert (None if found is None else json.loads(found.body)["data"]) == outcome
    if found is not None:
        assert (found.usage, json.loads(found.body)["created"]) == (b'{"images":%d}' % len(outcome), 1_700_000_000)


@pytest.mark.parametrize(
    ("name", "model", "said", "kind", "words"),
    [
        ("tencent", "m", {"status": "failed", "error": {"code": ILLEGAL, "message": "no"}},
         Kind.CONTENT_FILTERED, "no"),
        ("tencent", "m", {"status": "failed", "error": "no luck"}, Kind.SERVER_ERROR, "no luck"),
        ("tencent", "m", {"status": "cancelled"}, Kind.SERVER_ERROR, "cancelled"),
        ("tencent-native", "m",
         {"Response": {"JobStatusCode": "4", "JobErrorCode": ILLEGAL, "JobErrorMsg": "no"}},
         Kind.CONTENT_FILTERED, "no"),
        ("tencent-native", "m", {"Response": {"JobStatusCode": "4"}}, Kind.SERVER_ERROR, ""),
        ("alibaba", "wanx-v1",
         {"output": {"task_status": "FAILED", "code": "DataInspectionFailed", "message": "no"}},
         Kind.CONTENT_FILTERED, "no"),
        ("alibaba", "wanx-v1", {"output": {"task_status": "CANCELED"}}, Kind.SERVER_ERROR, ""),
    ],
)  # fmt: skip
def test_a_task_that_failed_is_read_as_the_vendors_own_errors_are(name, model, said, kind, words):
    service = drawing(name, model)
    failed = service.outcome(ask_of(), json.dumps(said).encode(), NOW)
    assert isinstance(failed, Failed)
    failure = service.classify(200, [], failed.body)
    assert (failure.kind, words in failure.message) == (kind, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tencent", {"status": "completed"}),
        ("tencent", {"status": "completed", "data": {}}),
        ("tencent", {"status": 5}),
        ("tencent-native", {"Response": {"JobStatusCode": "5", "ResultImage": [""]}}),
        ("tencent-native", {"JobStatusCode": "5"}),
        ("tencent", {"status": "expired"}),
        ("tencent", {"error": {"message": "no such task"}}),
        ("alibaba", {"output": {"task_status": "SUCCEEDED", "results": [{"code": "x"}]}}),
        ("alibaba", {"output": {"task_status": "UNKNOWN"}}),
        ("alibaba", {"output": {}}),
    ],
)
def test_what_cannot_be_read_is_refused_and_never_taken_for_a_task_that_cost_nothing(name, said):
    with pytest.raises(ValueError):  # noqa: PT011  msgspec's own and ours
        drawing(name, "wanx-v1").outcome(ask_of(), json.dumps(said).encode(), NOW)


def test_a_signed_refusal_of_a_question_is_one():
    service = drawing("tencent-native", "m")
    said = {"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "slow"}, "RequestId": "r"}}
    failure = service.failure(200, [], json.dumps(said).encode())
    assert failure is not None
    assert failure.kind is Kind.RATE_LIMITED
    assert service.failure(200, [], b'{"Response":{"JobStatusCode":"1","RequestId":"r"}}') is None
    answer = service.answer(ask_of(), NOW)
    answer.feed(json.dumps(said).encode())
    answer.end()
    assert answer.error is not None


@pytest.mark.parametrize(
    ("name", "model", "members", "param"),
    [
        ("tencent", "hy-image-v3.0", {"n": 2}, "n"),
        ("tencent", "hy-image-v3.0", {"response_format": "b64_json"}, "response_format"),
        ("tencent", "hy-image-lite", {"n": 2}, "n"),
        ("tencent-native", "m", {"response_format": "b64_json"}, "response_format"),
        ("tencent-native", "m", {"quality": "hd"}, "quality"),
        ("alibaba", "wanx-v1", {"response_format": "b64_json"}, "response_format"),
    ],
)
def test_what_a_vendor_has_no_word_for_is_refused_by_name(name, model, members, param):
    with pytest.raises(CallRefused) as caught:
        drawing(name, model).check(ask_of(**members))
    assert caught.value.param == param


@given(SAID, st.sampled_from(TASKS))
def test_whatever_a_vendor_says_of_a_task_is_read_or_refused(said, place):
    service = Service(*place)
    body = json.dumps(said).encode()
    try:
        if hasattr(service.codec, "outcome"):
            found = service.outcome(ask_of(), body, NOW)
            assert found is None or isinstance(found, Delivered | Failed)
            assert not isinstance(found, Delivered) or (found.body and found.usage)
        else:
            told = service.filming.told(body)
            assert isinstance(told, Film | Errand)
    except (ValueError, *NO_ANSWER):
        pass
    service.failure(200, [], body)
