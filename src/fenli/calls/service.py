"""A call for anything but chat: embeddings, images, speech. It lives as any call does; its worst case follows from what
it asks for, and its answer comes in one piece."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.budgets.purse import Shortage
from fenli.calls.attempt import Attempt
from fenli.calls.call import Call, Stage
from fenli.calls.effects import Effect, Effects, Reply
from fenli.calls.holding import Terms, binding, unpriced, used_up
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, PriceError
from fenli.ledger.records import OK
from fenli.routing.targets import Target
from fenli.vendors.contract import header
from fenli.vendors.services import Service
from fenli.wire.services import ServiceAnswer
from fenli.wire.services.answer import JSON
from fenli.wire.services.videos import Handle

_LESS: Final = "ask for less at once"


class ServiceCall(Call):
    """Its ``ask`` is a `ServiceRequest`, its targets' speakers are each a `Service`."""

    __slots__ = ()

    def head(self, number: int, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().head(number, status, headers)
        answer = self._attempts[number - 1].answer
        assert isinstance(answer, ServiceAnswer)
        answer.content_type = header(headers, b"content-type") or b""

    def _terms(self, now: int, *, asked: bool) -> Terms | Shortage:
        ask, target = self.ask, self.plan.targets[len(self._attempts)]
        assert isinstance(target.vendor, Service)
        target.vendor.check(ask)
        target.vendor.charge(ask)
        accounts = binding(self.purse, self.key, target) if self.purse.accounts else ()
        binds = any(now >= account.budget.effective_from for account in accounts)
        name, tariff = f"{target.vendor_id}/{target.model}", target.tariff
        try:
            most = None if tariff is None else tariff.most(ask.most, now)
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

    def _finish(self, attempt: Attempt, out: bytes, now: int) -> Effects:
        """What is no JSON has no usage for the cost to stand in: a header line tells it then."""
        answer = attempt.answer
        assert isinstance(answer, ServiceAnswer)
        attempt.content_at = now
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

    def _named(self, target: Target, task: str, body: bytes) -> bytes:
        """The answer with an id that says where the task is, in place of the vendor's name for it."""
        handle = Handle(self.ask.model, f"{target.vendor_id}/{target.model}", task, self.started // SECOND)
        theirs, ours = msgspec.json.encode({"id": task}), msgspec.json.encode({"id": str(handle)})
        assert body.startswith(theirs[:-1])
        return ours[:-1] + body[len(theirs) - 1 :]
