"""The clock protocol: the only way any rule learns what time it is.

An *instant* is an ``int``: nanoseconds since 1970-01-01T00:00:00Z. A *span* is an ``int`` of nanoseconds.
"""

from __future__ import annotations

from time import monotonic_ns, time_ns
from typing import Final, Protocol

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000


class Clock(Protocol):
    """Tells the instant. Never runs backwards within one process."""

    def now(self) -> int: ...


class SystemClock:
    """Wall time carried by the monotonic clock, so that a step of the system clock never shortens a deadline.

    ``follow()`` takes over what NTP has corrected since the last time; forward at once, backward by standing still.
    """

    __slots__ = ("_latest", "_offset")

    def __init__(self) -> None:
        self._offset = time_ns() - monotonic_ns()
        self._latest = 0

    def now(self) -> int:
        instant = monotonic_ns() + self._offset
        if instant < self._latest:
            return self._latest
        self._latest = instant
        return instant

    def follow(self) -> None:
        self._offset = time_ns() - monotonic_ns()
