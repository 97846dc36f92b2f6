"""Vendors that are spoken to over a WebSocket, or sign what they send: what their adapters ask, on both faces."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from faces import PATIENT, QUICK, Face, Heard, RealFace, VirtualFace, ask_of, echoing
from hypothesis import given, settings
from hypothesis import strategies as st
from native_calls import Native

from fenli.clock import SECOND
from fenli.errors import ConnectFailed, ConnectionLost, TimedOut
from fenli.http.transport import Deadlines, Origin, Request
from fenli.market.flavours import FLAVOURS
from fenli.market.market import emulate, market_key
from fenli.market.replies import AT_ONCE, Pace, Reply, Synthetic, ToolCall
from fenli.market.script import Outcome
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Address
from fenli.wire.openai_chat import parse_request

SPARK, SKY = VENDORS["iflytek-ws"], VENDORS["tiangong"]
KEY = market_key("iflytek-ws")
APP, NAME, SECRET = KEY.split(":")
MESSAGES = [{"role": "user", "content": "one two three four five six seven eight"}]


def body(**members: Any) -> Any:
    return parse_request(json.dumps({"model": "x", "messages": MESSAGES, **members}).encode())


def asked(face: Face, model: str = "spark-max", key: str = KEY, at: int | None = None, fault: str = "",
          deadlines: Deadlines = PATIENT, path: bytes = b"", **members: Any) -> Heard:  # fmt: skip
    """What comes of a request as the adapter makes it, signed for the instant ``at`` (None: now)."""
    address = SPARK.address("ws://spark-api.xf-yun.com/iflytek-ws", key, model)
    if path:
        address = Address(address.origin, path, address.headers, address.model, key)
    request = SPARK.request(address, body(**members), now(face) if at is None else at)
    if fault:
        request = msgspec.structs.replace(request, headers=request.headers + b"x-market-fault: %b\r\n" % fault.encode())
    return face.ask(request, deadlines)


def now(face: Face) -> int:
    return face.sim.now() if isinstance(face, VirtualFace) else time.time_ns()


@pytest.fixture(params=[VirtualFace, RealFace], ids=["virtual", "real"])
def face(request: pytest.FixtureRequest) -> Face:
    made: Face = request.param(echoing("iflytek-ws", pace=AT_ONCE))
    return made


def codes(heard: Heard) -> list[int]:
    return [json.loads(piece)["header"]["code"] for piece in heard.pieces]


def test_each_message_is_a_part_and_the_last_one_has_the_usage(face: Face) -> None:
    heard = asked(face)
    assert (heard.status, heard.end) == (101, "completed")
    parts = [json.loads(piece) for piece in heard.pieces]
    assert [part["header"]["status"] for part in parts] == [0, *[1] * (len(parts) - 2), 2]
    assert [part["payload"]["choices"]["seq"] for part in parts] == list(range(len(parts)))
    assert len({part["header"]["sid"] for part in parts}) == 1
    said = "".join(part["payload"]["choices"]["text"][0]["content"] for part in parts)
    assert said == MESSAGES[0]["content"]
    [served] = face.served()
    assert (served.outcome, served.model, served.stream) == (Outcome.WHOLE, "generalv3.5", True)
    assert ["usage" in part["payload"] for part in parts] == [False] * (len(parts) - 1) + [True]
    usage = parts[-1]["payload"]["usage"]["text"]
    assert usage["prompt_tokens"] == usage["question_tokens"] == served.prompt_tokens
    assert usage["completion_tokens"] == served.completion_tokens


@pytest.mark.parametrize("key", [f"{APP}:{NAME}:wrong", f"{APP}:nobody:{SECRET}"])
def test_a_signature_is_checked_before_anything_is_asked(face: Face, key: str) -> None:
    heard = asked(face, key=key)
    assert (heard.status, heard.end) == (401, "completed")
    assert "HMAC" in json.loads(heard.body)["message"]
    assert [served.outcome for served in face.served()] == [Outcome.REFUSED]


@pytest.mark.parametrize(("late", "status"), [(-240, 101), (240, 101), (-360, 403), (360, 403)])
def test_a_signature_runs_out(face: Face, late: int, status: int) -> None:
    assert asked(face, at=now(face) + late * SECOND).status == status


@pytest.mark.parametrize("change", [(b"host=spark", b"host=other"), (b"authorization=", b"authorization=!")])
def test_what_was_signed_cannot_be_changed(face: Face, change: tuple[bytes, bytes]) -> None:
    address = SPARK.address("ws://spark-api.xf-yun.com/iflytek-ws", KEY, "spark-max")
    request = SPARK.request(address, body(), now(face))
    assert change[0] in request.target
    assert face.ask(msgspec.structs.replace(request, target=request.target.replace(*change))).status == 401
    assert face.ask(msgspec.structs.replace(request, target=request.target.replace(b"/v3.5/", b"/v3.1/"))).status == 401


def test_the_application_belongs_to_the_key(face: Face) -> None:
    heard = asked(face, key=f"another:{NAME}:{SECRET}")
    assert (heard.status, codes(heard), heard.end) == (101, [10016], "completed")


def test_a_domain_fits_one_path(face: Face) -> None:
    assert codes(asked(face, path=b"/iflytek-ws/v1.1/chat")) == [10404]
    assert asked(face, path=b"/iflytek-ws/v9/chat").status == 404
    assert codes(asked(face, model="no-such-model")) == [10404]


def test_a_parameter_that_is_none(face: Face) -> None:
    assert codes(asked(face, top_k=9)) == [10163]
    assert codes(asked(face, temperature=0)) == [10163]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("bad_key", 10016), ("no_permission", 11200), ("quota_exhausted", 11200), ("rate_limited", 11202),
        ("overloaded", 10110), ("content_filtered", 10013), ("context_too_long", 10907), ("bad_request", 10163),
        ("model_not_found", 10404), ("server_error", 10012),
    ],
)  # fmt: skip
def test_whatever_it_refuses_is_a_code_in_a_message(face: Face, kind: str, code: int) -> None:
    heard = asked(face, fault=kind)
    assert (heard.status, codes(heard), heard.end) == (101, [code], "completed")
    assert [served.outcome for served in face.served()] == [Outcome.REFUSED]


def test_functions_are_called_whole(face: Face) -> None:
    face = type(face)([emulate("iflytek-ws", behaviour=Synthetic(), pace=AT_ONCE)])
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    heard = asked(face, tools=[{"type": "function", "function": {"name": "weather", "parameters": schema}}])
    texts = [json.loads(piece)["payload"]["choices"]["text"][0] for piece in heard.pieces]
    [call] = [text["function_call"] for text in texts if "function_call" in text]
    assert call == {"name": "weather", "arguments": '{"city":"上海 \\"厘\\""}'}


@pytest.mark.parametrize(
    ("fault", "end", "whole"),
    [
        ("cut_head", ConnectionLost, False),
        ("empty", "completed", False),
        ("garbage", "completed", True),
        ("error_inside", "completed", False),
        ("no_done", "completed", False),
        ("usage_null", "completed", True),
    ],
)
def test_troubles(face: Face, fault: str, end: object, whole: bool) -> None:
    heard = asked(face, fault=fault)
    assert heard.end == end if isinstance(end, str) else isinstance(heard.end, end)  # type: ignore[arg-type]
    statuses = [b'"status":2' in piece for piece in heard.pieces]
    assert (statuses[-1:] == [True] and b'"code":0' in heard.pieces[-1]) is whole


def test_an_answer_that_is_cut_ends_between_messages_or_within_one(face: Face) -> None:
    heard = asked(face, fault="cut@700")
    assert isinstance(heard.end, ConnectionLost)
    assert all(json.loads(piece)["header"]["code"] == 0 for piece in heard.pieces)
    assert [served.outcome for served in face.served()] == [Outcome.CUT]


def test_deadlines(face: Face) -> None:
    face = type(face)(echoing("iflytek-ws", pace=Pace(3600 * SECOND, SECOND)))
    heard = asked(face, deadlines=QUICK)
    assert isinstance(heard.end, TimedOut)
    heard = asked(type(face)(echoing("iflytek-ws", pace=AT_ONCE)), fault="stall@400", deadlines=QUICK)
    assert isinstance(heard.end, TimedOut)
    assert heard.end.phase == "idle"


def test_nobody_listens(face: Face) -> None:
    heard = asked(face, fault="unreachable")
    assert isinstance(heard.end, ConnectFailed if isinstance(face, VirtualFace) else ConnectionLost)


def test_a_handshake_elsewhere_is_an_ordinary_refusal() -> None:
    face = RealFace(echoing("deepseek"))
    request = ask_of("deepseek", {"messages": MESSAGES}, method=b"GET")
    request = msgspec.structs.replace(request, origin=Origin("ws", "127.0.0.1", 1))
    assert face.ask(request).status == 404


def sky(face: Face, vendor: str = "tiangong", key: str | None = None, fault: str = "", **members: Any) -> Heard:
    adapter = VENDORS[vendor]
    address = adapter.address(
        f"http://sky-api.singularity-ai.com/{vendor}", key or market_key(vendor), "SkyChat-MegaVerse"
    )
    request: Request = adapter.request(address, body(**members), now(face))
    if fault:
        request = msgspec.structs.replace(request, headers=request.headers + b"x-market-fault: %b\r\n" % fault.encode())
    return face.ask(request)


@pytest.fixture(params=[VirtualFace, RealFace], ids=["virtual", "real"])
def sky_face(request: pytest.FixtureRequest) -> Face:
    made: Face = request.param(echoing("tiangong", "tiangong-cumulative", pace=AT_ONCE))
    return made


def test_tiangong_in_one_piece_and_in_lines(sky_face: Face) -> None:
    whole = json.loads(sky(sky_face).body)
    assert (whole["code"], whole["resp_data"]["status"], whole["resp_data"]["finish_reason"]) == (200, 3, 1)
    assert whole["resp_data"]["reply"] == MESSAGES[0]["content"]
    heard = sky(sky_face, stream=True)
    assert heard.headers[b"content-type"] == b"application/x-ndjson"
    lines = [json.loads(line)["resp_data"] for line in heard.body.splitlines()]
    assert "".join(line["reply"] for line in lines) == MESSAGES[0]["content"]
    assert [line["status"] for line in lines] == [1] * (len(lines) - 1) + [3]
    served = sky_face.served()[-1]
    assert lines[-1]["usage"]["completion_tokens"] == served.completion_tokens
    assert lines[0]["usage"] is None


def test_tiangong_cumulative(sky_face: Face) -> None:
    heard = sky(sky_face, "tiangong-cumulative", stream=True)
    lines = [json.loads(line)["resp_data"]["reply"] for line in heard.body.splitlines()]
    assert lines[-1] == MESSAGES[0]["content"]
    assert all(after.startswith(before) for before, after in pairwise(lines))


@pytest.mark.parametrize("key", ["marketkey:wrong", "nobody:marketsecret"])
def test_tiangong_checks_the_signature(sky_face: Face, key: str) -> None:
    heard = sky(sky_face, key=key)
    assert (heard.status, json.loads(heard.body)["code"]) == (401, 401)


def test_tiangong_refuses_with_a_code_or_a_status(sky_face: Face) -> None:
    assert json.loads(sky(sky_face, fault="no_balance").body)["code"] == 60020
    filtered = json.loads(sky(sky_face, fault="content_filtered").body)
    assert (filtered["code"], filtered["resp_data"]["status"]) == (200, 4)
    assert json.loads(sky(sky_face, max_tokens=4000).body)["code"] == 400


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS, max_size=2).map(lambda value: json.dumps(value, ensure_ascii=False))
CALLS = st.lists(st.builds(ToolCall, name=st.sampled_from(["get_weather", "查询"]), arguments=ARGUMENTS), max_size=2)
NONE: st.SearchStrategy[Any] = st.just("")


@settings(deadline=None, max_examples=40)
@given(text=TEXTS, reasoning=st.one_of(NONE, TEXTS), calls=CALLS, stream=st.booleans(), seed=st.integers(1, 99))
def test_spark_is_read_exactly(text: str, reasoning: str, calls: list[ToolCall], stream: bool, seed: int) -> None:
    native = Native("iflytek-ws", "spark-max", Reply(text=text, reasoning=reasoning, tool_calls=tuple(calls)), seed)
    told = native.call(stream=stream)
    assert (told.failure, told.answer.damage) == (None, None)
    assert (told.text, told.reasoning) == (text, reasoning)
    assert [(call["name"], call["arguments"]) for call in told.calls] == [(one.name, one.arguments) for one in calls]
    assert told.finish == ("tool_calls" if calls else "stop")
    served = native.serving
    assert told.usage == {"input": served.prompt_tokens, "output": served.completion_tokens}
    assert told.answer.upstream_id == served.id


@pytest.mark.parametrize("vendor", ["tiangong", "tiangong-cumulative"])
@settings(deadline=None, max_examples=25)
@given(text=TEXTS, stream=st.booleans(), seed=st.integers(1, 99), piece=st.sampled_from([1, 7, 4096]))
def test_tiangong_is_read_exactly(vendor: str, text: str, stream: bool, seed: int, piece: int) -> None:
    native = Native(vendor, "SkyChat-MegaVerse", Reply(text=text), seed, piece)
    told = native.call(stream=stream)
    assert (told.failure, told.answer.damage, told.text, told.finish) == (None, None, text, "stop")
    served = native.serving
    assert told.usage == {"input": served.prompt_tokens, "output": served.completion_tokens}


@pytest.mark.parametrize("vendor", ["tiangong", "tiangong-cumulative"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tiangong_says_why_it_ends(vendor: str, stream: bool) -> None:
    native = Native(vendor, "SkyChat-MegaVerse", Reply(text="four" * 10))
    assert native.call(stream=stream, max_tokens=3).finish == "length"
    assert native.call(stream=stream, fault="!filtered_inside@2").finish == "content_filter"


@pytest.mark.parametrize(("name", "model"), [("iflytek-ws", "spark-max"), ("tiangong", "SkyChat-MegaVerse")])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_refusals_mean_what_they_mean(name: str, model: str, stream: bool) -> None:
    for refusal in FLAVOURS[name].refusals:
        if refusal is FLAVOURS[name].refusal(refusal.kind):
            told = Native(name, model).call(stream=stream, fault=f"!{refusal.kind}")
            assert told.failure is not None
            assert (told.failure.kind, told.failure.message) == (refusal.kind, refusal.message)
            assert not told.answer.begun
