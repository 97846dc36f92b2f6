from __future__ import annotations

import json
from typing import Any

import pytest
from call_stage import (
    DONE,
    EXTRA,
    JSON,
    ROLE,
    SSE,
    STOP,
    USAGE,
    WHOLE,
    CallStage,
    plan,
    problem,
    words,
)

from fenli.calls.call import DRAIN_SPAN
from fenli.clock import MILLISECOND, SECOND
from fenli.errors import CallRefused, ConnectFailed, ConnectionLost, ProtocolError, TimedOut
from fenli.ledger.records import Attempted, Grade, Held, Released, Settled

ARREARS = problem(code="1113", message="arrears of sk-secret, org-77")
BUSY = problem(message="busy", type="server_error")
REFUSED = ConnectFailed("refused", sent=False)
LOST = ConnectionLost("lost", sent=True)


# An answer in one piece


def test_a_call_that_goes_well() -> None:
    stage = CallStage().ask()
    stage.now += 3 * SECOND
    stage.answer(200, WHOLE).settle()
    assert stage.reply is not None
    assert (stage.reply.status, stage.reply.body) == (200, WHOLE)
    assert stage.header["content-type"] == "application/json"
    assert stage.header["x-request-id"] == stage.header["x-fenli-call-id"] == "call_x7"
    assert (stage.header["x-fenli-vendor"], stage.header["x-fenli-model"]) == ("deepseek", "deepseek-chat")
    assert stage.header["x-fenli-attempts"] == "1"
    entry = stage.entries[0]
    assert (entry.outcome, entry.status, entry.grade, entry.final) == ("ok", 200, Grade.MEASURED, True)
    assert (entry.usage, entry.raw_usage) == ({"input": 10, "output": 4}, USAGE)
    assert (entry.picos, entry.currency, entry.offer) == (18, "CNY", "o-deepseek")
    assert (entry.upstream_id, entry.answered_model, entry.first_content) == ("up-1", "m", 3 * SECOND)
    assert stage.ended is not None
    assert stage.ended.cost is not None
    assert (stage.ended.cost.picos, stage.ended.status) == (18, 200)
    stage.check()


def test_the_hold_is_written_before_the_vendor_is_asked() -> None:
    stage = CallStage(max_tokens=5, request_id="r", retry=2).begin()
    (record,) = stage.unwritten
    assert isinstance(record, Held)
    assert record.picos == stage.call.ask.size * 1 + 5 * 2
    assert (record.key, record.asked, record.request_id, record.retry) == ("k1", "fast", "r", 2)
    assert record.prompt_bytes == stage.call.ask.size
    assert stage.sends[1].request.body.startswith(b'{"model":"deepseek-chat"')


@pytest.mark.parametrize(
    ("fields", "output"),
    [({"max_tokens": 9}, 9), ({"max_tokens": 9, "n": 3}, 27), ({"max_completion_tokens": 9, "max_tokens": 5}, 9)],
)
def test_the_hold_is_the_worst_case(fields: dict[str, int], output: int) -> None:
    stage = CallStage(**fields).begin()
    assert stage.unwritten[0].picos == stage.call.ask.size + 2 * output  # type: ignore[union-attr]


def test_the_worst_case_of_the_largest_request_still_fits_the_books() -> None:
    stage = CallStage("moonshot", "deepseek", max_tokens=2**31 - 1, n=128).ask()
    stage.answer(503, BUSY)
    assert all(0 < record.picos < 2**63 for record in stage.records if isinstance(record, Held | Attempted))  # type: ignore[operator]


def test_a_model_without_a_price_is_served_and_its_cost_is_unknown_not_zero() -> None:
    stage = CallStage(priced=False, wants_cost=True).ask().answer(200, WHOLE).settle()
    entry = stage.entries[0]
    assert (entry.held_picos, entry.picos, entry.grade) == (None, None, Grade.UNKNOWN)
    assert entry.usage == {"input": 10, "output": 4}
    assert entry.note == "unpriced"
    assert stage.reply is not None
    assert json.loads(stage.reply.body)["usage"]["cost"] is None


