"""A call for anything but chat: embeddings, images, speech. It lives as any call does; its worst case follows from what
it asks for, and its answer comes in one piece (but for a `StreamedCall`): at once, or of a task that is asked after
until it is there.

    _finish ─> wake ─> heard | unheard ─> wake ...  where all that came is a task

Whoever leaves meanwhile leaves a task that goes on: it is asked after as long as a stream would be read on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.budgets.purse import Shortage
from fenli.calls.attempt import Attempt, failure_of
from fenli.calls.call import Call, Stage
from fenli.calls.effects import Effect, Effects, Inquire, Reply
from fenli.calls.holding import Terms, binding, unpriced, used_up
from fenli.calls.waiting import PASSING, Waiting
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, Failure, Kind, PriceError
from fenli.ledger.records import OK
from fenli.prices.facts import Facts
from fenli.prices.tariff import Rating, Tariff
from fenli.routing.targets import Target
from fenli.vendors.contract import header
from fenli.vendors.services import Service
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.services import ServiceAnswer, ServiceRequest
from fenli.wire.services.answer import JSON
from fenli.wire.services.tasks import Failed
from fenli.wire.services.videos import Handle

_LESS: Final = "ask for less at once"


class ServiceCall(Call):
    """Its ``ask`` is a `ServiceRequest`, its targets' speakers are each a `Service`."""

    __slots__ = ("_waiting",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waiting: Waiting | None = None

    def head(self, number: int, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().head(number, status, headers)
        answer = self._attempts[number - 1].answer
        assert isinstance(answer, ServiceAnswer)
        answer.content_type = header(headers, b"content-type") or b""

    def _terms(self, now: int, *, asked: bool) -> Terms | Shortage:
        ask, target = self.ask, self._fitting()
        assert isinstance(target.vendor, Service)
        target.vendor.charge(ask)
        ask.limited(target.context, target.output)
        accounts = binding(self.purse, self.key, target) if self.purse.accounts else ()
        binds = any(now >= account.budget.effective_from for account in accounts)
        name, tariff = f"{target.vendor_id}/{target.model}", target.tariff
        try:
            most = None if tariff is None else _most(target, tariff, ask, now)
        except PriceError as error:
            if binds:
                raise unpriced(name, accounts[0], str(error)) from None
            most = None
        if not binds:
            return Terms(most, ask)
        if most is None:
            raise unpriced(name, accounts[0], "it has none")
        hold = self.purse.hold(accounts, most.currency, most.picos, now)
        if not isinstance(hold, Shortage):
            return Terms(most, ask, hold)
        if hold.no_rate is not None:
            raise CallRefused(Code.INSUFFICIENT_QUOTA, f"a budget cannot be kept for {name}: {hold.no_rate}")
        if not asked:
            return hold
        need = hold.needs[0]
        raise CallRefused(Code.INSUFFICIENT_QUOTA, used_up(need.lease, need.whole, _LESS))

    def _fitting(self) -> Target:
        """The next target that has words for the request. Raises CallRefused where none has."""
        made = len(self._attempts)
        while True:
            target = self.plan.targets[made]
            assert isinstance(target.vendor, Service)
            try:
                target.vendor.check(self.ask)
            except CallRefused:
                if len(self.plan.targets) == made + 1:
                    raise
                self._pass_over()
            else:
                return target

    def _finish(self, attempt: Attempt, out: bytes, now: int) -> Effects:
        """What is no JSON has no usage for the cost to stand in: a header line tells it then."""
        answer = attempt.answer
        assert isinstance(answer, ServiceAnswer)
        attempt.content_at = now
        if answer.awaited:
            return self._wait(attempt, answer, now)
        effects: list[Effect] = [*self._drop_others(attempt, now), *self._close(attempt, OK, now)]
        draining = self.stage is Stage.DRAINING
        ended = self._ended(attempt, OK, 200)
        if draining:
            return [*effects, ended]
        cost = self._cost_members(attempt) if self.wants_cost else None
        lines = answer.lines
        if cost is not None and lines is not JSON:
            lines += b"x-fenli-cost: {%b}\r\n" % cost
        body = answer.tail(cost)
        if answer.task is not None:
            body = self._named(attempt.target, answer.task, body)
        return [*effects, Reply(200, self._headers(attempt, lines, now), body, ended)]

    def client_gone(self, now: int) -> Effects:
        due = self.wake_at
        effects = super().client_gone(now)
        if self._waiting is not None and self.stage is Stage.DRAINING:
            self._waiting.until, self.wake_at = self.wake_at, min(due, self.wake_at)
        return effects

    def wake(self, now: int) -> Effects:
        waiting = self._waiting
        if waiting is None or self.stage is Stage.OVER or not self.wake_at <= now < waiting.until:
            return super().wake(now)
        self.wake_at = waiting.until
        attempt = waiting.attempt
        request = _service(attempt).inquiry(attempt.target.address, waiting.task, now)
        return (Inquire(attempt.number, request),)

    def heard(self, number: int, status: int, headers: list[tuple[bytes, bytes]], body: bytes, now: int) -> Effects:
        """What the vendor says of the attempt's task."""
        waiting = self._waiting
        if waiting is None or waiting.attempt.over or waiting.attempt.number != number:
            return ()
        attempt, service = waiting.attempt, _service(waiting.attempt)
        failure = service.failure(status, headers, body)
        if failure is not None:
            return self._put_off(waiting, failure, now)
        try:
            outcome = service.outcome(self.ask, body, attempt.started)
        except (ValueError, *NO_ANSWER) as error:
            return self._fail(attempt, Failure(Kind.SERVER_ERROR, f"what it says of its task is wrong: {error}"), now)
        answer = attempt.answer
        assert isinstance(answer, ServiceAnswer)
        if isinstance(outcome, Failed):  # and is not charged
            attempt.content_at = None
            answer.fell_through(outcome.body)
            return self._broken(attempt, b"", now)
        if outcome is not None:
            answer.arrived(outcome)
            return self._finish(attempt, b"", now)
        self.wake_at = waiting.next_at(now)
        return ()

    def unheard(self, number: int, error: Exception, now: int) -> Effects:
        """The transport gave the question up. ``error`` is a TransportError."""
        waiting = self._waiting
        if waiting is None or waiting.attempt.over or waiting.attempt.number != number:
            return ()
        return self._put_off(waiting, failure_of(error), now)

    def _wait(self, attempt: Attempt, answer: ServiceAnswer, now: int) -> Effects:
        until = self.wake_at
        if self.stage is Stage.WAITING:
            until = min(self.deadline, attempt.started + attempt.target.deadlines.first_content)
        assert answer.task is not None
        self._waiting = waiting = Waiting(attempt, answer.task, self.ask.most, until)
        self.wake_at = waiting.next_at(now)
        return ()

    def _put_off(self, waiting: Waiting, failure: Failure, now: int) -> Effects:
        if failure.kind not in PASSING:
            return self._fail(waiting.attempt, failure, now)
        self.wake_at = waiting.next_at(now, failure.retry_after_ms)
        return ()

    def _close(
        self, attempt: Attempt, outcome: str, now: int, *, final: bool = True, failure: Failure | None = None
    ) -> list[Effect]:
        """A task of which no more was heard may have been charged: it is booked at what was asked for."""
        waiting = self._waiting
        if waiting is None or waiting.attempt is not attempt:
            return super()._close(attempt, outcome, now, final=final, failure=failure)
        usual, self.ask.sure = self.ask.sure, waiting.units
        effects = super()._close(attempt, outcome, now, final=final, failure=failure)
        self.ask.sure = usual
        if not final:
            self._waiting = None
        return effects

    def _named(self, target: Target, task: str, body: bytes) -> bytes:
        """The answer with an id that says where the task is, in place of the vendor's name for it."""
        handle = Handle(self.ask.model, f"{target.vendor_id}/{target.model}", task, self.started // SECOND)
        sealed = handle.sealed(target.address.secret, self.key.owner)
        theirs, ours = msgspec.json.encode({"id": task}), msgspec.json.encode({"id": str(sealed)})
        assert body.startswith(theirs[:-1])
        return ours[:-1] + body[len(theirs) - 1 :]


class StreamedCall(ServiceCall):
    """On the terms of its service, and relayed as a chat is."""

    __slots__ = ()

    head = Call.head
    _finish = Call._finish


def _most(target: Target, tariff: Tariff, ask: ServiceRequest, now: int) -> Rating:
    """The most that the request can cost. Raises PriceError, also where what it asks for has no price, and other
    things do."""
    facts = target.vendor.facts(ask, None, ask.most)
    if facts is not None:
        tariff.find(now, ask.most, Facts(**facts))  # type: ignore[arg-type]
    return tariff.most(ask.most, now)


def _service(attempt: Attempt) -> Service:
    assert isinstance(attempt.target.vendor, Service)
    return attempt.target.vendor
