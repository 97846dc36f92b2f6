"""Deadlines without timers: one tick looks over every connection that may have one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from fenli.clock import MILLISECOND, SECOND

NEVER: Final = 2**63 - 1


class Swept(Protocol):
    """``deadline`` is compared with ``Sweeper.now``; NEVER while nothing is waited for."""

    deadline: int

    def expire(self) -> None:
        """The deadline has passed. It must be moved or set to NEVER here, or ``expire`` comes with every tick."""


class Sweeper:
    """A coarse clock (``now``, moved once a tick) and the members whose deadlines it watches.

    A member sets ``deadline = sweeper.now + span + sweeper.tick``: never early, at most two ticks late. ``now`` moves
    by two ticks at most, however long the loop stood still: a process that was stopped does not blame its peers for it.
    """

    __slots__ = ("_handle", "_last", "_loop", "_on_tick", "members", "now", "tick")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        tick: int = 250 * MILLISECOND,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
        self.tick = tick
        self.now = 0
        self.members: set[Swept] = set()
        self._loop = loop
        self._on_tick = on_tick
        self._last = 0
        self._handle: asyncio.TimerHandle | None = None

    def add(self, member: Swept) -> None:
        self.members.add(member)
        if self._handle is None:
            self._last = time.monotonic_ns()
            self._schedule()
            if self._on_tick is not None:
                self._on_tick()

    def discard(self, member: Swept) -> None:
        self.members.discard(member)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        self._handle = self._loop.call_later(self.tick / SECOND, self._sweep)

    def _sweep(self) -> None:
        if not self.members:
            self._handle = None
            return
        self._schedule()
        instant = time.monotonic_ns()
        self.now = now = self.now + min(instant - self._last, 2 * self.tick)
        self._last = instant
        if self._on_tick is not None:
            self._on_tick()
        for member in [member for member in self.members if member.deadline <= now]:
            if member.deadline <= now:
                member.expire()