def test_the_cost_is_told_to_who_wants_it_exactly_as_booked() -> None:
    stage = CallStage(wants_cost=True).ask().answer(200, WHOLE).settle()
    assert stage.reply is not None
    usage = json.loads(stage.reply.body)["usage"]
    assert usage.pop("cost") == pytest.approx(18e-12)
    assert usage.pop("cost_details") == {"currency": "CNY", "offer": "o-deepseek", "grade": "measured"}
    assert usage == json.loads(USAGE)
    assert b'"cost":0.000000000018,' in stage.reply.body


def test_an_answer_without_usage_is_estimated() -> None:
    stage = CallStage().ask().answer(200, b'{"choices":[{"message":{"content":"' + b"x" * 400 + b'"}}]}').settle()
    entry = stage.entries[0]
    assert entry.grade is Grade.ESTIMATED
    assert entry.usage is not None
    assert 100 <= entry.usage["output"] <= 130
    assert entry.note == "the vendor sent no usage"


def test_a_running_total_is_an_estimate_where_the_stream_is_cut_and_measured_where_it_ends_well() -> None:
    chunk = words("Hi")[:-3] + b',"usage":' + USAGE + b"}\n\n"
    cut = CallStage(stream=True).ask().head().body(chunk).fail(ConnectionLost("gone", sent=True)).settle().entries[0]
    assert (cut.grade, cut.picos, cut.usage) == (Grade.ESTIMATED, 18, {"input": 10, "output": 4})
    assert "running total" in (cut.note or "")
    whole = CallStage(stream=True).ask().answer(200, chunk, STOP, DONE).settle().entries[0]
    assert (whole.grade, whole.picos, whole.note) == (Grade.MEASURED, 18, None)


def test_what_came_after_the_running_total_is_counted_by_us() -> None:
    """The prompt is told at the beginning, at one token of the answer; the rest of it never is, where it is cut."""
    told = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}
    word = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ten "}}
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    events = [{"type": "message_start", "message": {"usage": told}}, start, *[word] * 7]
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    stage = CallStage("anthropic", stream=True).ask().head().body(data)
    entry = stage.fail(ConnectionLost("gone", sent=True)).settle().entries[0]
    assert (entry.grade, entry.usage) == (Grade.ESTIMATED, {"input": 10, "cached_input": 5, "output": 8})
    assert entry.raw_usage is not None
    assert json.loads(entry.raw_usage) == told


def test_usage_that_contradicts_itself_is_unknown_and_kept() -> None:
    wrong = USAGE.replace(b"14", b"15")
    stage = CallStage().ask().answer(200, WHOLE.replace(USAGE, wrong)).settle()
    entry = stage.entries[0]
    assert (entry.grade, entry.picos, entry.usage, entry.raw_usage) == (Grade.UNKNOWN, None, None, wrong)
    assert "adds up to 14" in (entry.note or "")
    assert stage.finished or stage.reply


def test_a_vendors_words_go_into_the_books_only_at_a_sane_length() -> None:
    body = b'{"id":"%b","model":"%b","choices":[{}],"usage":{"prompt_tokens":1,"completion_tokens":1,"x":"%b"}}'
    stage = CallStage().ask().answer(200, body % ((b"x" * 100_000,) * 3)).settle()
    entry = stage.entries[0]
    assert (entry.upstream_id, entry.answered_model, entry.raw_usage) == (None, None, None)
    assert (entry.grade, entry.picos) == (Grade.MEASURED, 3)


# A stream


def test_a_stream_is_relayed_as_it_comes() -> None:
    stage = CallStage(stream=True).ask().head()
    stage.body(ROLE)
    assert stage.started is None
    stage.now += SECOND
    stage.body(words("Hel"))
    assert stage.said == ROLE + words("Hel")
    assert stage.header["content-type"] == "text/event-stream"
    assert stage.header["x-accel-buffering"] == "no"
    stage.body(words("lo"), STOP + EXTRA, DONE).settle()
    assert stage.finished
    assert stage.said.startswith(ROLE + words("Hel") + words("lo") + STOP)
    assert stage.said.endswith(DONE)
    assert EXTRA not in stage.said
    assert stage.entries[0].first_content == SECOND
    assert stage.entries[0].picos == 18
    stage.check()


