"""Instants: nanoseconds since the epoch, in UTC, and their ISO 8601 text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from fenli.errors import InstantError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_instant(text: str) -> int:
    """The instant of an ISO 8601 date-time with an offset, such as ``2024-10-01T00:00:00+08:00``."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InstantError(f"{text!r} is not an instant: write one such as 2024-10-01T00:00:00+08:00") from None
    if moment.tzinfo is None:
        raise InstantError(f"{text!r} has no zone: add Z or an offset such as +08:00")
    return instant_of(moment)


def instant_of(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def moment_of(instant: int, zone: tzinfo = UTC) -> datetime:
    return (_EPOCH + timedelta(microseconds=instant // 1_000)).astimezone(zone)


def format_instant(instant: int, zone: tzinfo = UTC) -> str:
    """ISO 8601 to the millisecond; ``Z`` for UTC."""
    return moment_of(instant, zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")
