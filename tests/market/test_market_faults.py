"""Each trouble looks as declared, on both faces, and stands as declared in the vendor's own book."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from faces import MODELS, QUICK, Face, RealFace, VirtualFace, ask_of, echoing, says

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConfigError, ConnectFailed, ConnectionLost, Kind, TimedOut
from fenli.market.faults import Fault, FaultRule, Faults, Trouble, parse_fault, parse_rule
from fenli.market.market import emulate
from fenli.market.replies import AT_ONCE, Echo
from fenli.market.script import Outcome
from fenli.sim.kernel import START
from fenli.sim.random import Chance

TEXT = "one two three four five six seven eight nine ten"


@pytest.fixture(params=["virtual", "real"])
def face(request: pytest.FixtureRequest) -> Face:
    return VirtualFace(echoing()) if request.param == "virtual" else RealFace(echoing())


def stream(fault: str, **more: object) -> tuple[str, dict[str, object], str]:
    return "openai", says(TEXT, stream=True, stream_options={"include_usage": True}, **more), fault


def test_without_a_fault_the_answer_is_whole(face: Face) -> None:
    heard = face.ask(ask_of("openai", says(TEXT)))
    assert (heard.status, heard.end) == (200, "completed")
    answer = json.loads(heard.body)
    assert answer["choices"][0]["message"]["content"] == TEXT
    (entry,) = face.served()
    assert entry.outcome is Outcome.WHOLE
    assert entry.completion_tokens == answer["usage"]["completion_tokens"]
    assert entry.id == answer["id"]


def test_slow(face: Face) -> None:
    vendor, body, _ = stream("")
    heard = face.ask(ask_of(vendor, body, fault="slow@60000"), QUICK)
    assert isinstance(heard.end, TimedOut)
    assert (heard.end.phase, heard.end.sent, heard.status) == ("head", True, 0)
    assert face.served()[0].outcome is Outcome.GONE


def test_slow_first_byte(face: Face) -> None:
    vendor, body, _ = stream("")
    heard = face.ask(ask_of(vendor, body, fault="slow_first_byte@60000"), QUICK)
    assert isinstance(heard.end, TimedOut)
    assert (heard.end.phase, heard.status) == ("first_byte", 200)


def test_cut_before_the_head(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="cut_head"))
    assert isinstance(heard.end, ConnectionLost)
    assert heard.end.sent
    assert heard.status == 0
    assert face.served()[0].outcome is Outcome.CUT


@pytest.mark.parametrize("at", [0, 1, 300, 10_000_000])
def test_cut_at_a_byte_of_a_stream(face: Face, at: int) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault=f"cut@{at}"))
    assert isinstance(heard.end, ConnectionLost)
    assert len(heard.body) == at if at < 1000 else heard.body.endswith(b"data: [DONE]\n\n")
    (entry,) = face.served()
    assert entry.outcome is Outcome.CUT
    assert (entry.completion_tokens > 0) is (at > 1000)


def test_cut_at_a_byte_of_an_answer_in_one_piece(face: Face) -> None:
    heard = face.ask(ask_of("zhipu", says(TEXT), fault="cut@10"))
    assert isinstance(heard.end, ConnectionLost)
    assert len(heard.body) == 10


def test_stall_before_the_head(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="stall_head"), QUICK)
    assert isinstance(heard.end, TimedOut)
    assert heard.end.phase == "head"


def test_stall_in_the_middle(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="stall@300"), QUICK)
    assert isinstance(heard.end, TimedOut)
    assert heard.end.phase == "idle"
    assert len(heard.body) == 300


@pytest.mark.parametrize(("fault", "wait"), [("rate_limited", None), ("rate_limited@7", b"7")])
def test_429_with_and_without_retry_after(face: Face, fault: str, wait: bytes | None) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault=fault))
    assert (heard.status, heard.headers.get(b"retry-after"), heard.end) == (429, wait, "completed")
    assert json.loads(heard.body)["error"]["code"] == "rate_limit_exceeded"
    (entry,) = face.served()
    assert (entry.outcome, entry.completion_tokens, entry.prompt_tokens) == (Outcome.REFUSED, 0, 0)


@pytest.mark.parametrize(("fault", "status"), [("server_error", 500), ("overloaded", 503)])
def test_500_and_503(face: Face, fault: str, status: int) -> None:
    heard = face.ask(ask_of("deepseek", says(TEXT), fault=fault))
    assert heard.status == status


@pytest.mark.parametrize(("fault", "status"), [("html", 502), ("html@504", 504)])
def test_an_html_page(face: Face, fault: str, status: int) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault=fault))
    assert (heard.status, heard.headers[b"content-type"]) == (status, b"text/html")
    assert heard.body.startswith(b"<html>")


def test_an_empty_body(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="empty"))
    assert (heard.status, heard.body, heard.end) == (200, b"", "completed")


def test_garbage_in_one_piece(face: Face) -> None:
    heard = face.ask(ask_of("openai", says(TEXT), fault="garbage"))
    assert heard.status == 200
    with pytest.raises(UnicodeDecodeError):
        json.loads(heard.body)


def test_garbage_in_a_stream(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="garbage"))
    assert b"\xe5\x88\n\n" in heard.body
    assert heard.end == "completed"


def test_an_error_inside_a_stream(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="error_inside@4"))
    events = heard.body.split(b"\n\n")
    assert b'"error"' in events[4]
    assert (heard.status, heard.end, len(events)) == (200, "completed", 6)
    assert b"[DONE]" not in heard.body
    assert face.served()[0].completion_tokens == 3


def test_an_error_inside_an_answer_in_one_piece(face: Face) -> None:
    heard = face.ask(ask_of("zhipu", says(TEXT), fault="error_inside"))
    assert heard.status == 200
    assert json.loads(heard.body)["error"]["code"] == "1234"


def test_a_stream_without_its_end_mark(face: Face) -> None:
    heard = face.ask(ask_of(*stream("")[:2], fault="no_done"))
    assert (heard.end, b"[DONE]" in heard.body) == ("completed", False)
    assert face.served()[0].outcome is Outcome.WHOLE


def test_a_filter_that_ends_an_answer(face: Face) -> None:
    heard = face.ask(ask_of("zhipu", says(TEXT), fault="filtered_inside@2"))
    choice = json.loads(heard.body)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("sensitive", TEXT[:8])


@pytest.mark.parametrize("fault", ["usage_null", "usage_larger", "usage_inconsistent"])
def test_a_lying_vendor_tells_the_truth_in_its_own_book(face: Face, fault: str) -> None:
    heard = face.ask(ask_of("deepseek", says(TEXT), fault=fault))
    usage = json.loads(heard.body)["usage"]
    (entry,) = face.served()
    assert entry.completion_tokens == 12
    if fault == "usage_null":
        assert usage is None
        assert entry.told is None
    else:
        assert entry.told is not None
        assert usage == json.loads(entry.told)
        honest = usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
        assert honest is (fault == "usage_larger")
        assert (usage["completion_tokens"] == 12) is (fault == "usage_inconsistent")


def test_a_model_name_may_carry_the_fault(face: Face) -> None:
    body = says(TEXT, model=f"{MODELS['openai']}!cut_head")
    assert isinstance(face.ask(ask_of("openai", body)).end, ConnectionLost)


@pytest.mark.parametrize("fault", ["unreachable", "unresolved"])
def test_a_vendor_that_cannot_be_reached(fault: str) -> None:
    face = VirtualFace(echoing())
    heard = face.ask(ask_of("openai", says(TEXT), fault=fault))
    assert isinstance(heard.end, ConnectFailed)
    assert not heard.end.sent
    assert face.served() == []


def test_a_vendor_that_never_takes_the_connection() -> None:
    heard = VirtualFace(echoing()).ask(ask_of("openai", says(TEXT), fault="unconnected"))
    assert isinstance(heard.end, TimedOut)
    assert (heard.end.phase, heard.end.sent) == ("connect", False)


def test_the_queue_strikes_first_then_the_schedule() -> None:
    rule = FaultRule(Fault(Kind.SERVER_ERROR), since=START + 100 * SECOND, until=START + 200 * SECOND)
    faults = Faults((rule,))
    faults.queue.extend([None, Fault(Kind.RATE_LIMITED)])
    face = VirtualFace([emulate("openai", behaviour=Echo(), pace=AT_ONCE, faults=faults)])
    statuses = [face.ask(ask_of("openai", says(TEXT))).status for _ in range(3)]
    face.sim.run(until=START + 100 * SECOND)
    statuses.append(face.ask(ask_of("openai", says(TEXT))).status)
    face.sim.run(until=START + 200 * SECOND)
    statuses.append(face.ask(ask_of("openai", says(TEXT))).status)
    assert statuses == [200, 429, 200, 500, 200]


def test_a_probability_is_kept() -> None:
    faults = Faults((parse_rule("0.25*cut_head"),))
    stream = Chance(3).stream("x")
    struck = sum(faults.draw(0, stream) == Fault(Trouble.CUT_HEAD) for _ in range(2000))
    assert 430 < struck < 570


@pytest.mark.parametrize("parse", [parse_fault, parse_rule])
@pytest.mark.parametrize("text", ["cat", "cut@", "cut@x", "cut@-1", ""])
def test_a_fault_that_does_not_exist_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ConfigError, match="is not a fault"):
        parse(text)


@pytest.mark.parametrize("text", ["2*cut", "x*cut", "nan*cut"])
def test_a_share_that_is_no_probability_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="probability"):
        parse_rule(text)


def test_slow_answers_come_in_the_end() -> None:
    face = VirtualFace(echoing())
    before = face.sim.now()
    assert face.ask(ask_of("openai", says(TEXT), fault="slow@1500")).end == "completed"
    assert face.sim.now() - before >= 1500 * MILLISECOND