def test_a_caller_who_asked_for_usage_gets_its_chunk() -> None:
    stage = CallStage(stream=True, stream_options={"include_usage": True}).ask().head()
    stage.body(ROLE + words("Hi") + STOP + EXTRA + DONE)
    assert stage.said == ROLE + words("Hi") + STOP + EXTRA + DONE
    assert stage.finished


def test_what_comes_behind_the_end_is_not_heard() -> None:
    stage = CallStage(stream=True).ask().head().body(words("Hi") + STOP + DONE)
    assert stage.ended is not None
    stage.body(words("more")).complete().fail(LOST).leave().pass_time(3600 * SECOND)
    stage.refuse_journal()
    assert stage.said.endswith(DONE)


def test_a_stream_that_closes_without_its_mark_is_whole_when_it_said_so() -> None:
    stage = CallStage(stream=True).ask().head().body(words("Hi") + STOP).complete().settle()
    assert stage.finished
    assert stage.said.endswith(STOP + DONE)
    assert stage.entries[0].grade is Grade.ESTIMATED


@pytest.mark.parametrize("end", ["complete", "lost"])
def test_a_truncated_stream_never_looks_whole(end: str) -> None:
    stage = CallStage("deepseek", "moonshot", stream=True).ask().head().body(words("Hi"))
    _ = stage.complete() if end == "complete" else stage.fail(LOST)
    stage.settle()
    assert stage.aborted
    assert not stage.finished
    assert DONE not in stage.said
    assert stage.error["code"] == "answer_truncated"
    assert stage.error["call_id"] == "call_x7"
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("truncated", Grade.ESTIMATED)
    assert len(stage.sends) == 1  # what was said cannot be taken back: no other vendor is asked
    stage.check()


def test_an_error_in_the_middle_of_a_stream() -> None:
    stage = CallStage("zhipu", "moonshot", stream=True).ask().head().body(words("Hi"))
    stage.body(words("there") + b"data: " + problem(code="1301", message="no") + b"\n\n").settle()
    assert stage.said.startswith(words("Hi") + words("there"))
    assert stage.aborted
    assert stage.error["code"] == "content_filtered"
    assert stage.cancelled == [1]
    assert stage.entries[0].grade is Grade.ESTIMATED
    stage.check()


def test_an_error_before_the_first_content_fails_over() -> None:
    stage = CallStage("zhipu", "moonshot", stream=True).ask().head()
    stage.body(ROLE + b"data: " + problem(code="1302", message="no") + b"\n\n")
    stage.settle()
    assert stage.cancelled == [1]
    stage.head(at=2).body(words("Hi") + STOP + DONE).settle()
    assert stage.finished
    assert stage.header["x-fenli-vendor"] == "moonshot"
    assert [entry.outcome for entry in stage.entries] == ["rate_limited", "ok"]
    assert [entry.grade for entry in stage.entries] == [Grade.NONE, Grade.ESTIMATED]
    stage.check()


def test_content_and_an_error_in_one_read_are_owed_like_in_two() -> None:
    stage = CallStage("zhipu", "moonshot", stream=True).ask().head()
    stage.body(ROLE + words("Hi") + b"data: " + problem(code="1302", message="no") + b"\n\n").settle()
    assert stage.started is None
    assert 2 in stage.sends
    assert stage.entries[0].grade is Grade.ESTIMATED


def test_a_stream_that_is_answered_with_json_is_an_error_inside_a_200() -> None:
    stage = CallStage("zhipu", "moonshot", stream=True).ask()
    stage.head(200, [(b"content-type", b"Application/JSON;charset=UTF-8")]).body(ARREARS).complete().settle()
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("no_balance", Grade.NONE)
    assert 2 in stage.sends


