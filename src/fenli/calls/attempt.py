"""One try at one target: what has come back so far, and what it cost."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.budgets.purse import Hold
from fenli.errors import (
    CallRefused,
    ConnectFailed,
    ConnectionLost,
    Failure,
    Kind,
    PriceError,
    TicketRefused,
    TimedOut,
    TransportError,
    UsageError,
)
from fenli.ledger.records import Grade, Settled
from fenli.prices.facts import Facts
from fenli.prices.tariff import Rating
from fenli.routing.targets import Target
from fenli.values.money import decimal_of
from fenli.vendors.contract import header
from fenli.vendors.limits import until_date_ms, wait_ms
from fenli.wire.answers import Answer
from fenli.wire.asks import Asked

ERROR_BODY_MAX: Final = 1024 * 1024
# A vendor's own words go into the books only while they are of a sane length (bytes, characters).
RAW_USAGE_MAX: Final = 16 * 1024
NAME_MAX: Final = 256
_LATE: Final = {
    "connect": "no connection to it in time",
    "head": "it did not begin to answer in time",
    "first_byte": "the answer's body did not begin in time",
    "idle": "the answer stood still for too long",
}
# How the note of an entry begins whose cost no budget had room for.
OVER_HOLD: Final = "over_hold"
_UNKNOWN, _MEASURED = Grade.UNKNOWN, Grade.MEASURED  # looked up once


class Attempt:
    """``failing`` is None until the vendor answered; then whether it answered with an error status or no answer at all.

    ``reached`` is True from when the request is on its way, unless it is certain that the vendor never got it.
    ``content_at`` is the instant of the first content; ``cost`` is what `rate` found, kept so that the caller is told
    the very amount that is booked.
    """

    __slots__ = (
        "answer", "content_at", "cost", "facts", "failing", "grade", "headers", "hold", "note", "number", "over",
        "pieces", "rated_at", "reached", "size", "started", "status", "target", "usage",
    )  # fmt: skip

    def __init__(self, number: int, target: Target, answer: Answer, started: int, hold: Hold | None = None) -> None:
        self.number = number
        self.target = target
        self.answer = answer
        self.started = started
        self.hold = hold
        self.reached = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.failing: bool | None = None
        self.pieces: list[bytes] = []
        self.size = 0
        self.content_at: int | None = None
        self.over = False
        self.usage: dict[str, int] | None = None
        self.cost: Rating | None = None
        self.grade = _UNKNOWN
        self.rated_at: int | None = None
        self.note: str | None = None
        self.facts: dict[str, bool | str] | None = None

    def keep(self, data: bytes) -> None:
        """Part of an error's body; what is beyond the bound is dropped."""
        room = ERROR_BODY_MAX - self.size
        if room > 0:
            self.pieces.append(data[:room])
            self.size += len(data)

    def failure(self) -> Failure:
        """What the vendor's error means."""
        body = b"".join(self.pieces)
        if self.status < 300:  # what came instead of a stream may be an error, or a whole answer that has to be paid
            self.answer = self.answer.in_one_piece(ERROR_BODY_MAX)
            self.answer.feed(body)
            self.answer.end()
            if self.answer.finished:  # its words are nobody's business: neither the books' nor the error's
                return Failure(Kind.SERVER_ERROR, "it answered in one piece where a stream was asked for", self.status)
        return self.target.vendor.classify(self.status, self.headers, body)

    def patient(self, failure: Failure, now: int) -> Failure:
        """The failure with the wait that the vendor's headers come to, where it is for its limits and has none yet."""
        if failure.retry_after_ms is not None or failure.kind not in (Kind.RATE_LIMITED, Kind.OVERLOADED):
            return failure
        wait = until_date_ms(header(self.headers, b"retry-after") or b"", now)
        if wait is None and failure.kind is Kind.RATE_LIMITED:
            wait = wait_ms(self.target.vendor.limits, self.headers, now)
        return failure if wait is None else msgspec.structs.replace(failure, retry_after_ms=wait)

    def owes_nothing(self) -> bool:
        """The vendor cannot have charged: it never got the request, or it refused before it gave anything."""
        if not self.reached:
            return True
        if self.content_at is not None or self.answer.usage is not None:
            return False
        return self.status >= 300 or self.answer.error is not None

    def rate(self, ask: Asked, now: int) -> None:
        """Finds usage, grade and cost. Whatever cannot be known stays None, with a note that says why."""
        target, raw = self.target, self.answer.usage
        if raw is None:
            self._estimate(ask)
            if self.usage is None:
                return
        else:
            try:
                self.usage = target.vendor.usage(raw)
            except UsageError as error:
                self.note = str(error)[:300]
                return
            self.grade = _MEASURED
            if self.answer.partial and not self.answer.finished:
                self.usage["output"] += self.answer.uncounted()
                self.grade, self.note = Grade.ESTIMATED, "the last running total: the vendor may have produced more"
        tariff = target.tariff
        if tariff is None:
            self.grade, self.note = _UNKNOWN, self.note or "unpriced"
            return
        at = now if tariff.basis == "end" else self.started
        try:
            facts = self.facts = target.vendor.facts(ask, self.answer.service_tier, self.usage)
            self.cost = tariff.rate(self.usage, at, None if facts is None else Facts(**facts))  # type: ignore[arg-type]
        except (PriceError, UsageError) as error:
            self.grade, self.note = _UNKNOWN, f"unpriced: {error}"[:300]
            return
        self.rated_at = at

    def draw(self, hold: Hold) -> None:
        """Takes the cost out of the budgets. One that they have no room for is more than the request could use by the
        rules that its hold was made by: it is booked as unknown, at what was held, until somebody looks into it."""
        cost = self.cost
        if hold.settle(cost.picos if cost is not None else None):
            return
        assert cost is not None
        told = f"the vendor's usage costs {decimal_of(cost.picos)} {cost.currency}, more than was held for the call"
        self.cost, self.rated_at, self.grade = None, None, _UNKNOWN
        self.note = f"{OVER_HOLD}: {told}"

    def _estimate(self, ask: Asked) -> None:
        """What we counted ourselves; nothing where the vendor may have charged before a word of content came."""
        if self.content_at is None:
            self.note = "the vendor may have charged: no usage came"
            return
        self.usage = ask.estimate(self.answer.counted())
        if self.usage is None:
            self.note = "the vendor sent no usage, and nothing of it can be counted here"
            return
        self.grade = Grade.ESTIMATED
        self.note = "the vendor sent no usage"

    def settled(self, number: int, now: int, final: bool, outcome: str) -> Settled:
        cost, answer = self.cost, self.answer
        raw, upstream_id, model = answer.usage, answer.upstream_id, answer.model
        return Settled(
            number,
            self.number,
            now,
            final,
            outcome,
            self.grade,
            self.status or None,
            self.usage,
            raw if raw is None or len(raw) <= RAW_USAGE_MAX else None,
            cost.currency if cost else None,
            cost.picos if cost else None,
            cost.offer if cost else None,
            self.rated_at,
            self.content_at - self.started if self.content_at is not None else None,
            upstream_id if upstream_id is None or len(upstream_id) <= NAME_MAX else None,
            model if model is None or len(model) <= NAME_MAX else None,
            self.note,
            self.facts,
        )


def failure_of(error: Exception) -> Failure:
    """What a transport's error means for the attempt. Its own text names the vendor's address: for the books alone."""
    if isinstance(error, TimedOut):
        return Failure(Kind.TIMEOUT, _LATE.get(error.phase, "it did not answer in time"), detail=str(error))
    if isinstance(error, ConnectFailed):
        return Failure(Kind.SERVER_ERROR, "it could not be connected to", detail=str(error))
    if isinstance(error, ConnectionLost):
        message = "it closed the connection before the answer was whole"
        return Failure(Kind.TRUNCATED, message, detail=str(error))
    if isinstance(error, TransportError):
        return Failure(Kind.TRUNCATED, "its reply breaks HTTP", detail=str(error))
    if isinstance(error, CallRefused):
        return Failure(Kind.BAD_REQUEST, error.message)
    if isinstance(error, TicketRefused):
        return error.failure
    return Failure(Kind.SERVER_ERROR, f"{type(error).__name__} in the transport")
