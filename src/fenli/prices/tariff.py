"""Rating: usage at an instant -> the exact cost. Compiled once for a vendor's model in one currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import product
from typing import Final, Literal, NoReturn

import msgspec

from fenli.clock import SECOND
from fenli.errors import AmbiguousOffer, NoOffer, UsageError
from fenli.prices.facts import DEFAULTS, FIXED_AXES, OPEN_AXES, Facts
from fenli.prices.lanes import EVER, INSTEAD, Lane, Row, Segment
from fenli.prices.offers import Conditions, Offer
from fenli.prices.units import whole_picos
from fenli.values import METERS, format_instant
from fenli.values.usage import READ, WRITTEN

HOUR: Final = 3600 * SECOND
Basis = Literal["start", "end"]
_DEFAULT: Final = Facts()
_READ: Final = frozenset(READ)
_WRITTEN: Final = frozenset(WRITTEN)
_Lanes = dict[tuple[object, ...], Lane]


class Rating(msgspec.Struct, frozen=True, gc=False):
    """``picos`` (1e-12) of ``currency``, at the price of the row whose id is ``offer``."""

    picos: int
    currency: str
    offer: str


class Tariff:
    """Every offer of one model in one currency. ``basis``: whether a request's start or its end picks the price.

    The whole request takes one row: a tier by prompt or completion length reprices all of it. The prompt is every token
    read, the cached and the written ones too; the completion is every token written, reasoning too.
    """

    __slots__ = ("_currency", "_default", "_lanes", "_name", "_worst", "basis", "offers")

    def __init__(self, offers: Iterable[Offer], basis: Basis) -> None:
        self.offers = tuple(offers)
        self.basis = basis
        names = {(offer.vendor, offer.model, offer.currency) for offer in self.offers}
        if len({currency for _, _, currency in names}) > 1:
            raise ValueError(f"one tariff, one currency: {sorted(names)}")
        vendor, model, self._currency = min(names) if names else ("", "", "")
        self._name = f"{vendor}/{model}"
        rows = [Row(offer) for offer in self.offers]
        self._worst = Lane(rows, ahead=HOUR, hourly=False)
        self._lanes = _lanes(rows)
        self._default = self._lanes.get(_DEFAULT[2:]) or Lane(())

    def rate(self, usage: Mapping[str, int], at: int, facts: Facts | None = None) -> Rating:
        """The exact cost of ``usage`` (units by meter) at instant ``at``.

        Tokens that the row says nothing of cost what those of `INSTEAD` do. A cost is a whole number of picos, except
        where a price is for several units (`Offer.per`): such a request's cost is rounded, once. Raises NoOffer where
        no row is in force or the row has no price for a meter that was used, AmbiguousOffer where two are, UsageError
        for what is not usage.
        """
        lane = self._default if facts is None else self._lanes.get(facts[2:])
        if lane is None:
            self._no_offer(at, facts, 0, 0, ())
        segment = lane.now
        if not segment.start <= at < segment.end:
            segment = lane.at(at)
        prices = segment.prices
        if prices is None:
            row = self._choose(segment, usage, at, facts)
            prices, chosen = row.prices, row.offer_id
            if not row.simple:
                return self._summed(row, usage, at)
        else:
            chosen = segment.offer_id
        picos = 0
        for meter, units in usage.items():
            if units.__class__ is not int or units < 0 or meter not in prices:
                self._mind(meter, units, at, chosen)
            else:
                picos += units * prices[meter]
        return Rating(picos, self._currency, chosen)

    def bound(self, prompt: int, output: int, at: int) -> Rating:
        """The most a request of at most ``prompt`` and ``output`` tokens can cost if it counts within an hour.

        Every row in force at ``at`` or in the hour after it counts, whatever its conditions and on both sides of every
        window edge: the facts are not known yet. A row without an input or output price counts with what it has, since
        `rate` refuses the rest. Raises NoOffer where no row has all the prices that such a request may need.
        """
        segment = self._worst.now
        if not segment.start <= at < segment.end:
            segment = self._worst.at(at)
        row = segment.dearest
        if row is not None:
            return Rating(prompt * row.input_max + output * row.output_max, self._currency, row.offer_id)
        picos, chosen, known = -1, "", False
        for row in segment.rows:
            low, high, least, most = row.tiers
            if low > prompt or least > output:
                continue
            known = known or ((row.reads or not prompt) and (row.writes or not output))
            cost = min(prompt, high) * row.input_max + min(output, most) * row.output_max
            if cost > picos:
                picos, chosen = cost, row.offer_id
        if not known:
            self._no_offer(at, None, prompt, output, segment.rows)
        return Rating(picos, self._currency, chosen)

    def most(self, usage: Mapping[str, int], at: int) -> Rating:
        """The most that ``usage`` can cost if it counts within an hour: by the dearest row in force at ``at`` or in the
        hour after it that has a price for every meter of it, whatever the row's other conditions. Raises NoOffer.
        """
        rows = self._worst.at(at).rows
        ratings = [self._summed(row, usage, at) for row in rows if all(meter in row.prices for meter in usage)]
        if not ratings:
            self._no_offer(at, None, 0, 0, rows)
        return max(ratings, key=lambda rating: rating.picos)

    def find(self, at: int, usage: Mapping[str, int] | None = None, facts: Facts | None = None) -> Offer:
        """The one row that prices a request. Without ``usage``, the facts' prompt and completion choose the tier."""
        counted = {"input": facts.prompt, "output": facts.completion} if facts is not None and usage is None else usage
        lane = self._default if facts is None else self._lanes.get(facts[2:])
        if lane is None:
            self._no_offer(at, facts, 0, 0, ())
        segment = lane.at(at)
        row = segment.only or self._choose(segment, counted or {}, at, facts)
        return row.offer

    def segment(self, at: int, facts: Facts | None = None) -> Segment:
        """What is in force at ``at`` for requests with these ``facts``, whatever their lengths, and until when."""
        lane = self._default if facts is None else self._lanes.get(facts[2:])
        return Segment(-EVER, EVER, (), ()) if lane is None else lane.at(at)

    def _choose(self, segment: Segment, usage: Mapping[str, int], at: int, facts: Facts | None) -> Row:
        prompt = completion = 0
        for meter, units in usage.items():
            if units.__class__ is not int or units < 0 or meter not in METERS:
                _refuse(meter, units)
            elif meter in _READ:
                prompt += units
            elif meter in _WRITTEN:
                completion += units
        if segment.undecided:
            self._undecided(segment, at)
        chosen = None
        for row in segment.rows:
            low, high, least, most = row.tiers
            if low <= prompt <= high and least <= completion <= most:
                if chosen is not None:
                    self._ambiguous(at, facts, prompt, completion, segment.rows)
                chosen = row
        if chosen is None:
            self._no_offer(at, facts, prompt, completion, segment.rows)
        return chosen

    def _summed(self, row: Row, usage: Mapping[str, int], at: int) -> Rating:
        """The cost where some units are included, a minimum is charged, or a price is for several units."""
        offer = row.offer
        picos = Fraction()
        for meter, units in usage.items():
            if meter not in row.prices or units.__class__ is not int or units < 0:
                self._mind(meter, units, at, offer.id)
            else:
                picos += offer.charged(meter, units) * Fraction(row.prices[meter], offer.per.get(meter, 1))
        return Rating(whole_picos(picos), self._currency, offer.id)

    def _mind(self, meter: str, units: int, at: int, chosen: str) -> None:
        """Lets a zero of an unpriced meter pass; refuses the rest by name."""
        if units.__class__ is not int or units < 0 or meter not in METERS:
            _refuse(meter, units)
        if units:
            row = next(offer for offer in self.offers if offer.id == chosen)
            missing = meter if meter == "cache_write_1h" else INSTEAD.get(meter, meter)
            raise NoOffer(
                f"{self._name} at {format_instant(at)}: {units} of {meter} were used but the row in force has no "
                f"{missing} price, and unknown is not zero: {row}"
            )

    def _undecided(self, segment: Segment, at: int) -> NoReturn:
        calendars = {row.offer.conditions.window.calendar for row in segment.undecided if row.offer.conditions.window}
        names = ", ".join(sorted(calendar.name for calendar in calendars if calendar))
        raise NoOffer(
            f"{self._name} at {format_instant(at)}: the price hangs on whether this is a holiday, and calendar {names} "
            f"does not reach that year: add the year to calendars/{names}.toml"
        )

    def _ambiguous(self, at: int, facts: Facts | None, prompt: int, completion: int, rows: tuple[Row, ...]) -> NoReturn:
        found = [row.offer for row in rows if row.takes(prompt, completion)]
        raise AmbiguousOffer(
            f"{self._what(at, facts, prompt, completion)}: {len(found)} rows are in force and only one may be:"
            + _listed(found)
        )

    def _no_offer(self, at: int, facts: Facts | None, prompt: int, completion: int, rows: tuple[Row, ...]) -> NoReturn:
        in_force = [offer for offer in self.offers if offer.effective_from <= at < (offer.effective_to or at + 1)]
        if rows:
            reason, shown = "the rows in force do not take it", [row.offer for row in rows]
        elif in_force:
            reason, shown = "no row in force has these conditions", in_force
        else:
            reason, shown = "no row was in force; there are", sorted(self.offers, key=lambda o: o.effective_from)
        raise NoOffer(f"{self._what(at, facts, prompt, completion)}: {reason}:{_listed(shown)}")

    def _what(self, at: int, facts: Facts | None, prompt: int, completion: int) -> str:
        conditions = str((facts or _DEFAULT)._replace(prompt=prompt, completion=completion))
        return f"{self._name} in {self._currency} at {format_instant(at)} ({conditions or 'a default request'})"