def test_a_whole_answer_to_a_stream_is_no_stream_but_has_to_be_paid() -> None:
    stage = CallStage(stream=True).ask().head(200, JSON).body(WHOLE).complete().settle()
    entry = stage.entries[0]
    assert (entry.outcome, entry.grade, entry.picos) == ("server_error", Grade.MEASURED, 18)
    assert stage.reply is not None
    assert stage.reply.status == 502
    assert "Hi" not in (entry.note or "") + stage.error["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"code":"X","message":"m"}', b"<html>"])
def test_json_of_no_known_shape_may_have_been_charged(body: bytes) -> None:
    stage = CallStage(stream=True).ask().head(200, JSON).body(body).complete().settle()
    assert stage.entries[0].grade is Grade.UNKNOWN


def test_damage_before_the_first_content_fails_over_and_may_have_been_charged() -> None:
    stage = CallStage("deepseek", "moonshot", stream=True).ask().head().body(b"data: <html>\n\n").settle()
    assert 2 in stage.sends
    assert stage.entries[0].grade is Grade.UNKNOWN


# Failover, in the order of the plan, until one has content


def test_failover_goes_down_the_plan() -> None:
    stage = CallStage("deepseek", "moonshot", "zhipu").ask()
    stage.answer(503, BUSY).answer(429, problem(type="engine_overloaded_error", message="x")).answer(
        200, WHOLE
    ).settle()
    assert [send.target.vendor_id for send in stage.sends.values()] == ["deepseek", "moonshot", "zhipu"]
    assert stage.reply is not None
    assert stage.reply.body == WHOLE
    assert stage.header["x-fenli-attempts"] == "3"
    assert [(entry.vendor, entry.outcome, entry.final) for entry in stage.entries] == [
        ("deepseek", "overloaded", False),
        ("moonshot", "overloaded", False),
        ("zhipu", "ok", True),
    ]
    assert [entry.picos for entry in stage.entries] == [None, None, 1800]
    stage.check()


def test_the_overhead_is_ours_alone() -> None:
    stage = CallStage("deepseek", "moonshot").begin()
    stage.now += 2 * MILLISECOND
    stage.write_journal()
    stage.now += 5 * SECOND
    stage.answer(503, BUSY)
    stage.answer(200, WHOLE)
    assert stage.header["x-fenli-overhead-ms"] == "2.000"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, problem(message="x")),
        (402, problem(message="x")),
        (403, problem(message="x")),
        (404, problem(message="x")),
        (408, b""),
        (429, b""),
        (500, b"<html>"),
        (502, b"<html>"),
        (503, b""),
        (504, b""),
        (529, b""),
        (302, b""),
        (200, ARREARS),
        (200, b"<html>"),
        (200, b'{"choices":[]}'),
        (204, b""),
    ],
)
def test_what_is_not_the_callers_fault_is_tried_elsewhere(status: int, body: bytes) -> None:
    stage = CallStage("zhipu", "moonshot").ask().answer(status, body)
    assert list(stage.sends) == [1, 2]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, problem(message="bad")),
        (400, problem(code="1301", message="filtered")),
        (400, problem(code="1261", message="too long")),
        (413, b"too large"),
        (422, b""),
        (451, b""),
    ],
)
def test_what_is_the_callers_fault_comes_back_byte_for_byte(status: int, body: bytes) -> None:
    stage = CallStage("zhipu", "moonshot").ask().head(status, [(b"content-type", b"text/weird; charset=x")])
    stage.body(body[:3], body[3:]).complete().settle()
    assert list(stage.sends) == [1]
    assert stage.reply is not None
    assert (stage.reply.status, stage.reply.body) == (status, body)
    assert stage.header["content-type"] == "text/weird; charset=x"
    assert stage.entries[0].grade is Grade.NONE
    stage.check()


@pytest.mark.parametrize("error", [REFUSED, LOST, TimedOut("head", "slow", sent=True), ProtocolError("odd", sent=True)])
def test_a_transport_that_fails_is_tried_elsewhere(error: Exception) -> None:
    stage = CallStage("deepseek", "moonshot").ask().fail(error).settle()
    assert list(stage.sends) == [1, 2]
    assert stage.entries[0].grade is (Grade.NONE if error is REFUSED else Grade.UNKNOWN)


def test_a_vendor_without_words_for_the_request_is_not_asked_and_the_failure_before_it_is_told() -> None:
    stage = CallStage("deepseek", "ollama-native", logit_bias={"1": 2}).ask().answer(503, BUSY).settle()
    assert list(stage.sends) == [1]
    assert stage.error["code"] == "vendor_overloaded"
    assert [(entry.vendor, entry.outcome, entry.final) for entry in stage.entries] == [("deepseek", "overloaded", True)]
    stage.check()


