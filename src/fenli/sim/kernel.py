"""Virtual time: one heap of timers and one `step`.

Instants and spans are nanoseconds, as in ``fenli.clock``. Timers of one instant run in the order they were set, so a
run is decided by its seed alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final, Protocol

from fenli.sim.trace import Trace

START: Final = 1_790_000_000_000_000_000  # 2026-09-21T14:13:20Z: a plausible day, so that prices are in force
_SWEEP_MIN: Final = 4096


class Timer:
    """A callback that waits. ``cancel`` is harmless once it has run."""

    __slots__ = ("_agenda", "args", "callback", "instant")

    def __init__(self, agenda: Agenda, instant: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._agenda: Agenda | None = agenda
        self.instant = instant
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self.args = ()
            if self._agenda is not None:
                self._agenda.cancelled()

    def run(self) -> None:
        callback, args = self.callback, self.args
        self.callback, self.args, self._agenda = None, (), None
        if callback is not None:
            callback(*args)


class Scheduler(Protocol):
    """What anything that waits needs; virtual (`Simulation`) or real (`fenli.sim.wall.Wall`). It is also a Clock."""

    def now(self) -> int: ...
    def call_at(self, instant: int, callback: Callable[..., object], *args: Any) -> Timer: ...
    def call_later(self, span: int, callback: Callable[..., object], *args: Any) -> Timer: ...
    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer: ...


class Agenda:
    """Timers by instant, then by the order they were set."""

    __slots__ = ("_cancelled", "_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def add(self, instant: int, callback: Callable[..., object], args: tuple[Any, ...]) -> Timer:
        timer = Timer(self, instant, callback, args)
        self._count += 1
        heapq.heappush(self._heap, (instant, self._count, timer))
        return timer

    def next(self) -> int | None:
        """The instant of the first timer that still waits."""
        heap = self._heap
        while heap:
            if heap[0][2].callback is not None:
                return heap[0][0]
            heapq.heappop(heap)
            self._cancelled -= 1
        return None

    def pop(self) -> Timer:
        """The timer that `next` spoke of."""
        return heapq.heappop(self._heap)[2]

    def cancelled(self) -> None:
        # Deadlines are set for minutes and nearly always cancelled: without this they would pile up.
        self._cancelled += 1
        if self._cancelled > _SWEEP_MIN and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0


class Simulation:
    """Implements `Scheduler`. Time stands still while a callback runs and jumps to the next timer after it."""

    __slots__ = ("_agenda", "_now", "steps", "trace")

    def __init__(self, start: int = START) -> None:
        self._agenda = Agenda()
        self._now = start
        self.steps = 0
        self.trace = Trace()

    def now(self) -> int:
        return self._now

    def call_at(self, instant: int, callback: Callable[..., object], *args: Any) -> Timer:
        """An instant that has passed means now."""
        return self._agenda.add(max(instant, self._now), callback, args)

    def call_later(self, span: int, callback: Callable[..., object], *args: Any) -> Timer:
        assert span >= 0, f"a span of {span} ns lies in the past"
        return self._agenda.add(self._now + span, callback, args)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        return self._agenda.add(self._now, callback, args)

    @property
    def pending(self) -> int:
        return len(self._agenda)

    def step(self) -> bool:
        """Runs the next timer; False when there is none."""
        instant = self._agenda.next()
        if instant is None:
            return False
        self._now = instant
        self.steps += 1
        self._agenda.pop().run()
        return True

    def run(self, until: int | None = None, max_steps: int | None = None) -> int:
        """Steps until nothing waits, the next timer lies behind ``until`` (which then is now), or after ``max_steps``.
        Returns the steps taken."""
        agenda = self._agenda
        taken = 0
        while max_steps is None or taken < max_steps:
            instant = agenda.next()
            if instant is None or (until is not None and instant > until):
                if until is not None:
                    self._now = max(self._now, until)
                break
            self._now = instant
            agenda.pop().run()
            taken += 1
        self.steps += taken
        return taken
