"""What emulated vendors offer beside chat: their own shapes, refusals, counts, and films that take their time."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest
from faces import VirtualFace, ask_plainly, echoing

import forms
from fenli.clock import SECOND
from fenli.market.bills import Bills
from fenli.market.flavours import FLAVOURS
from fenli.market.market import Market, emulate
from fenli.market.replies import AT_ONCE, Pace
from fenli.market.script import Outcome
from fenli.market.transport import MarketTransport
from fenli.prices.book import PriceBook
from fenli.sim.kernel import START, Simulation
from fenli.sim.random import Chance
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

H3 = {"model": "MiniMax-H3", "content": [{"type": "text", "text": "a"}]}


def send(face: VirtualFace, vendor: str, path: str, body: Any = None, *, method: str = "POST", **more: str):
    """Status and body."""
    data = b"" if body is None else json.dumps(body).encode()
    status, said = ask_plainly(face, vendor, method, path, data, **more)
    try:
        return status, json.loads(said)
    except ValueError:
        return status, said


def face_of(*vendors: str, pace: Pace = AT_ONCE) -> VirtualFace:
    return VirtualFace(echoing(*vendors, pace=pace))


def test_vectors_are_the_same_for_the_same_text_however_they_are_written():
    face = face_of("openai")
    body = {"model": "text-embedding-3-small", "input": ["分厘", "x", "分厘"], "dimensions": 3}
    _, plain = send(face, "openai", "/v1/embeddings", body)
    vectors = [item["embedding"] for item in plain["data"]]
    assert vectors[0] == vectors[2] != vectors[1]
    _, coded = send(face, "openai", "/v1/embeddings", body | {"encoding_format": "base64"})
    assert [array("f", base64.b64decode(item["embedding"])).tolist() for item in coded["data"]] == vectors
    _, numbers = send(face, "openai", "/v1/embeddings", {"model": "text-embedding-3-small", "input": [[1, 2], [3]]})
    assert (len(numbers["data"]), numbers["usage"]["total_tokens"]) == (2, 3)
    assert [one.prompt_tokens for one in face.served()] == [5, 5, 3]


@pytest.mark.parametrize("vendor", [name for name, flavour in FLAVOURS.items() if flavour.services or flavour.films])
def test_every_endpoint_of_a_vendor_is_one_of_its_adapters(vendor):
    adapter = VENDORS[vendor]
    prefix = parse_base_url(adapter.base_url)[1]
    paths = {prefix.removesuffix(endpoint.instead_of) + endpoint.path for endpoint in adapter.endpoints}
    served = {*FLAVOURS[vendor].services, *FLAVOURS[vendor].forms}
    assert served | {films.path for films in FLAVOURS[vendor].films} <= paths


@pytest.mark.parametrize(
    ("vendor", "path", "body"),
    [
        ("openai", "/v1/embeddings", {"model": "text-embedding-3-small", "input": ""}),
        ("openai", "/v1/embeddings", {"model": "text-embedding-3-small", "input": "a", "dimensions": 0}),
        ("openai", "/v1/audio/speech", {"model": "tts-1", "input": "a", "response_format": "midi"}),
        ("zhipu", "/api/paas/v4/images/generations", {"model": "cogview-4", "prompt": "a", "n": 99}),
        ("zhipu", "/api/paas/v4/web_search", {"search_engine": "search_std"}),
        ("huawei", "/v1/images/generations", {"model": "qwen-image", "prompt": "a"}),
        ("minimax", "/v1/image_generation", {"model": "image-01", "prompt": "a", "aspect_ratio": "7:5"}),
        ("minimax", "/v1/t2a_v2", {"model": "speech-02-hd", "text": "a", "stream": True}),
        ("minimax", "/v1/video_generation", {"model": "MiniMax-Hailuo-02", "prompt": "a", "duration": 7}),
        ("bytedance", "/api/v3/contents/generations/tasks", {"model": "doubao-seedance-1-0-pro-250528", "content": []}),
        ("metaso", "/api/v1/search", {"q": "a", "size": "many"}),
        (
            "alibaba",
            "/api/v1/services/aigc/text2image/image-synthesis",
            {"model": "wan2.2-t2i-plus", "input": {"prompt": "a"}},
        ),
        ("metaso", "/api/v1/reader", {"url": "file:///etc/passwd"}),
        ("zhipu", "/api/paas/v4/reader", {}),
        ("baidu", "/v2/ai_search/web_search", {"messages": []}),
    ],
)
def test_what_a_vendor_does_not_take_is_refused_its_own_way_and_costs_nothing(vendor, path, body):
    face = face_of(vendor)
    status, said = send(face, vendor, path, body)
    assert status >= 400 or said.get("base_resp", {}).get("status_code") or said.get("errCode")
    assert [(one.outcome, one.units) for one in face.served()] == [(Outcome.REFUSED, {})]


def hear(face: VirtualFace, vendor: str, path: str, form: dict[str, str], file: bytes = b"x" * 16_000 * 9):
    """Status and body of a form with a sound of nine seconds, as far as a market can tell."""
    fields = (forms.text(name, value) for name, value in form.items())
    body = forms.form(*fields, forms.file(file, "a.mp3", "audio/mpeg"))
    return ask_plainly(face, vendor, "POST", path, body, more=f"Content-Type: {forms.TYPE.decode()}\r\n")


def test_a_sound_is_charged_by_the_second_or_the_token_and_zhipu_hears_no_more_than_thirty():
    face = face_of("openai", "zhipu", "stepfun")
    path = "/v1/audio/transcriptions"
    assert b"for 9 seconds" in hear(face, "openai", path, {"model": "whisper-1", "response_format": "vtt"})[1]
    _, said = hear(face, "openai", path, {"model": "gpt-4o-transcribe"})
    usage = json.loads(said)["usage"]
    assert usage["total_tokens"] == 90 + usage["output_tokens"]
    zhipu = "/api/paas/v4/audio/transcriptions"
    status, said = hear(face, "zhipu", zhipu, {"model": "glm-asr-2512"})
    assert (status, {"id", "created", "request_id", "model", "text"}) == (200, set(json.loads(said)))
    assert hear(face, "zhipu", zhipu, {"model": "glm-asr-2512"}, b"x" * 16_000 * 31)[0] == 400
    assert hear(face, "stepfun", path, {"model": "step-asr"})[0] == 400
    assert hear(face, "stepfun", path, {"model": "step-asr", "response_format": "text"})[0] == 200
    assert [one.units.get("audio_seconds", one.units.get("audio_input")) for one in face.served()] == [
        9, 90, 9, None, None, 9,
    ]  # fmt: skip


def test_a_text_comes_in_pieces_and_what_is_cut_off_is_charged_as_far_as_it_came():
    face = face_of("alibaba", "deepseek")
    path, body = "/compatible-mode/v1/completions", {"model": "qwen-plus", "prompt": "one", "stream": True, "n": 2}
    _, whole = send(face, "alibaba", path, body | {"max_tokens": 3, "stream_options": {"include_usage": True}})
    chunks = [json.loads(line[6:]) for line in whole.decode().split("\n\n")[:-2]]
    assert whole.endswith(b"data: [DONE]\n\n")
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 8
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["completion_tokens"]) == ([], 6)
    ends = [one["finish_reason"] for chunk in chunks for one in chunk["choices"]]
    assert ends == [None] * 6 + ["length"] * 2
    _, told = send(face, "deepseek", "/beta/completions", {"model": "deepseek-flash", "prompt": "one", "stream": True})
    assert b'"usage":{' in told.split(b"\n\n")[-3]
    send(face, "alibaba", path, body | {"model": "qwen-plus!error_inside@4"})
    assert [(one.outcome, one.stream, one.completion_tokens) for one in face.served()][::2] == [
        (Outcome.WHOLE, True, 6), (Outcome.CUT, True, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("form", [{}, {"model": "whisper-9"}, {"model": "whisper-1", "response_format": "midi"}])
def test_a_form_that_a_vendor_does_not_take_costs_nothing(form):
    face = face_of("openai")
    assert hear(face, "openai", "/v1/audio/transcriptions", form)[0] >= 400
    assert send(face, "openai", "/v1/audio/transcriptions", {"model": "whisper-1"})[0] == 400
    assert [one.outcome for one in face.served()] == [Outcome.REFUSED] * 2


def test_a_wrong_key_and_an_unknown_model_are_refused():
    face = face_of("openai")
    body = {"model": "tts-9", "input": "hi"}
    assert send(face, "openai", "/v1/audio/speech", body, key="sk-no")[0] == 401
    assert send(face, "openai", "/v1/audio/speech", body)[0] == 404


def later(face: VirtualFace, span: int) -> None:
    face.sim.call_later(span, lambda: None)
    face.sim.run()


def test_minimaxs_film_queues_is_made_and_becomes_a_file():
    face = VirtualFace([emulate("minimax", pace=Pace(2 * SECOND, SECOND))])
    _, begun = send(face, "minimax", "/v1/video_generation", {"model": "MiniMax-Hailuo-02", "prompt": "a"})
    ask = f"/v1/query/video_generation?task_id={begun['task_id']}"
    assert send(face, "minimax", ask, method="GET")[1]["status"] == "Queueing"
    later(face, 30 * SECOND)
    assert send(face, "minimax", ask, method="GET")[1]["status"] == "Processing"
    later(face, 30 * SECOND)
    _, done = send(face, "minimax", ask, method="GET")
    assert done["status"] == "Success"
    _, file = send(face, "minimax", f"/v1/files/retrieve?file_id={done['file_id']}", method="GET")
    assert file["file"]["download_url"].endswith(".mp4")
    assert [one.units for one in face.served() if one.units] == [{"videos": 1}]


def test_minimaxs_second_api_calls_a_film_off_while_it_waits():
    face = VirtualFace([emulate("minimax", pace=Pace(2 * SECOND, SECOND))])
    films = [send(face, "minimax", "/v2/video_generation", H3)[1]["task_id"] for _ in range(2)]
    first, second = (f"/v2/query/video_generation/{film}" for film in films)
    assert send(face, "minimax", first, method="GET")[1]["task"]["status"] == "queued"
    gone = send(face, "minimax", f"/v2/video_generation/{films[1]}", method="DELETE")
    assert gone == (200, {"task_id": films[1], "status": "cancelled"})
    later(face, 30 * SECOND)
    assert send(face, "minimax", first, method="GET")[1]["task"]["status"] == "running"
    _, refused = send(face, "minimax", f"/v2/video_generation/{films[0]}", method="DELETE")
    assert refused["base_resp"]["status_code"] == 2013
    later(face, 60 * SECOND)
    done = send(face, "minimax", first, method="GET")[1]["task"]
    assert (done["status"], done["content"]["url"].endswith(".mp4")) == ("succeeded", True)
    assert send(face, "minimax", second, method="GET")[1]["task"]["status"] == "cancelled"


def test_arks_film_runs_until_it_is_called_off():
    face = VirtualFace([emulate("bytedance", pace=Pace(2 * SECOND, SECOND))])
    body = {"model": "doubao-seedance-1-0-pro-250528", "content": [{"type": "text", "text": "a"}]}
    _, begun = send(face, "bytedance", "/api/v3/contents/generations/tasks", body)
    ask = f"/api/v3/contents/generations/tasks/{begun['id']}"
    assert send(face, "bytedance", ask, method="GET")[1]["status"] == "running"
    assert send(face, "bytedance", ask, method="DELETE") == (200, {})
    later(face, 100 * SECOND)
    assert send(face, "bytedance", ask, method="GET")[1]["status"] == "cancelled"
    assert send(face, "bytedance", ask + "x", method="GET")[0] >= 400


def test_zhipus_film_fails_when_it_was_told_to():
    face = VirtualFace([emulate("zhipu", pace=Pace(2 * SECOND, SECOND))])
    path = "/api/paas/v4/videos/generations"
    _, begun = send(face, "zhipu", path, {"model": "cogvideox-3", "prompt": "FAIL"})
    ask = f"/api/paas/v4/async-result/{begun['id']}"
    assert send(face, "zhipu", ask, method="GET")[1]["task_status"] == "PROCESSING"
    later(face, 100 * SECOND)
    assert send(face, "zhipu", ask, method="GET")[1]["task_status"] == "FAIL"


def dashscope(face: VirtualFace, path: str, body: Any = None, *, method: str = "POST") -> tuple[int, Any]:
    """As `send`, for something that is to be a task."""
    return send(face, "alibaba", path, body, method=method, more="X-DashScope-Async: enable\r\n")


def test_dashscopes_images_are_a_task_that_waits_and_runs_and_can_be_called_off_while_it_waits():
    face = VirtualFace([emulate("alibaba", pace=Pace(2 * SECOND, SECOND))])
    path = "/api/v1/services/aigc/text2image/image-synthesis"
    wish = {"model": "wan2.2-t2i-plus", "input": {"prompt": "a"}, "parameters": {"n": 3, "size": "1024*1024"}}
    tasks = [dashscope(face, path, wish)[1]["output"]["task_id"] for _ in range(2)]
    first, second = (f"/api/v1/tasks/{task}" for task in tasks)
    assert dashscope(face, first, method="GET")[1]["output"]["task_status"] == "PENDING"
    assert dashscope(face, second + "/cancel")[0] == 200
    later(face, 30 * SECOND)
    assert dashscope(face, first, method="GET")[1]["output"]["task_status"] == "RUNNING"
    status, refused = dashscope(face, first + "/cancel")
    assert (status, "cannot be cancelled" in str(refused)) == (400, True)
    later(face, 60 * SECOND)
    _, done = dashscope(face, first, method="GET")
    assert (len(done["output"]["results"]), done["usage"]) == (3, {"image_count": 3})
    assert dashscope(face, second, method="GET")[1]["output"]["task_status"] == "CANCELED"
    assert [one.units for one in face.served() if one.units] == [{"images": 3}] * 2


def test_images_that_fail_are_not_charged_and_questions_can_fail_too():
    face = face_of("alibaba")
    path = "/api/v1/services/aigc/text2image/image-synthesis"
    _, begun = dashscope(face, path, {"model": "wan2.2-t2i-plus", "input": {"prompt": "FAIL"}, "parameters": {}})
    ask = f"/api/v1/tasks/{begun['output']['task_id']}"
    assert dashscope(face, ask, method="GET")[1]["output"]["task_status"] == "FAILED"
    assert send(face, "alibaba", ask, method="GET", key="sk-no")[0] == 401
    assert [one.units for one in face.served()][:1] == [{}]


@pytest.mark.parametrize(
    ("vendor", "path", "body", "cost"),
    [
        ("minimax-intl", "/v2/video_generation", H3 | {"duration": 8, "resolution": "2K"}, "1.04"),
        ("minimax-intl", "/v2/video_generation", H3, "0.4"),
        ("minimax", "/v2/video_generation", H3, "2.5"),
        ("minimax", "/v1/video_generation", {"model": "MiniMax-Hailuo-2.3", "prompt": "a"}, "2"),
        ("minimax", "/v1/video_generation", {"model": "MiniMax-Hailuo-2.3", "prompt": "a", "duration": 10}, None),
        ("tencent", "/v1/api/image/submit", {"model": "hy-image-v3.0", "prompt": "a"}, "0.2"),
    ],
)  # fmt: skip
def test_vendors_charge_by_their_lists_for_what_they_make(vendor, path, body, cost):
    face = face_of(vendor)
    face.sim = Simulation(START + 60 * 24 * 3_600 * SECOND)  # H3's list begins in November
    face.market = Market(face.sim, Chance(1), echoing(vendor, pace=AT_ONCE), bills=Bills(PriceBook.load()))
    face.transport = MarketTransport(face.market)
    assert send(face, vendor, path, body)[0] == 200
    assert [one.cost for one in face.served()] == [cost]
