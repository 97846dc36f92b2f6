"""What a vendor's headers tell of its limits, as data: how many requests and tokens it takes, how many are left, and
when there are more again.

Read only where it matters: of a refusal, for the wait, and now and then of an answer, for people to watch.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from fenli.clock import MICROSECOND, MILLISECOND, SECOND
from fenli.errors import InstantError
from fenli.values.instants import instant_of, parse_instant


class Reset(enum.StrEnum):
    """In which form a header tells when a limit is whole again."""

    SECONDS = "seconds"  # from now on: 30, 0.5
    DURATION = "duration"  # from now on: 6m0s, 1h30m, 12ms
    INSTANT = "instant"  # RFC 3339
    EPOCH_MS = "epoch_ms"


class LimitHeaders(msgspec.Struct, frozen=True):
    """The headers, in lower case, that tell of one limit; those that the vendor does not send are empty.

    ``of``: what it limits.
    """

    of: str
    limit: str = ""
    remaining: str = ""
    reset: str = ""
    form: Reset = Reset.SECONDS


class Room(msgspec.Struct, frozen=True):
    """What a vendor told of one limit; None where it did not. ``reset`` is a span in ns from when it was told."""

    of: str
    limit: int | None
    remaining: int | None
    reset: int | None


def rooms(limits: Sequence[LimitHeaders], headers: Sequence[tuple[bytes, bytes]], now: int) -> list[Room]:
    """Of each limit of which ``headers`` tell anything that can be read; ``now`` is the instant of the answer."""
    told = {name.lower(): value for name, value in reversed(headers)}
    read = (
        Room(
            each.of,
            _count(told.get(each.limit.encode())),
            _count(told.get(each.remaining.encode())),
            span(told.get(each.reset.encode(), b""), each.form, now),
        )
        for each in limits
    )
    return [room for room in read if not room.limit is room.remaining is room.reset is None]


def wait_ms(limits: Sequence[LimitHeaders], headers: Sequence[tuple[bytes, bytes]], now: int) -> int | None:
    """How long a request that was refused for its vendor's limits had better wait: until every limit of which nothing
    is left is whole again. None where that is not told."""
    spent = [room.reset for room in rooms(limits, headers, now) if room.remaining == 0 and room.reset is not None]
    return -(-max(spent) // MILLISECOND) if spent else None


def until_date_ms(value: bytes, now: int) -> int | None:
    """The wait until a date as HTTP writes it (a ``retry-after``); None for anything else."""
    if not _DATE.fullmatch(value):
        return None
    try:
        instant = instant_of(parsedate_to_datetime(value.decode()))
    except (ValueError, TypeError, OverflowError):
        return None
    return -(-max(0, instant - now) // MILLISECOND)


def parse_units(value: bytes, unit: int) -> int | None:
    """So many ``unit``, rounded down; None for what is no number."""
    return _units(value, unit) if _NUMBER.fullmatch(value) else None


def span(value: bytes, form: Reset, now: int) -> int | None:
    """The span in ns from ``now`` to what the header says; 0 for what has passed, None for what is not of ``form``."""
    match form:
        case Reset.SECONDS:
            return parse_units(value, SECOND)
        case Reset.DURATION:
            return _duration(value)
        case Reset.INSTANT:
            try:
                return max(0, parse_instant(value.decode()) - now)
            except (InstantError, UnicodeDecodeError):
                return None
        case Reset.EPOCH_MS:
            instant = _count(value)
            return None if instant is None else max(0, instant * MILLISECOND - now)


_NUMBER: Final = re.compile(rb"[0-9]{1,12}(\.[0-9]{1,9})?")
_WHOLE: Final = re.compile(rb"[0-9]{1,15}")
# As HTTP writes a date, so that nothing else is taken for one.
_DATE: Final = re.compile(rb"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_PART: Final = re.compile(rb"([0-9]{1,12}(?:\.[0-9]{1,9})?)(h|ms|m|s|us|ns)")
_UNITS: Final = {
    b"h": 3_600 * SECOND,
    b"m": 60 * SECOND,
    b"s": SECOND,
    b"ms": MILLISECOND,
    b"us": MICROSECOND,
    b"ns": 1,
}


def _duration(value: bytes) -> int | None:
    """Each part of a smaller unit than the one before it."""
    total, at, before = 0, 0, 24 * _UNITS[b"h"]
    while at < len(value):
        part = _PART.match(value, at)
        if part is None or _UNITS[part[2]] >= before:
            return None
        before = _UNITS[part[2]]
        total += _units(part[1], before)
        at = part.end()
    return total if value else None


def _units(number: bytes, unit: int) -> int:
    """So many ``unit``, of which the number may have parts."""
    whole, _, part = number.partition(b".")
    return int(whole) * unit + int((part + b"000000000")[:9]) * unit // 10**9


def _count(value: bytes | None) -> int | None:
    return int(value) if value is not None and _WHOLE.fullmatch(value) else None
