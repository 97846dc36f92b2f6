"""The wall-clock variant: the same scheduling over an asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fenli.clock import SECOND, Clock, SystemClock
from fenli.sim.kernel import Agenda, Timer


class Wall:
    """Implements `fenli.sim.kernel.Scheduler`. However many timers wait, the loop holds one: that of the first."""

    __slots__ = ("_agenda", "_armed_for", "_clock", "_handle", "_loop", "_running")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock | None = None) -> None:
        self._loop = loop
        self._clock = clock or SystemClock()
        self._agenda = Agenda()
        self._handle: asyncio.Handle | None = None
        self._armed_for = 0
        self._running = False

    def now(self) -> int:
        return self._clock.now()

    def call_at(self, instant: int, callback: Callable[..., object], *args: Any) -> Timer:
        timer = self._agenda.add(instant, callback, args)
        self._arm(instant)
        return timer

    def call_later(self, span: int, callback: Callable[..., object], *args: Any) -> Timer:
        return self.call_at(self._clock.now() + span, callback, *args)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        return self.call_at(self._clock.now(), callback, *args)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, instant: int) -> None:
        if self._running or (self._handle is not None and self._armed_for <= instant):
            return
        if self._handle is not None:
            self._handle.cancel()
        wait = instant - self._clock.now()
        self._armed_for = instant
        if wait <= 0:
            self._handle = self._loop.call_soon(self._fire)
        else:
            self._handle = self._loop.call_later(wait / SECOND, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._running = True
        try:
            due = self._clock.now()
            instant = self._agenda.next()
            # What a callback sets for "now" waits for the next turn of the loop, so sockets are never starved.
            while instant is not None and instant <= due:
                self._agenda.pop().run()
                instant = self._agenda.next()
        finally:
            self._running = False
            following = self._agenda.next()
            if following is not None:
                self._arm(following)