def test_who_has_words_is_asked_in_the_place_of_who_has_none() -> None:
    stage = CallStage("ollama-native", "deepseek", logit_bias={"1": 2}).ask().answer(200, WHOLE).settle()
    assert [send.target.vendor_id for send in stage.sends.values()] == ["deepseek"]
    assert (stage.header["x-fenli-vendor"], stage.header["x-fenli-attempts"]) == ("deepseek", "1")
    stage.check()
    stage = CallStage("deepseek", "ollama-native", "moonshot", logit_bias={"1": 2}).ask()
    stage.answer(503, BUSY).answer(200, WHOLE).settle()
    assert [send.target.vendor_id for send in stage.sends.values()] == ["deepseek", "moonshot"]
    assert [(entry.vendor, entry.outcome) for entry in stage.entries] == [
        ("deepseek", "overloaded"),
        ("moonshot", "ok"),
    ]
    stage.check()


def test_a_call_that_nobody_has_words_for_is_refused_and_in_no_book() -> None:
    stage = CallStage("ollama-native", logit_bias={"1": 2})
    with pytest.raises(CallRefused, match="logit_bias"):
        stage.begin()
    assert (stage.sends, stage.unwritten) == ({}, [])


def test_attempts_have_a_cap() -> None:
    stage = CallStage("deepseek", "moonshot", "zhipu", "openai", attempts_max=2).ask().answer(503).answer(503).settle()
    assert list(stage.sends) == [1, 2]
    assert stage.reply is not None
    assert stage.error["code"] == "vendor_overloaded"
    stage.check()


def test_the_last_targets_failure_is_the_callers_answer() -> None:
    stage = CallStage("deepseek", "moonshot").ask().fail(REFUSED).settle().fail(LOST).settle()
    assert stage.reply is not None
    assert stage.reply.status == 502
    assert stage.error["code"] == "answer_truncated"
    stage.check()


# What the caller reads


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_vendor_says_of_our_account_stays_with_us(stream: bool) -> None:
    stage = CallStage("zhipu", stream=stream).ask().answer(429, ARREARS).settle()
    assert stage.reply is not None
    assert stage.reply.status == 502
    assert stage.error["code"] == "vendor_credential"
    assert "top up" in stage.error["message"]
    assert b"org-77" not in stage.reply.body
    assert b"sk-secret" not in stage.reply.body
    assert stage.header["x-should-retry"] == "false"
    note = stage.entries[0].note or ""
    assert "org-77" in note
    assert "sk-secret" not in note


def test_a_body_that_holds_our_secret_is_not_passed_on() -> None:
    stage = CallStage().ask().answer(400, problem(message="bad request with sk-secret")).settle()
    assert stage.reply is not None
    assert stage.reply.status == 400
    assert b"sk-secret" not in stage.reply.body
    assert stage.error["code"] == "bad_request"


@pytest.mark.parametrize(
    "line", [b"text/html\r\nX-Evil: 1", b"text/html\nX-Evil: 1", b"x" * 5000, b"\x00", "文".encode(), b""]
)
def test_a_vendors_header_cannot_add_one_of_ours(line: bytes) -> None:
    stage = CallStage().ask().head(400, [(b"content-type", line)]).body(b"no").complete()
    assert stage.header["content-type"] == "application/json"
    assert "X-Evil" not in stage.header


@pytest.mark.parametrize(
    ("lines", "seconds", "milliseconds"),
    [
        ([(b"Retry-After", b"3")], "3", "3000"),
        ([(b"retry-after-ms", b"1200")], "2", "1200"),
        ([(b"retry-after", b"86400")], "120", "120000"),
        ([(b"retry-after", b"99999999999")], "120", "120000"),
        ([], None, None),
    ],
)
def test_a_wait_is_passed_on_and_capped(
    lines: list[tuple[bytes, bytes]], seconds: str | None, milliseconds: Any
) -> None:
    for status in (429, 503):
        stage = CallStage().ask().head(status, lines).body(b"{}").complete()
        assert stage.header.get("retry-after") == seconds
        assert stage.header.get("retry-after-ms") == milliseconds


