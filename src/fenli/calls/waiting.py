"""A task that an attempt's vendor took on, and when it is asked after next."""

from __future__ import annotations

from typing import Final

from fenli.calls.attempt import Attempt
from fenli.clock import MILLISECOND
from fenli.errors import Kind
from fenli.wire.services.tasks import FIRST, LONGEST

# What keeps us from hearing of a task and says nothing of it: it is asked after again.
PASSING: Final = (Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.TIMEOUT, Kind.TRUNCATED)


class Waiting:
    """``units`` are what it comes to where nobody learns better; ``until`` is the instant to wait for it at most."""

    __slots__ = ("_span", "attempt", "task", "units", "until")

    def __init__(self, attempt: Attempt, task: str, units: dict[str, int], until: int) -> None:
        self.attempt = attempt
        self.task = task
        self.units = units
        self.until = until
        self._span = FIRST

    def next_at(self, now: int, retry_after_ms: int | None = None) -> int:
        """Later each time; not before the vendor wants to be asked."""
        span = max(self._span, (retry_after_ms or 0) * MILLISECOND)
        self._span = min(self._span * 3 // 2, LONGEST)
        return min(now + span, self.until)
