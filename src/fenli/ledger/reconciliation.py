"""Reconciliation: our entries beside a vendor's bill, place by place, and why they may differ.

A place is a day (or month) and a model, or one request. What nobody can tell from here is called unexplained.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from fenli.ledger.bills import REQUESTS, BillLine


class Cause(enum.StrEnum):
    """Why the bill and the books differ, as far as they show it."""

    ROUNDING = "rounding"  # by less than the bill's own decimals
    UNKNOWN_CALLS = "unknown_calls"  # we have calls of unknown cost there
    MORE_THAN_HELD = "more_than_held"  # and the bill asks for more than was held for them
    FREE_QUOTA = "free_quota"  # the same usage, and the vendor asks nothing
    PRICE = "price"  # the same usage at another price
    USAGE = "usage"  # the vendor counted otherwise
    ESTIMATED = "estimated"  # some of our costs are estimates
    NOT_HERE = "not_here"  # calls that we know nothing of
    NOT_THERE = "not_there"  # calls that the vendor does not ask for, or not yet
    DAY_SHIFT = "day_shift"  # the vendor's day begins in another zone
    UNEXPLAINED = "unexplained"


# What a bill says of places that only one side has, or of other days, is not booked: somebody has to look first.
LEFT_OPEN: Final = frozenset((Cause.NOT_HERE, Cause.NOT_THERE, Cause.DAY_SHIFT))


class Place(NamedTuple):
    """``day`` of the bill's zone; ``request_id`` is "" where the bill is compared by day and model."""

    day: str
    model: str
    currency: str
    request_id: str = ""