SPENT = [(b"X-RateLimit-Remaining-Requests", b"0"), (b"X-RateLimit-Reset-Requests", b"1m2.5s")]


def test_a_limit_that_is_used_up_tells_the_wait_where_nothing_else_does() -> None:
    stage = CallStage("openai").ask().head(429, [*JSON, *SPENT]).body(problem(code="rate_limit_exceeded")).complete()
    assert stage.header["retry-after-ms"] == "62500"
    stage = CallStage("openai").ask().head(429, [*SPENT, (b"retry-after", b"2")]).body(b"{}").complete()
    assert stage.header["retry-after-ms"] == "2000"
    stage = CallStage("openai").ask().head(503, SPENT).body(b"{}").complete()  # not for its limits
    assert "retry-after" not in stage.header
    stage = CallStage("deepseek").ask().head(429, SPENT).body(b"{}").complete()  # which says nothing in these
    assert "retry-after" not in stage.header


def test_a_wait_may_be_a_date() -> None:
    stage = CallStage().ask().head(503, [(b"retry-after", b"Thu, 01 Jan 1970 00:17:00 GMT")]).body(b"{}").complete()
    assert stage.header["retry-after"] == "20"  # it is 16:40


def test_the_end_of_a_call_has_what_each_vendor_told() -> None:
    stage = CallStage("openai", "deepseek").ask().head(429, [*JSON, *SPENT]).body(b"{}").complete()
    stage.write_journal()
    stage.answer(200, WHOLE).settle()
    assert stage.ended is not None
    assert [(target.vendor_id, heard) for target, heard in stage.ended.failed] == [("openai", [*JSON, *SPENT])]
    assert stage.ended.target.vendor_id == "deepseek"


def test_an_enormous_error_is_cut() -> None:
    stage = CallStage().ask().head(500)
    for _ in range(100):
        stage.body(b"x" * 65536)
    stage.complete().settle()
    assert stage.reply is not None
    assert len(stage.reply.body) < 1000
    assert len(stage.entries[0].note or "") < 500


def test_an_error_that_was_cut_off_says_what_it_can() -> None:
    stage = CallStage("zhipu").ask().head(429).body(ARREARS).fail(LOST).settle()
    assert stage.entries[0].outcome == "no_balance"
    nothing = CallStage("zhipu").ask().head(429).fail(LOST).settle()
    assert (nothing.entries[0].outcome, nothing.entries[0].grade) == ("truncated", Grade.NONE)


# Deadlines


def test_content_that_does_not_begin_is_looked_for_elsewhere() -> None:
    stage = CallStage("deepseek", "moonshot", stream=True).ask().head().body(ROLE)
    stage.pass_time(9 * SECOND)
    assert stage.cancelled == []
    stage.pass_time(2 * SECOND).settle()
    assert stage.cancelled == [1]
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("timeout", Grade.UNKNOWN)
    stage.head(at=2).body(words("Hi") + STOP + DONE).settle()
    assert stage.finished
    stage.check()


def test_content_that_began_in_time_may_go_on_until_the_calls_deadline() -> None:
    stage = CallStage(stream=True).ask().head().body(words("Hi"))
    stage.pass_time(59 * SECOND)
    assert stage.ended is None
    stage.body(words("there"))
    stage.pass_time(SECOND).settle()
    assert stage.aborted
    assert stage.error["code"] == "vendor_timeout"
    assert stage.entries[0].grade is Grade.ESTIMATED
    stage.check()


def test_no_attempt_starts_at_the_deadline_or_later() -> None:
    stage = CallStage("deepseek", "moonshot", "zhipu").ask()
    stage.now = stage.call.deadline
    stage.answer(503, BUSY).settle()
    assert list(stage.sends) == [1]
    assert stage.reply is not None
    stage.check()


def test_waking_early_does_nothing() -> None:
    stage = CallStage().ask()
    assert list(stage.call.wake(stage.call.wake_at - 1)) == []


# The caller leaves


