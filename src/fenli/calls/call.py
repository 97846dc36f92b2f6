"""The life of one call, as a state machine.

    begin ─> sending ─> head ─> body* ─> complete   each with the attempt's number; the three at once are `answered`;
                    └──── failed ─────┘             attempts follow each other until one has content
    client_gone, wake, journal_failed               at any time

Where a budget binds the call and this process has too little of it, `begin` asks for more and `allowed` goes on.

Every method returns the effects to perform, in order. The driver calls `wake` once `wake_at` has passed. A call owns
its attempts by number, so that several may run at once; the first to have content wins and speaks to the caller.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import msgspec

from fenli.budgets.purse import Purse, Shortage
from fenli.calls.attempt import Attempt, failure_of
from fenli.calls.effects import (
    Abort,
    Append,
    Ask,
    Cancel,
    Effect,
    Effects,
    Ended,
    Fetch,
    Finish,
    Reply,
    Send,
    Start,
    Write,
)
from fenli.calls.holding import Terms, binding, bound, unbound
from fenli.calls.replies import error_reply, explain, stream_error
from fenli.errors import CODES, CallRefused, Code, Failure, Fault, Kind, TicketNeeded
from fenli.http.transport import Request
from fenli.ledger.records import AMOUNT_MAX, OK, Attempted, Held, Record, Released
from fenli.routing.snapshot import Key
from fenli.routing.targets import Plan
from fenli.values.money import decimal_of
from fenli.vendors.contract import Disconnect, header
from fenli.wire.asks import Asked
from fenli.wire.openai_chat import error_body
from fenli.wire.openai_chat.request import TOO_DEEP
from fenli.wire.sse import encode_event

# How long a vendor may go on talking to a caller who left, where its policy is to drain.
DRAIN_SPAN: Final = 30_000_000_000
_JSON: Final = b"content-type: application/json\r\n"
_EVENTS: Final = b"content-type: text/event-stream\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
_HEADERS: Final = (
    b"%bx-request-id: %b\r\nx-fenli-call-id: %b\r\n%bx-fenli-attempts: %d\r\nx-fenli-overhead-ms: %.3f\r\n"
)
_NOTHING: Final[Effects] = ()
_WEBSOCKET: Final = 101  # the status of a handshake that was granted
_TOO_LATE: Final = "a budget binds this call, and to be granted some of it took longer than the call may take: retry"


class Stage(enum.Enum):
    """Where the call is, as its caller sees it."""

    WAITING = enum.auto()  # nothing has been said to the caller yet
    RELAYING = enum.auto()  # the winner's bytes are flowing
    DRAINING = enum.auto()  # the caller left; the winner is read on for its usage
    OVER = enum.auto()


# Looked up once: an enum's members cost an attribute look-up on its class each time.
_WAITING, _RELAYING, _DRAINING, _OVER = Stage


class Call:
    """``number`` names the call within its run and ``id`` to the world; ``started`` is the instant it was received."""

    __slots__ = (
        "_attempts", "_booked", "_sent_at", "ask", "attempts_max", "deadline", "id", "key",
        "number", "plan", "purse", "request_id", "retry", "stage", "started", "wake_at", "wants_cost",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        call_id: str,
        key: Key,
        ask: Asked,
        plan: Plan,
        started: int,
        purse: Purse,
        *,
        wants_cost: bool = False,
        attempts_max: int = 4,
        request_id: str | None = None,
        retry: int = 0,
    ) -> None:
        self.number = number
        self.id = call_id
        self.key = key
        self.ask: Any = ask  # of the capability that the plan was made for; here a ChatRequest
        self.plan = plan
        self.started = started
        self.purse = purse
        self.wants_cost = wants_cost
        self.attempts_max = attempts_max
        self.request_id = request_id
        self.retry = retry
        self.stage = _WAITING
        self.deadline = started + plan.total
        self.wake_at = self.deadline
        self._attempts: list[Attempt] = []
        self._booked = False  # the journal is known to have the call
        self._sent_at = started

    def begin(self, now: int) -> Effects:
        """Raises CallRefused where a budget has not enough left; then the call is in no book."""
        terms = self._terms(now, asked=False)
        if isinstance(terms, Shortage):
            return (Ask(terms.needs),)
        return self._attempt(terms, now)

    def allowed(self, now: int, *, met: bool) -> Effects:
        """The office has been asked; ``met``: it had what was needed. Raises CallRefused as `begin` does."""
        if self.stage is _OVER:
            return _NOTHING
        if now >= self.deadline:
            raise CallRefused(Code.BUDGET_UNAVAILABLE, _TOO_LATE)
        terms = self._terms(now, asked=not met)
        if isinstance(terms, Shortage):  # others were faster
            return (Ask(terms.needs),)
        return self._attempt(terms, now)

    def sending(self, number: int, now: int) -> bool:
        """Asks whether the attempt's request may go: False when it was given up while its record was written."""
        self._booked = True
        attempt = self._attempts[number - 1]
        if attempt.over:
            return False
        attempt.reached = True
        if number == 1:
            self._sent_at = now  # until here the time was ours
        return True

    def fetching(self, number: int) -> bool:
        """Asks whether the attempt still wants its ticket, before anything of it has reached the vendor."""
        self._booked = True
        return not self._attempts[number - 1].over

    def head(self, number: int, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        attempt = self._attempts[number - 1]
        attempt.status = status
        attempt.headers = headers
        attempt.failing = not (200 <= status < 300 or status == _WEBSOCKET)
        if self.ask.stream and attempt.answer.refused(header(headers, b"content-type") or b""):
            attempt.failing = True

    def body(self, number: int, data: bytes, now: int) -> Effects:
        attempt = self._attempts[number - 1]
        if attempt.over:
            return _NOTHING
        if attempt.failing:
            attempt.keep(data)
            return _NOTHING
        answer = attempt.answer
        out = answer.feed(data)
        if answer.error is not None or answer.damage is not None:
            return self._broken(attempt, out, now)
        if self.stage is _RELAYING:
            if answer.finished:
                return self._finish(attempt, out, now)
            return (Write(out),) if out else _NOTHING
        if answer.begun and attempt.content_at is None:
            attempt.content_at = now
        if answer.finished and answer.begun:
            return self._finish(attempt, out, now)
        if out and self.stage is _WAITING:
            self.stage = _RELAYING
            self.wake_at = self.deadline
            start = Start(200, self._headers(attempt, _EVENTS, now), out)
            return (start,) if len(self._attempts) == 1 else [*self._drop_others(attempt, now), start]
        return _NOTHING

    def complete(self, number: int, now: int) -> Effects:
        attempt = self._attempts[number - 1]
        if attempt.over:
            return _NOTHING
        return self._completed(attempt, now)

    def _completed(self, attempt: Attempt, now: int) -> Effects:
        if attempt.failing:
            return self._fail(attempt, attempt.failure(), now)
        answer = attempt.answer
        answer.end()
        if answer.error is not None or answer.damage is not None:
            return self._broken(attempt, b"", now)
        if not (answer.finished and answer.begun):
            return self._fail(attempt, Failure(Kind.TRUNCATED, "the answer ended before it was whole"), now)
        return self._finish(attempt, b"", now)

    def answered(self, number: int, status: int, headers: list[tuple[bytes, bytes]], data: bytes, now: int) -> Effects:
        """The whole reply at once: `head`, `body` and `complete`."""
        self.head(number, status, headers)
        attempt = self._attempts[number - 1]
        if self.ask.stream:
            return [*self.body(number, data, now), *self.complete(number, now)]
        if attempt.over:
            return _NOTHING
        if attempt.failing:
            attempt.keep(data)
        else:
            attempt.answer.feed(data)
        return self._completed(attempt, now)

    def failed(self, number: int, error: Exception, now: int) -> Effects:
        """The transport gave the attempt up. ``error`` is a TransportError."""
        attempt = self._attempts[number - 1]
        if attempt.over:
            return _NOTHING
        attempt.reached = bool(getattr(error, "sent", True))
        if attempt.failing and attempt.pieces:
            return self._fail(attempt, attempt.failure(), now)
        return self._fail(attempt, failure_of(error), now)

    def client_gone(self, now: int) -> Effects:
        """The caller closed its connection. The vendor's policy decides between cancelling and reading on."""
        if self.stage is _OVER or self.stage is _DRAINING:
            return _NOTHING
        if any(attempt.target.vendor.disconnect is Disconnect.DRAIN for attempt in self._open()):
            self.stage = _DRAINING
            self.wake_at = min(self.deadline, now + DRAIN_SPAN)
            return _NOTHING
        return self._give_up(now)

    def wake(self, now: int) -> Effects:
        """A deadline has passed: the first content's, the whole call's, or the drain's."""
        if self.stage is _OVER or now < self.wake_at:
            return _NOTHING
        if self.stage is _DRAINING:
            return self._give_up(now)
        effects: list[Effect] = []
        what = "whole within the call's deadline" if now >= self.deadline else "begun before its deadline"
        for attempt in self._open():
            if now < self.deadline and now < attempt.started + attempt.target.deadlines.first_content:
                continue
            span = (now - attempt.started) // 1_000_000
            effects.append(Cancel(attempt.number))
            effects += self._fail(attempt, Failure(Kind.TIMEOUT, f"the answer was not {what} ({span} ms)"), now)
        return effects

    def journal_failed(self, number: int, now: int, *, written: bool) -> Effects:
        """The attempt's vendor must not be asked: its hold could not be written, or (``written``) not be made to last.

        Nothing was spent. A call whose first hold was not written is not in the books at all, and leaves no trace.
        """
        attempt = self._attempts[number - 1]
        if attempt.over:
            return _NOTHING
        attempt.over = True
        if attempt.hold is not None:
            attempt.hold.release()
        others = self._open()
        message = "the journal cannot be written, so no call is made: free disk space, then retry"
        effects: list[Effect] = []
        if written or self._booked:
            final = not others
            effects.append(Append(Released(self.number, number, now, final, Kind.SERVER_ERROR, None, message)))
            if others:
                return effects
        for other in others:  # of a call that is not in the journal none has been sent
            other.over = True
            if other.hold is not None:
                other.hold.release()
        status = CODES[Code.JOURNAL_UNAVAILABLE][0]
        if self.stage is _WAITING:
            body = error_body(Code.JOURNAL_UNAVAILABLE, message, call=self.id)
            lines = self._headers(attempt, _JSON, now)
            return [*effects, Reply(status, lines, body, self._ended(attempt, Kind.SERVER_ERROR, status))]
        return [*effects, self._ended(attempt, Kind.SERVER_ERROR, status)]

    def _open(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts if not attempt.over]

    def _give_up(self, now: int) -> list[Effect]:
        """The caller is gone: end whatever is still under way, with what it has shown so far."""
        effects: list[Effect] = []
        under_way = self._open()
        if not under_way:  # the office was being asked, and no vendor yet
            self.stage = _OVER
            return [Ended(Kind.CLIENT_GONE, self.plan.targets[0], 499, None, None, None, 0)]
        for attempt in under_way:
            effects.append(Cancel(attempt.number))
            effects += self._close(attempt, Kind.CLIENT_GONE, now, final=attempt is under_way[-1])
        return [*effects, self._ended(under_way[-1], Kind.CLIENT_GONE, 499)]

    def _drop_others(self, winner: Attempt, now: int) -> list[Effect]:
        effects: list[Effect] = []
        for attempt in self._open():
            if attempt is not winner:
                effects.append(Cancel(attempt.number))
                effects += self._close(attempt, Kind.CLIENT_GONE, now, final=False)
        return effects

    def _terms(self, now: int, *, asked: bool) -> Terms | Shortage:
        """For the next attempt. Raises CallRefused."""
        target = self.plan.targets[len(self._attempts)]
        if not self.purse.accounts:
            return unbound(self.ask, target, now)
        accounts = binding(self.purse, self.key, target)
        return bound(self.ask, target, accounts, self.purse, now, asked=asked)

    def _attempt(self, terms: Terms, now: int) -> list[Effect]:
        made = len(self._attempts)
        number = made + 1
        target = self.plan.targets[made]
        ask = terms.ask
        request: Request | None
        try:
            answer, request = target.vendor.answer(ask, now), target.vendor.request(target.address, ask, now)
        except TicketNeeded:
            answer, request = target.vendor.answer(ask, now), None
        except BaseException as error:
            if terms.hold is not None:
                terms.hold.release()
            if isinstance(error, RecursionError):  # what could be taken apart on the way in is too deep further down
                raise CallRefused(Code.MALFORMED_JSON, TOO_DEEP) from None
            if made or len(self.plan.targets) == 1 or not isinstance(error, CallRefused):
                raise
            self._pass_over()
            return list(self.begin(now))
        attempt = Attempt(number, target, answer, now, terms.hold)
        self._attempts.append(attempt)
        wake_at = now + target.deadlines.first_content
        if not made or wake_at < self.wake_at or len(self._open()) == 1:
            self.wake_at = wake_at if wake_at < self.deadline else self.deadline
        most = terms.bound
        currency = picos = None
        if most is not None:
            currency, picos = most.currency, most.picos if most.picos < AMOUNT_MAX else AMOUNT_MAX
        record: Record
        if not made:
            record = Held(
                self.number, now, self.key.id, ask.model, ask.stream, ask.size, target.vendor_id, target.model,
                currency, picos, self.retry, self.request_id, None if terms.hold is None else ask.is_text,
            )  # fmt: skip
        else:
            record = Attempted(self.number, number, now, target.vendor_id, target.model, currency, picos)
        return [Append(record), Send(number, target, request) if request is not None else Fetch(number, target, ask)]

    def _finish(self, attempt: Attempt, out: bytes, now: int) -> Effects:
        """The answer is whole: book it, then say the last of it."""
        if attempt.content_at is None:
            attempt.content_at = now
        effects = self._close(attempt, OK, now)
        if len(self._attempts) > 1:
            effects = [*self._drop_others(attempt, now), *effects]
        if attempt.status == _WEBSOCKET:
            effects.append(Cancel(attempt.number))  # its end is for us to say: some vendors never do
        stage = self.stage
        ended = self._ended(attempt, OK, 200)
        if stage is _DRAINING:
            effects.append(ended)
            return effects
        tail = attempt.answer.tail(self._cost_members(attempt) if self.wants_cost else None)
        if not self.ask.stream:
            effects.append(Reply(200, self._headers(attempt, _JSON, now), tail, ended))
        elif stage is _RELAYING:
            effects.append(Finish(out + tail, ended))
        else:
            effects.append(Start(200, self._headers(attempt, _EVENTS, now), out))
            effects.append(Finish(tail, ended))
        return effects

    def _broken(self, attempt: Attempt, out: bytes, now: int) -> Effects:
        """The answer holds an error, or is none. What came before it in good order still goes out."""
        answer = attempt.answer
        if answer.error is not None:
            failure = attempt.target.vendor.classify(attempt.status, attempt.headers, answer.error)
        else:
            failure = Failure(Kind.SERVER_ERROR, answer.damage or "the answer is damaged")
        if answer.begun and attempt.content_at is None:
            attempt.content_at = now
        effects: list[Effect] = [Write(out)] if out and self.stage is _RELAYING else []
        effects.append(Cancel(attempt.number))
        effects += self._fail(attempt, failure, now)
        return effects

    def _fail(self, attempt: Attempt, failure: Failure, now: int) -> list[Effect]:
        if failure.spent:
            self._renew(attempt)
        if self.stage is _WAITING:
            following = self._following(attempt, failure, now)
            if following is not None:
                return [*self._close(attempt, failure.kind, now, final=False, failure=failure), *following]
        if len(self._open()) > 1:
            return self._close(attempt, failure.kind, now, final=False, failure=failure)
        effects = self._close(attempt, failure.kind, now, failure=failure)
        stage = self.stage
        if stage is _RELAYING:
            event = encode_event(stream_error(failure, attempt.target, self.id))
            effects.append(Abort(event, self._ended(attempt, failure.kind, 200)))
        elif stage is _WAITING:
            patient = attempt.patient(failure, now)
            status, lines, body = error_reply(patient, attempt.target, attempt.headers, self.id)
            ended = self._ended(attempt, failure.kind, status)
            effects.append(Reply(status, self._headers(attempt, lines, now), body, ended))
        else:
            effects.append(self._ended(attempt, failure.kind, 499))
        return effects

    def _following(self, failed: Attempt, failure: Failure, now: int) -> list[Effect] | None:
        """The attempt after ``failed``; None where there is none to make."""
        failed.over = True
        while self._may_go_on(failure, now):
            terms = self._next_terms(now)
            if terms is None:
                break
            try:
                return self._attempt(terms, now)
            except CallRefused:
                self._pass_over()
        failed.over = False
        return None

    def _pass_over(self) -> None:
        """The next target's vendor has no words for the request: it is not asked."""
        targets, next_one = self.plan.targets, len(self._attempts)
        others = targets[:next_one] + targets[next_one + 1 :]
        self.plan = msgspec.structs.replace(self.plan, targets=others)

    def _renew(self, attempt: Attempt) -> None:
        """Its ticket is no longer taken: it is asked with a fresh one next, once, where it cannot have charged."""
        target, made = attempt.target, len(self._attempts)
        assert target.address.ticket is not None
        target.address.ticket.spoil(attempt.started)
        first = sum(one.target is target for one in self._attempts) == 1
        if first and self.stage is _WAITING and attempt.owes_nothing():
            targets = self.plan.targets
            self.plan = msgspec.structs.replace(self.plan, targets=(*targets[:made], target, *targets[made:]))

    def _may_go_on(self, failure: Failure, now: int) -> bool:
        made = len(self._attempts)
        return (
            failure.fault is not Fault.CALLER
            and made < len(self.plan.targets)
            and made < self.attempts_max
            and now < self.deadline
        )

    def _next_terms(self, now: int) -> Terms | None:
        """None where a budget has no room for another attempt; a call under way does not wait for more."""
        try:
            terms = self._terms(now, asked=True)
        except CallRefused:
            return None
        return terms if isinstance(terms, Terms) else None

    def _close(
        self, attempt: Attempt, outcome: str, now: int, *, final: bool = True, failure: Failure | None = None
    ) -> list[Effect]:
        """Ends the attempt's hold: released where the vendor cannot have charged, settled otherwise."""
        attempt.over = True
        hold = attempt.hold
        if attempt.owes_nothing():
            if hold is not None:
                hold.release()
            note = explain(failure, attempt.target) if failure is not None else None
            return [Append(Released(self.number, attempt.number, now, final, outcome, attempt.status or None, note))]
        attempt.rate(self.ask, now)
        if hold is not None:
            attempt.draw(hold)
        if failure is not None:
            attempt.note = f"{attempt.note or ''} {explain(failure, attempt.target)}".strip()[:400]
        return [Append(attempt.settled(self.number, now, final, outcome))]

    def _ended(self, attempt: Attempt, outcome: str, status: int) -> Ended:
        self.stage = _OVER
        made = len(self._attempts)
        return Ended(
            outcome,
            attempt.target,
            status,
            attempt.usage,
            attempt.cost,
            attempt.content_at - self.started if attempt.content_at is not None else None,
            made,
            attempt.headers,
            () if made == 1 else tuple((one.target, one.headers) for one in self._attempts if one is not attempt),
        )

    def _headers(self, attempt: Attempt, lines: bytes, now: int) -> bytes:
        overhead_ms = (self._sent_at - self.started) / 1e6
        name = self.id.encode()
        label = attempt.target.label
        return _HEADERS % (lines, name, name, label, len(self._attempts), overhead_ms)

    def _cost_members(self, attempt: Attempt) -> bytes:
        cost = attempt.cost
        if cost is None:
            return b'"cost":null'
        amount = decimal_of(cost.picos)
        detail = f'{{"currency":"{cost.currency}","offer":"{cost.offer}","grade":"{attempt.grade}"}}'
        return f'"cost":{amount},"cost_details":{detail}'.encode()