class Ours(msgspec.Struct):
    """Of the entries there: ``known`` costs as corrected, picos; how many are ``unknown``, ``unheld`` (of those) and
    ``estimated``; usage by meter."""

    known: int = 0
    attempts: int = 0
    unknown: int = 0
    unknown_held: int = 0
    unheld: int = 0
    estimated: int = 0
    usage: dict[str, int] = {}

    def merge(self, other: Ours) -> None:
        self.usage = {
            meter: self.usage.get(meter, 0) + other.usage.get(meter, 0) for meter in {**self.usage, **other.usage}
        }
        for name in ("known", "attempts", "unknown", "unknown_held", "unheld", "estimated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Theirs(msgspec.Struct):
    """Of the bill's lines there. ``units`` by the meters that they count together, where the bill counts any;
    ``slack`` is by how much the amount may be off for the bill's decimals, picos."""

    picos: int = 0
    lines: int = 0
    slack: int = 0
    units: dict[tuple[str, ...], int] = {}

    def add(self, line: BillLine) -> None:
        self.picos += line.picos
        self.lines += 1
        self.slack += 1 if line.decimals is None else 10 ** max(0, 12 - line.decimals)
        if line.units is not None and line.meters is not None:
            self.units = {**self.units, line.meters: self.units.get(line.meters, 0) + line.units}


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One place. ``picos`` is what the bill asks for beyond our known costs; ``units`` are those that differ, as
    (meters, ours, theirs). Where there is no cause, both agree."""

    place: Place
    ours: Ours | None
    theirs: Theirs | None
    picos: int
    units: tuple[tuple[tuple[str, ...], int, int], ...] = ()
    causes: tuple[Cause, ...] = ()


def places(lines: Sequence[BillLine]) -> list[Place]:
    """Where each line belongs. A bill whose lines all name a request is taken request by request, any other one by day
    and model."""
    if lines and all(line.request_id for line in lines):
        return [Place("", line.model, line.currency, line.request_id or "") for line in lines]
    return [Place(line.day, line.model, line.currency) for line in lines]


def by_place(lines: Sequence[BillLine]) -> dict[Place, Theirs]:
    found: dict[Place, Theirs] = defaultdict(Theirs)
    for place, line in zip(places(lines), lines, strict=True):
        found[place].add(line)
    return dict(found)


def compare(ours: Mapping[Place, Ours], theirs: Mapping[Place, Theirs]) -> list[Compared]:
    """Every place that either side has, in order. Entries without a currency are where the bill names one."""
    here: dict[Place, Ours] = {}
    for place, each in sorted(ours.items()):
        named = [other for other in theirs if other._replace(currency="") == place]
        target = named[0] if len(named) == 1 else place
        here.setdefault(target, Ours()).merge(each)
    return [_compared(place, here.get(place), theirs.get(place)) for place in sorted({**here, **theirs})]


def elsewhere(compared: Mapping[str, Sequence[Compared]], zone: str) -> str | None:
    """The zone in which the bill's days seem to begin, where that is not ``zone``: far fewer amounts differ there."""
    wrong = {name: sum(1 for one in places if _differs(one)) for name, places in compared.items()}
    best = min(wrong, key=lambda name: (wrong[name], name != zone, name))
    return best if best != zone and 2 * wrong[best] < wrong[zone] else None


def shifted(compared: Iterable[Compared]) -> list[Compared]:
    """The same, with all that differs put down to the days: until they are right nothing else can be told."""
    return [msgspec.structs.replace(one, causes=(Cause.DAY_SHIFT,)) if one.causes else one for one in compared]


class Settlement(NamedTuple):
    """What would make the books say what the bill says of a place: so much for its unknown entries together (None
    where there are none), and ``residue`` for the vendor's account, picos."""

    unknown: int | None
    residue: int


def settlement(one: Compared) -> Settlement | None:
    """None where nothing is to be booked, or somebody has to look first: so where the bill asks for less than we know
    of beside calls of unknown cost, since nobody can tell what those cost then."""
    if not one.causes or one.ours is None or one.theirs is None or LEFT_OPEN & set(one.causes):
        return None
    if not one.ours.unknown:
        return Settlement(None, one.picos) if one.picos else None
    if one.picos >= 0:
        return Settlement(one.picos, 0)
    return Settlement(0, one.picos) if -one.picos <= one.theirs.slack else None


def allot(total: int, held: Sequence[int | None]) -> list[int]:
    """``total`` picos to entries as their holds are to each other, to the pico; what had no hold counts as their mean.

    The parts add up to the total exactly.
    """
    known = [amount for amount in held if amount]
    mean = max(1, sum(known) // len(known)) if known else 1
    weights = [mean if amount is None else amount for amount in held]
    if not any(weights):
        weights = [1] * len(weights)
    whole, reached, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        reached += weight
        upto = total * reached // whole
        parts.append(upto - given)
        given = upto
    return parts


def _compared(place: Place, ours: Ours | None, theirs: Theirs | None) -> Compared:
    known = ours.known if ours is not None else 0
    asked = theirs.picos if theirs is not None else 0
    found = Compared(place=place, ours=ours, theirs=theirs, picos=asked - known, units=_units(ours, theirs))
    return msgspec.structs.replace(found, causes=tuple(_causes(found)))


def _units(ours: Ours | None, theirs: Theirs | None) -> tuple[tuple[tuple[str, ...], int, int], ...]:
    if ours is None or theirs is None:
        return ()
    pairs = (
        (meters, ours.attempts if meters == (REQUESTS,) else sum(ours.usage.get(meter, 0) for meter in meters), counted)
        for meters, counted in sorted(theirs.units.items())
    )
    return tuple(pair for pair in pairs if pair[1] != pair[2])


def _causes(one: Compared) -> Iterable[Cause]:
    ours, theirs = one.ours, one.theirs
    if ours is None or theirs is None:
        if one.picos or (ours is not None and ours.unknown):
            yield Cause.NOT_HERE if ours is None else Cause.NOT_THERE
        return
    counted = any(meters != (REQUESTS,) for meters in theirs.units)
    same_usage = not any(meters != (REQUESTS,) for meters, *_ in one.units)
    if ours.unknown:
        yield Cause.UNKNOWN_CALLS
        if not ours.unheld and one.picos > ours.unknown_held + theirs.slack:
            yield Cause.MORE_THAN_HELD
        if one.picos >= 0:
            return
    if not one.picos:
        if not same_usage:
            yield Cause.USAGE
        return
    if abs(one.picos) <= theirs.slack and same_usage:
        yield Cause.ROUNDING
    elif not theirs.picos and same_usage:
        yield Cause.FREE_QUOTA
    elif counted and same_usage:
        yield Cause.PRICE
    else:
        if ours.estimated:
            yield Cause.ESTIMATED
        if not same_usage:
            yield Cause.USAGE
        if not ours.estimated and same_usage:
            yield Cause.UNEXPLAINED


def _differs(one: Compared) -> bool:
    return abs(one.picos) > (one.theirs.slack if one.theirs is not None else 0)