def test_a_caller_who_leaves_cancels_and_what_came_is_estimated() -> None:
    stage = CallStage("deepseek", "moonshot", stream=True).ask().head().body(words("Hi")).leave().settle()
    assert stage.cancelled == [1]
    assert stage.ended is not None
    assert stage.ended.status == 499
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("client_gone", Grade.ESTIMATED)
    assert list(stage.sends) == [1]
    stage.check()


def test_a_caller_who_leaves_before_any_content_may_still_cost_us() -> None:
    stage = CallStage().ask().leave().settle()
    assert stage.entries[0].grade is Grade.UNKNOWN
    stage.check()


def test_a_caller_who_leaves_before_the_vendor_was_asked_costs_nothing() -> None:
    stage = CallStage().begin().leave().settle()
    assert stage.entries[0].grade is Grade.NONE
    assert isinstance(stage.records[-1], Released)
    stage.check()


def test_an_attempt_that_was_given_up_before_it_was_sent_is_never_sent() -> None:
    stage = CallStage("deepseek", "moonshot").begin()
    stage.pass_time(11 * SECOND).settle()
    assert stage.on_the_way == {2}
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("timeout", Grade.NONE)
    stage.answer(200, WHOLE).settle()
    stage.check()


def test_a_caller_who_leaves_while_an_error_comes_costs_nothing() -> None:
    stage = CallStage().ask().head(429).leave().settle()
    assert stage.entries[0].grade is Grade.NONE


def test_where_the_policy_is_to_drain_the_usage_is_waited_for() -> None:
    stage = CallStage(stream=True, drain=True).ask().head().body(words("Hi")).leave()
    assert stage.cancelled == []
    stage.body(words("there"), STOP + EXTRA + DONE).settle()
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("ok", Grade.MEASURED)
    assert not stage.finished
    stage.check()


@pytest.mark.parametrize("before", [b"", words("Hi")])
def test_a_drain_has_an_end(before: bytes) -> None:
    stage = CallStage(stream=True, drain=True).ask().head().body(before).leave()
    stage.body(words("there")).pass_time(DRAIN_SPAN - 1)
    assert stage.ended is None
    stage.pass_time(1).settle()
    assert stage.cancelled == [1]
    assert (stage.entries[0].outcome, stage.entries[0].grade) == ("client_gone", Grade.ESTIMATED)
    stage.check()


def test_nobody_else_is_asked_for_a_caller_who_left() -> None:
    stage = CallStage("deepseek", "moonshot", drain=True).ask().leave().answer(503).settle()
    assert list(stage.sends) == [1]
    assert stage.ended is not None
    stage.check()


# The journal refuses


def test_a_call_whose_hold_cannot_be_written_is_refused_and_leaves_no_trace() -> None:
    stage = CallStage("deepseek", "moonshot").begin()
    stage.refuse_journal()
    assert stage.reply is not None
    assert stage.reply.status == 503
    assert stage.error["code"] == "journal_unavailable"
    assert "free disk space" in stage.error["message"]
    assert stage.records == []
    stage.check()


def test_a_second_attempt_whose_hold_cannot_be_written_ends_in_the_books() -> None:
    stage = CallStage("deepseek", "moonshot").ask().head(503).complete()
    stage.refuse_journal()
    assert stage.reply is not None
    assert stage.reply.status == 503
    assert [type(record) for record in stage.records] == [Held, Released, Attempted, Released]
    stage.check()


def test_a_hold_that_was_written_but_may_not_last_is_released() -> None:
    stage = CallStage().begin()
    stage.refuse_journal(written=True)
    assert [type(record) for record in stage.records] == [Held, Released]
    assert stage.error["code"] == "journal_unavailable"
    stage.check()


def test_a_caller_who_left_meanwhile_is_told_nothing() -> None:
    stage = CallStage("deepseek", drain=True).begin().leave()
    stage.refuse_journal()
    assert stage.ended is not None
    stage.check()


# Two attempts at once


def hedged(**ask: Any) -> CallStage:
    stage = CallStage("deepseek", "moonshot", "zhipu", stream=True, **ask).ask()
    stage.hedge()
    stage.write_journal()
    return stage.head(at=1).head(at=2)


