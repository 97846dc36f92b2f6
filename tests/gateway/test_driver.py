from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.budgets.messages import Granted
from fenli.budgets.purse import Lease, Need, Purse
from fenli.calls.call import Call
from fenli.calls.effects import Effects, Ended
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, ConnectionLost
from fenli.gateway.driver import Desk, Listener
from fenli.gateway.recorder import Recorder
from fenli.http.transport import Deadlines, Receiver, Request
from fenli.ledger.entries import Poster
from fenli.ledger.journal import Reader
from fenli.prices.offers import Offer
from fenli.prices.rates import Rates
from fenli.prices.units import TOKENS
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key, Route, Snapshot, VendorSettings
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import parse_request

WHOLE = b'{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
HI = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
JSON = [(b"content-type", b"application/json")]
SSE = [(b"content-type", b"text/event-stream")]


class Sent:
    """A request under way at nobody's."""

    def __init__(self, request: Request, receiver: Receiver) -> None:
        self.request, self.receiver = request, receiver
        self.cancelled = self.paused = False

    def cancel(self) -> None:
        self.cancelled = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Caller:
    """A caller who may be slow, or leave in the middle of a write."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self.heard: list[Any] = []
        self.while_writing: Callable[[], None] | None = None

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.heard.append((status, body))

    def start(self, status: int, headers: bytes) -> None:
        self.heard.append(status)

    def write(self, data: bytes) -> None:
        self.heard.append(data)
        if self.while_writing is not None:
            self.while_writing()

    def finish(self, data: bytes = b"") -> None:
        self.heard.append((data, "end"))

    def abort(self) -> None:
        self.heard.append("aborted")


class World:
    def __init__(self) -> None:
        self.instant = SECOND
        self.sent: list[Sent] = []
        self.turns: list[Callable[[], None]] = []
        self.journal = b""
        self.ended: list[Ended] = []
        self.full = False
        self.recorder = Recorder(self, self.turns.append, self.now, sync_each=False)
        self.purse = Purse()
        self.asked: list[tuple[list[Need], Callable[[bool | None], None]]] = []
        self.filled = 0
        self.refused: list[CallRefused] = []
        self.desk = Desk(
            self, self, self.recorder, lambda call, ended, now: self.ended.append(ended), self.purse, self,
            lambda exchange, refusal: self.refused.append(refusal),
        )  # fmt: skip
        settings = [
            VendorSettings(name, name, VENDORS[name].base_url, "", ("m",), "CNY") for name in ("deepseek", "moonshot")
        ]
        offers = {
            name: (Offer(name, name, "m", "CNY", 0, None, TOKENS, {"input": 1, "output": 1}),)
            for name in ("deepseek", "moonshot")
        }
        route = Route("fast", ("deepseek/m", "moonshot/m"))
        self.directory = Directory(Snapshot("v", 0, (), tuple(settings), (route,), offers), lambda _: "sk")
        self.calls = 0

    def now(self) -> int:
        return self.instant

    def ask(self, needs: list[Need], told: Callable[[bool | None], None]) -> None:
        self.asked.append((needs, told))

    def fill(self, low: list[Lease]) -> None:
        self.filled += len(low)
        low.clear()

    def send(self, request: Request, deadlines: Deadlines, receiver: Receiver) -> Sent:
        self.sent.append(Sent(request, receiver))
        return self.sent[-1]

    def write(self, frame: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.journal += frame

    def sync(self) -> None:
        pass

    def bind(self) -> None:
        """From now on every call needs what the office has not granted yet."""
        self.purse.update([Budget("b", "b", Scope.ORGANISATION, "", "CNY", "1", Period.TOTAL, Mode.HARD)], Rates())

    def grant(self, picos: int) -> None:
        self.purse.accounts["b"].granted(Granted("b", 0, picos, "0", "0", None))

    def turn(self) -> None:
        while self.turns:
            self.turns.pop(0)()

    def call(self, **fields: Any) -> Caller:
        self.calls += 1
        ask = parse_request(json.dumps({"model": "fast", "messages": [], **fields}).encode())
        plan = self.directory.plan("fast")
        key = Key("k", "", b"")
        call = Call(self.calls, f"call_{self.calls}", key, ask, plan, self.instant, self.purse)
        caller = Caller()
        self.desk.begin(call, caller)
        return caller

    def books(self) -> list[tuple[int, str, bool]]:
        reader = Reader(1, header=object())  # type: ignore[arg-type]
        poster = Poster("r")
        entries = [entry for record in reader.feed(self.journal) if (entry := poster.post(record)) is not None]
        assert poster.open == {}
        return [(entry.attempt, entry.outcome, entry.final) for entry in entries]


@pytest.fixture
def world() -> World:
    return World()


def test_no_vendor_hears_of_a_call_nor_its_caller_of_the_end_before_the_journal_does(world: World) -> None:
    caller = world.call()
    assert world.sent == []
    world.turn()
    assert world.journal
    receiver = world.sent[0].receiver
    receiver.head_received(200, JSON)
    receiver.body_received(WHOLE)
    receiver.completed()
    assert caller.heard == []
    written = len(world.journal)
    world.turn()
    assert len(world.journal) > written
    assert caller.heard == [(200, WHOLE)]
    assert caller.listener is None
    assert not world.desk.drivers
    world.turn()
    assert world.books() == [(1, "ok", True)]


def test_calls_of_one_turn_are_sent_in_order(world: World) -> None:
    for number in range(3):
        world.call(user=str(number))
    world.turn()
    assert [json.loads(sent.request.body)["user"] for sent in world.sent] == ["0", "1", "2"]


def test_a_slow_caller_slows_its_vendor_down(world: World) -> None:
    caller = world.call(stream=True)
    world.turn()
    sent = world.sent[0]
    sent.receiver.head_received(200, SSE)
    assert caller.listener is not None
    caller.while_writing = caller.listener.client_slow
    sent.receiver.body_received(HI)
    assert sent.paused
    caller.listener.client_ready()
    assert not sent.paused


def test_a_caller_who_leaves_cancels_its_vendor(world: World) -> None:
    caller = world.call(stream=True)
    world.turn()
    assert caller.listener is not None
    caller.listener.client_gone()
    assert world.sent[0].cancelled
    world.turn()
    assert caller.heard == []
    assert [ended.status for ended in world.ended] == [499]
    world.turn()
    assert world.books() == [(1, "client_gone", True)]


def test_a_caller_who_leaves_within_a_write_ends_its_call_once(world: World) -> None:
    caller = world.call(stream=True)
    world.turn()
    sent = world.sent[0]
    sent.receiver.head_received(200, SSE)
    assert caller.listener is not None
    caller.while_writing = caller.listener.client_gone
    sent.receiver.body_received(HI)
    assert sent.cancelled
    world.turn()
    assert len(world.ended) == 1
    assert world.books() == [(1, "client_gone", True)]


def test_a_caller_who_leaves_within_the_last_words_changes_nothing(world: World) -> None:
    caller = world.call(stream=True)
    world.turn()
    receiver = world.sent[0].receiver
    receiver.head_received(200, SSE)
    receiver.body_received(HI)
    assert caller.listener is not None
    caller.while_writing = caller.listener.client_gone
    receiver.failed(ConnectionLost("x", sent=True))
    world.turn()
    assert caller.heard[-1] == "aborted"
    assert len(world.ended) == 1
    world.turn()
    assert world.books() == [(1, "truncated", True)]


def test_a_caller_who_leaves_before_the_turn_is_over_costs_nothing(world: World) -> None:
    caller = world.call()
    assert caller.listener is not None
    caller.listener.client_gone()
    world.turn()
    assert world.sent == []
    assert world.books() == [(1, "client_gone", True)]


def test_nothing_is_left_in_the_books_of_a_call_that_a_full_disk_refused_and_its_caller_left(world: World) -> None:
    world.full = True
    caller = world.call()
    assert caller.listener is not None
    caller.listener.client_gone()
    world.turn()
    world.full = False
    world.recorder.retry()
    assert world.books() == []


def test_an_attempt_whose_time_ran_out_while_it_was_written_is_not_sent(world: World) -> None:
    world.call()
    world.instant += 301 * SECOND
    world.desk.wake()
    world.turn()
    assert len(world.sent) == 1
    assert b"moonshot" in world.sent[0].request.headers


def test_failover_cancels_what_it_leaves(world: World) -> None:
    caller = world.call(stream=True)
    world.turn()
    first = world.sent[0]
    first.receiver.head_received(200, SSE)
    first.receiver.body_received(b"data: <html>\n\n")
    assert first.cancelled
    world.turn()
    second = world.sent[1].receiver
    second.head_received(200, SSE)
    second.body_received(HI + STOP + DONE)
    second.completed()
    assert caller.heard[:2] == [200, HI + STOP]
    world.turn()
    assert world.books() == [(1, "server_error", False), (2, "ok", True)]


def test_a_vendor_that_talks_on_after_the_end_is_cut_off(world: World) -> None:
    world.call(stream=True)
    world.turn()
    sent = world.sent[0]
    sent.receiver.head_received(200, SSE)
    sent.receiver.body_received(HI + STOP + DONE)
    world.turn()
    assert not sent.cancelled  # the end of its reply is still to come, and its connection can be used again
    sent.receiver.body_received(HI)
    assert sent.cancelled
    assert len(world.ended) == 1


def test_deadlines_are_watched_for_all_calls_whatever_one_of_them_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        world.call()
    world.turn()
    broken, wake = next(iter(world.desk.drivers)).call, Call.wake

    def wake_all_but_one(call: Call, now: int) -> Effects:
        if call is broken:
            raise RuntimeError("bug")
        return wake(call, now)

    monkeypatch.setattr(Call, "wake", wake_all_but_one)
    world.instant += 3600 * SECOND
    world.desk.wake()
    world.turn()
    assert [ended.outcome for ended in world.ended] == ["timeout", "timeout"]


def test_a_call_that_cannot_begin_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(call: Call, now: int) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(Call, "begin", explode)
    with pytest.raises(RuntimeError):
        world.call()
    assert not world.desk.drivers


# What the office says of a call that a budget binds


def test_a_call_waits_for_the_office_and_no_vendor_hears_of_it(world: World) -> None:
    world.bind()
    caller = world.call(max_tokens=10)
    world.turn()
    assert (world.sent, world.journal) == ([], b"")
    (needs, told) = world.asked.pop()
    world.grant(needs[0].amount)
    told(True)
    world.turn()
    assert len(world.sent) == 1
    world.sent[0].receiver.answered(200, JSON, WHOLE)
    world.turn()
    assert caller.heard == [(200, WHOLE)]


def test_a_spare_amount_is_asked_for_when_little_is_left(world: World) -> None:
    world.bind()
    world.grant(10**6)
    world.call(max_tokens=10)
    assert world.filled == 0
    world.call(max_tokens=600_000)
    assert world.filled == 1


@pytest.mark.parametrize(
    ("answer", "code"), [(False, Code.INSUFFICIENT_QUOTA), (None, Code.BUDGET_UNAVAILABLE)], ids=["no", "silence"]
)
def test_a_call_that_the_office_does_not_help_is_refused_once(world: World, answer: bool | None, code: Code) -> None:
    world.bind()
    caller = world.call(max_tokens=10)
    (_, told) = world.asked.pop()
    told(answer)
    told(True)
    world.turn()
    assert [refusal.code for refusal in world.refused] == [code]
    assert (world.sent, world.journal, world.ended) == ([], b"", [])
    assert caller.listener is None
    assert not world.desk.drivers


def test_an_answer_that_comes_after_the_callers_patience_or_its_deadline_starts_nothing(world: World) -> None:
    world.bind()
    gone, late = world.call(max_tokens=10), world.call(max_tokens=10)
    assert gone.listener is not None
    gone.listener.client_gone()
    world.turn()
    assert [ended.status for ended in world.ended] == [499]
    world.instant += 1800 * SECOND
    world.grant(10**9)
    for _, told in world.asked:
        told(True)
    world.turn()
    assert world.sent == []
    assert [refusal.code for refusal in world.refused] == [Code.BUDGET_UNAVAILABLE]
    assert late.listener is None
    assert not world.desk.drivers


def test_a_bug_behind_the_offices_answer_is_told_to_the_caller_and_holds_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> None:
        raise RuntimeError("bug")

    world.bind()
    caller = world.call(max_tokens=10)
    monkeypatch.setattr(type(VENDORS["deepseek"]), "request", explode)
    world.grant(10**9)
    world.asked.pop()[1](True)
    assert [refusal.code for refusal in world.refused] == [Code.INTERNAL_ERROR]
    assert world.purse.accounts["b"].lease(world.instant).held == 0
    assert caller.listener is None
    assert not world.desk.drivers