def _refuse(meter: str, units: object) -> NoReturn:
    if meter not in METERS:
        raise UsageError(f"{meter!r} is not a meter: {', '.join(METERS)}")
    raise UsageError(f"{meter} is {units!r}: a meter counts whole units and never below zero")


def _lanes(rows: list[Row]) -> _Lanes:
    """By what a request's facts say after its lengths. Requests that no row tells apart share a lane."""
    lanes: _Lanes = {}
    for fixed in {_fixed(row) for row in rows}:
        alike = [row for row in rows if _fixed(row) == fixed]
        shared: dict[tuple[int, ...], Lane] = {}
        for values in product(*OPEN_AXES.values()):
            taken = [row for row in alike if _takes(row.offer.conditions, values)]
            if taken:
                rows_taken = tuple(map(id, taken))
                if rows_taken not in shared:
                    shared[rows_taken] = Lane(taken)
                lanes[*values, *fixed] = shared[rows_taken]
    return lanes


def _takes(conditions: Conditions, values: tuple[object, ...]) -> bool:
    given = (getattr(conditions, axis) for axis in OPEN_AXES)
    return all(one is None or one == value for one, value in zip(given, values, strict=True))


def _fixed(row: Row) -> tuple[object, ...]:
    """The row's fixed conditions; where it is silent, a default request's. In the order of `Facts`."""
    given = (getattr(row.offer.conditions, axis) for axis in FIXED_AXES)
    return tuple(DEFAULTS[axis] if value is None else value for axis, value in zip(FIXED_AXES, given, strict=True))


def _listed(offers: list[Offer], most: int = 5) -> str:
    more = f"\n  and {len(offers) - most} more" if len(offers) > most else ""
    return "".join(f"\n  {offer}" for offer in offers[:most]) + more