def test_the_first_to_have_content_speaks_and_the_other_is_dropped() -> None:
    stage = hedged().body(ROLE, at=1).body(words("Hi"), at=2)
    assert stage.cancelled == [1]
    stage.body(words("late"), at=1)
    stage.body(STOP + EXTRA + DONE, at=2).settle()
    assert stage.said.startswith(words("Hi") + STOP)
    assert [(entry.attempt, entry.outcome) for entry in stage.entries] == [(1, "client_gone"), (2, "ok")]
    stage.check()


def test_one_of_two_may_fail_without_a_word() -> None:
    stage = hedged(attempts_max=2).fail(LOST, at=1).settle()
    assert stage.reply is None
    stage.body(words("Hi") + STOP + DONE, at=2).settle()
    assert stage.finished
    stage.check()


def test_when_both_fail_the_last_one_speaks() -> None:
    stage = hedged(attempts_max=2).fail(LOST, at=2).fail(REFUSED, at=1).settle()
    assert stage.error["code"] == "vendor_error"
    assert [(entry.attempt, entry.final) for entry in stage.entries] == [(2, False), (1, True)]
    stage.check()


def test_each_has_its_own_deadline() -> None:
    stage = CallStage("deepseek", "moonshot", stream=True, attempts_max=2).ask()
    stage.pass_time(6 * SECOND)
    stage.hedge()
    stage.write_journal()
    stage.pass_time(5 * SECOND)
    assert stage.cancelled == [1]
    stage.pass_time(5 * SECOND).settle()
    assert stage.cancelled == [1, 2]
    assert stage.error["code"] == "vendor_timeout"
    stage.check()


def test_a_caller_who_leaves_ends_both() -> None:
    stage = hedged().leave().settle()
    assert stage.cancelled == [1, 2]
    assert [entry.final for entry in stage.entries] == [False, True]
    stage.check()


def test_two_holds_that_cannot_be_written_leave_no_trace() -> None:
    stage = CallStage("deepseek", "moonshot").begin().hedge()
    stage.refuse_journal()
    assert stage.records == []
    stage.check()


def test_a_call_that_failed_over_within_one_refused_turn_leaves_no_trace() -> None:
    stage = CallStage("deepseek", "moonshot").begin().pass_time(11 * SECOND)
    stage.refuse_journal()
    assert stage.records == []
    assert stage.error["code"] == "journal_unavailable"
    stage.check()


def test_the_second_hold_alone_may_fail() -> None:
    stage = CallStage("deepseek", "moonshot").ask().hedge()
    stage.refuse_journal()
    assert stage.ended is None
    stage.head(at=1).body(WHOLE, at=1).complete(at=1).settle()
    assert stage.reply is not None
    assert stage.reply.body == WHOLE
    stage.check()


# What the books see of it


def test_a_settled_record_names_what_it_was_rated_by() -> None:
    stage = CallStage("deepseek", "moonshot", stream=True).ask().answer(503, BUSY)
    stage.head(200, SSE).body(words("Hi") + STOP + EXTRA + DONE).settle()
    last = stage.records[-1]
    assert isinstance(last, Settled)
    assert (last.attempt, last.offer, last.picos, last.rated_at) == (2, "o-moonshot", 180, stage.now)


def test_a_plan_is_kept_whatever_the_directory_does_meanwhile() -> None:
    before = plan("deepseek")
    stage = CallStage(plan_=before).ask()
    plan("moonshot")
    stage.answer(200, WHOLE)
    assert stage.call.plan is before


# A WebSocket


def test_a_websocket_is_ours_to_close_once_the_answer_is_whole() -> None:
    stage = CallStage(stream=True).ask().head(101, []).body(ROLE, words("Hi"), STOP, EXTRA)
    assert stage.cancelled == []
    stage.body(DONE).settle()
    assert stage.finished
    assert stage.cancelled == [1]
    assert (stage.entries[0].outcome, stage.entries[0].status, stage.entries[0].grade) == ("ok", 101, Grade.MEASURED)


def test_a_handshake_that_is_refused_owes_nothing() -> None:
    stage = CallStage(stream=True).ask().answer(401, problem(message="HMAC signature does not match")).settle()
    assert stage.entries[0].grade is Grade.NONE
    assert stage.ended is not None
    assert stage.ended.outcome == "bad_key"
