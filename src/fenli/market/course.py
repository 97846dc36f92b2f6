"""What a scenario makes of one vendor, asked at an instant. The model asks before it answers, the market lets in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from fenli.errors import Kind
from fenli.market.faults import Fault, Trouble
from fenli.market.limits import Gauge, Standing
from fenli.market.replies import Pace
from fenli.market.scenario import (
    BrownOut,
    Cuts,
    Errors,
    Exit,
    Latency,
    QuotaEnd,
    RateLimit,
    Retired,
    Way,
)
from fenli.market.script import Script
from fenli.market.timeline import Span
from fenli.sim.random import Stream

T = TypeVar("T")

_PARTS: Final = 10**9  # a share is drawn as so many parts of the whole


class Course:
    """``spans`` are one vendor's, by when they begin."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = spans
        self._gauges: dict[tuple[int, str], Gauge] = {}
        self._served: dict[int, int] = {}  # tokens by the number of a quota's event
        self._let_in: dict[str, tuple[tuple[Gauge, ...], tuple[int, ...]]] = {}

    def left(self, now: int) -> Way | None:
        """How the vendor is gone, if it is."""
        return next((what.how for _, what in self._holding(Exit, now)), None)

    def retired(self, now: int) -> frozenset[str]:
        return frozenset(model for span, _ in self._holding(Retired, now) for model in span.spell.event.models)

    def pace(self, model: str, pace: Pace, now: int) -> Pace:
        """The vendor's ``pace``, as it is just now."""
        slow: list[tuple[Span, Latency | BrownOut]] = [*self._holding(Latency, now), *self._holding(BrownOut, now)]
        for span, what in slow:
            if span.spell.concerns(model):
                first = pace.first_token if what.first_token is None else what.first_token
                pace = Pace(first, pace.token if what.token is None else what.token)
        return pace

    def fault(self, model: str, now: int, chance: Stream) -> Fault | None:
        """What befalls a request for ``model``. Nothing is drawn where nothing can."""
        if model in self.retired(now):
            return Fault(Kind.MODEL_NOT_FOUND)
        if self.left(now) is Way.NO_BALANCE:
            return Fault(Kind.NO_BALANCE)
        shares = [*self._shares(model, now)]
        drawn = chance.integer(0, _PARTS - 1) if shares else 0
        for fault, share in shares:
            drawn -= round(share * _PARTS)
            if drawn < 0:
                return fault
        for span, cuts in self._holding(Cuts, now):
            if span.spell.concerns(model) and chance.probability(cuts.share):
                return Fault(Trouble.CUT, cuts.after_bytes)
        return None

    def admit(self, script: Script, model: str, now: int) -> Fault | None:
        """Counts an answer about to be given, or says why it is one too many (with the seconds to wait)."""
        quotas = [(span, what) for span, what in self._holding(QuotaEnd, now) if span.spell.concerns(model)]
        for span, quota in quotas:
            if self._served.get(span.spell.event.number, 0) >= quota.tokens:
                return Fault(Kind.QUOTA_EXHAUSTED)
        gauges = [self._gauge(span, what, model) for span, what in self._holding(RateLimit, now)
                  if span.spell.concerns(model)]  # fmt: skip
        for gauge in gauges:
            wait = gauge.wait(now)
            if wait is not None:
                return Fault(Kind.RATE_LIMITED, wait)
        for gauge in gauges:
            gauge.begin(now, script.count.prompt)
        numbers = tuple(span.spell.event.number for span, _ in quotas)
        if gauges or numbers:
            self._let_in[script.id] = tuple(gauges), numbers
        return None

    def standings(self, model: str, now: int) -> dict[str, Standing]:
        """What is left of the limits in force for ``model``, by what they limit; to be asked right after `admit`."""
        told: dict[str, Standing] = {}
        for span, what in self._holding(RateLimit, now):
            if span.spell.concerns(model):
                told |= self._gauge(span, what, model).standings(now)
        return told

    def ended(self, script: Script, tokens: int, now: int) -> None:
        """An answer has been given, with so many ``tokens`` of its own."""
        gauges, numbers = self._let_in.pop(script.id, ((), ()))
        for gauge in gauges:
            gauge.end(now, tokens)
        for number in numbers:
            self._served[number] = self._served.get(number, 0) + script.count.prompt + tokens

    def _shares(self, model: str, now: int) -> Iterator[tuple[Fault, float]]:
        for span, errors in self._holding(Errors, now):
            if span.spell.concerns(model):
                yield from errors.shares
        for span, brown_out in self._holding(BrownOut, now):
            if span.spell.concerns(model):
                yield Fault(Kind.OVERLOADED), brown_out.share

    def _gauge(self, span: Span, limit: RateLimit, model: str) -> Gauge:
        """A limit that names models is each of theirs; one that names none is the vendor's."""
        event = span.spell.event
        key = event.number, model if event.models else ""
        if key not in self._gauges:
            self._gauges[key] = Gauge(limit)
        return self._gauges[key]

    def _holding(self, kind: type[T], now: int) -> Iterator[tuple[Span, T]]:
        for span in self._spans:
            what = span.spell.event.what
            if isinstance(what, kind) and span.holds(now):
                yield span, what
