"""Calls whose vendor takes a task on: it is asked after while the caller waits, and booked whatever becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from call_stage import JSON
from hypothesis import given, settings
from hypothesis import strategies as st
from test_holding import lease, purse
from test_service_call import ServiceStage, made

from fenli.clock import SECOND
from fenli.errors import ConnectionLost
from fenli.ledger.records import Grade
from fenli.wire.capabilities import Capability

WAN = "alibaba/wan2.2-t2i-plus"
TAKEN = b'{"request_id":"r","output":{"task_id":"t-1","task_status":"PENDING"}}'
RUNNING = b'{"request_id":"r","output":{"task_id":"t-1","task_status":"RUNNING"}}'


class Drawing(ServiceStage):
    """``others``: what is asked where the first fails."""

    def __init__(self, *others: str, n: int = 2, **more: Any) -> None:
        super().__init__(Capability.IMAGES, WAN, *others, prompt="cat", n=n, **more)

    def wait(self, span: int = SECOND) -> Drawing:
        """Until the task is asked after."""
        before = len(self.inquiries)
        self.pass_time(span)
        assert len(self.inquiries) == before + 1
        return self

    def hear(self, body: bytes, status: int = 200, headers: Any = JSON) -> Drawing:
        self.perform(self.call.heard(1, status, headers, body, self.now))
        self.settle()
        return self


def done(*urls: str, **more: Any) -> bytes:
    results = [{"url": url} if url else {"code": "InternalError", "message": "no"} for url in urls]
    return json.dumps({"output": {"task_id": "t-1", "task_status": "SUCCEEDED", "results": results, **more}}).encode()


def failed(**error: Any) -> bytes:
    return json.dumps({"output": {"task_id": "t-1", "task_status": "FAILED", **error}}).encode()


def taken_on(*others: str, **more: Any) -> Drawing:
    stage = Drawing(*others, purse=purse(1_000_000), **more).ask()
    stage.answer(200, TAKEN)
    assert stage.reply is None
    return stage


def test_the_answer_is_what_came_of_the_task_and_paid_by_what_came():
    stage = taken_on(n=3)
    assert lease(stage).held == 9
    stage.wait().hear(RUNNING).wait().hear(done("https://a", "", "https://c"))
    assert json.loads(stage.reply.body)["data"] == [{"url": "https://a"}, {"url": "https://c"}]
    (entry,) = stage.entries
    assert (entry.usage, entry.picos, entry.grade, entry.upstream_id) == ({"images": 2}, 6, Grade.MEASURED, "t-1")
    assert (lease(stage).held, lease(stage).spent) == (0, 6)
    stage.check()


def test_it_is_asked_after_less_and_less_often():
    stage, spans = taken_on(), []
    while len(spans) < 5:
        before = stage.now
        while len(stage.inquiries) == len(spans):
            stage.pass_time(SECOND // 100)
        spans.append((stage.now - before) / SECOND)
        stage.hear(RUNNING)
    assert spans == sorted(spans)
    assert 0.4 < spans[0] < 0.6
    assert spans[-1] < 5.1
    request = stage.inquiries[-1].request
    assert (request.method, request.target) == (b"GET", b"/api/v1/tasks/t-1")


def test_nothing_is_asked_while_a_question_is_under_way():
    stage = taken_on().wait()
    stage.pass_time(3 * SECOND)
    assert len(stage.inquiries) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b'{"code":"Throttling","message":"slow"}'), (503, b"{}"), (500, b"<html>"), (504, b"")],
)
def test_a_question_that_goes_unanswered_is_asked_again(status, body):
    stage = taken_on().wait().hear(body, status=status)
    assert stage.reply is None
    stage.wait().hear(done("https://a"))
    assert stage.entries[0].usage == {"images": 1}


def test_a_lost_question_is_asked_again_and_not_before_the_vendor_wants_it():
    stage = taken_on().wait()
    stage.perform(stage.call.unheard(1, ConnectionLost("gone", sent=True), stage.now))
    stage.wait().hear(b'{"code":"Throttling"}', status=429, headers=[(b"Retry-After", b"4")])
    stage.pass_time(3 * SECOND)
    assert len(stage.inquiries) == 2
    stage.wait(2 * SECOND).hear(done("https://a"))
    assert stage.reply.status == 200


def test_a_task_that_fails_costs_nothing_and_the_next_target_is_asked():
    stage = taken_on("zhipu/cogview-4").wait().hear(failed(code="InternalError.Algo", message="it went wrong"))
    assert (lease(stage).spent, stage.reply) == (0, None)
    stage.answer(200, made("https://z"))
    assert [(entry.outcome, entry.grade, entry.picos) for entry in stage.entries] == [
        ("server_error", Grade.NONE, None), ("ok", Grade.MEASURED, 3),
    ]  # fmt: skip
    stage.check()


def test_a_task_that_a_filter_ends_is_the_callers_fault():
    stage = taken_on("zhipu/cogview-4").wait().hear(failed(code="DataInspectionFailed", message="no"))
    assert (stage.error["code"], stage.entries[0].grade) == ("content_filtered", Grade.NONE)
    stage.check()


@pytest.mark.parametrize("said", [b"{}", b"[]", b"not json", done(""), done(), b'{"output":null}'])
def test_what_cannot_be_read_is_a_failure_that_may_have_been_charged(said):
    stage = taken_on().wait().hear(said)
    assert (stage.reply.status, stage.entries[0].outcome) == (502, "server_error")
    assert (stage.entries[0].usage, stage.entries[0].grade) == ({"images": 2}, Grade.ESTIMATED)
    assert lease(stage).spent == 6
    stage.check()


def test_a_task_that_takes_too_long_is_booked_as_asked_and_the_next_target_tried():
    stage = taken_on("zhipu/cogview-4", n=4)
    for _ in range(40):
        before = len(stage.inquiries)
        stage.pass_time(SECOND // 2)
        if len(stage.sends) == 2:
            break
        if len(stage.inquiries) > before:
            stage.hear(RUNNING)
    stage.settle()
    assert (stage.entries[0].outcome, stage.entries[0].usage) == ("timeout", {"images": 4})
    assert (stage.entries[0].grade, stage.entries[0].picos) == (Grade.ESTIMATED, 12)
    stage.perform(stage.call.heard(1, 200, JSON, done("https://late"), stage.now))
    stage.answer(200, made("https://z"))
    assert (stage.entries[1].usage, stage.entries[1].grade) == ({"images": 1}, Grade.MEASURED)
    assert lease(stage).spent == 15
    stage.check()


def test_a_caller_who_leaves_leaves_a_task_that_is_asked_after_and_paid():
    stage = taken_on().wait().hear(RUNNING)
    stage.leave()
    stage.wait(2 * SECOND).hear(done("https://a"))
    assert (stage.entries[0].outcome, stage.entries[0].usage, stage.reply) == ("ok", {"images": 1}, None)
    stage.check()


def test_a_caller_who_leaves_before_the_task_is_taken_on_has_it_asked_after_too():
    stage = Drawing(purse=purse(1_000_000)).ask()
    stage.leave().answer(200, TAKEN)
    stage.wait().hear(done("https://a", "https://b"))
    assert stage.entries[0].picos == 6
    stage.check()


def test_a_task_that_outlasts_a_caller_who_left_is_booked_as_asked():
    stage = taken_on()
    stage.leave()
    while stage.ended is None:
        before = len(stage.inquiries)
        stage.pass_time(SECOND)
        if len(stage.inquiries) > before and stage.ended is None:
            stage.hear(RUNNING)
    stage.settle()
    (entry,) = stage.entries
    assert (entry.outcome, entry.usage, entry.grade) == ("client_gone", {"images": 2}, Grade.ESTIMATED)
    stage.check()


def test_a_reply_that_names_no_task_is_none():
    stage = Drawing().ask().answer(200, b'{"output":{"task_id":"../x"}}')
    assert (stage.reply.status, stage.entries[0].grade) == (502, Grade.UNKNOWN)


def test_a_vendor_that_does_not_take_it_on_has_charged_nothing():
    stage = Drawing(purse=purse(1_000_000)).ask().answer(400, b'{"code":"Arrearage","message":"no"}')
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("no_balance", Grade.NONE)
    assert lease(stage).spent == 0


REPLIES = st.sampled_from([
    (200, TAKEN), (200, TAKEN), (200, b'{"output":{}}'),
    (200, b'{"code":"Throttling","message":"x"}'), (200, b"<html>"),
    (200, made("https://z")), (429, b"{}"), (500, b"{}"), (400, b'{"code":"DataInspectionFailed"}'),
])  # fmt: skip
TOLD = st.sampled_from([
    (200, RUNNING), (200, RUNNING), (200, done("https://a")), (200, done("https://a", "https://b")), (200, done("")),
    (200, failed(code="InternalError")), (200, failed(code="DataInspectionFailed")), (200, b"{}"), (429, b"{}"),
    (503, b"{}"), (401, b'{"code":"InvalidApiKey"}'), (404, b"{}"),
])  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), REPLIES),
        st.tuples(st.just("hear"), TOLD),
        st.tuples(st.just("hear"), TOLD),
        st.tuples(st.just("lose"), st.none()),
        st.tuples(st.just("leave"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0, SECOND // 4, SECOND, 6 * SECOND, 31 * SECOND])),
        st.tuples(st.just("wait"), st.just(SECOND)),
    ),
    max_size=20,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 4), st.booleans())
def test_whatever_happens_there_is_one_end_and_what_may_be_owed_is_booked(steps, n, other):
    stage = Drawing(*["zhipu/cogview-4"] * other, n=n, purse=purse(1_000_000)).ask()
    told = 0
    for step, what in [*steps, *[("wait", 61 * SECOND)] * 3]:
        if step == "wait":
            stage.pass_time(what)
        elif step == "leave" and not stage.client_left and stage.ended is None:
            stage.leave()
        elif step == "reply" and stage.on_the_way:
            stage.head(what[0], JSON).body(what[1]).complete()
        elif step in ("hear", "lose") and told < len(stage.inquiries):
            asked, told = stage.inquiries[told].attempt, told + 1
            if step == "hear":
                stage.perform(stage.call.heard(asked, what[0], JSON, what[1], stage.now))
            else:
                stage.perform(stage.call.unheard(asked, ConnectionLost("gone", sent=True), stage.now))
        stage.settle()
        assert len(stage.inquiries) - told <= 1
    stage.check()
    owed = [entry for entry in stage.entries if entry.grade is not Grade.NONE]
    assert lease(stage).held == 0
    assert lease(stage).spent == sum(entry.held_picos if entry.picos is None else entry.picos for entry in owed)
    assert all(entry.usage is not None for entry in owed if entry.upstream_id == "t-1")
