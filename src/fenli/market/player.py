"""Plays a script: the same for both faces, which bring a scheduler and a stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fenli.market.script import Body, Cut, End, Enter, Head, Outcome, Script, Stall, Wait
from fenli.sim.kernel import Scheduler, Timer


class Stage(Protocol):
    """Where an answer becomes visible. Any of these may call the player's ``pause`` or ``gone``."""

    def head(self, head: Head) -> None: ...
    def body(self, data: bytes) -> None: ...
    def end(self) -> None: ...
    def cut(self) -> None: ...


class Player:
    """``enter`` is called once, with how the request ended and how many tokens of the answer had been produced."""

    __slots__ = ("_at", "_enter", "_entered", "_over", "_paused", "_scheduler", "_stage", "_timer", "_tokens", "script")

    def __init__(
        self, scheduler: Scheduler, script: Script, stage: Stage, enter: Callable[[Script, Outcome, int], None]
    ) -> None:
        self.script = script
        self._scheduler = scheduler
        self._stage = stage
        self._enter = enter
        self._at = 0
        self._tokens = 0
        self._timer: Timer | None = None
        self._paused = False
        self._entered = False
        self._over = False

    def play(self) -> None:
        self._timer = None
        actions, stage = self.script.actions, self._stage
        while not self._over and not self._paused and self._at < len(actions):
            action = actions[self._at]
            self._at += 1
            if type(action) is Body:
                self._tokens = action.tokens
                stage.body(action.data)
            elif type(action) is Wait:
                if action.span > 0:
                    self._timer = self._scheduler.call_later(action.span, self.play)
                    return
            elif type(action) is Enter:
                self._entered = True
                self._enter(self.script, action.outcome, action.tokens)
            elif type(action) is Head:
                stage.head(action)
            elif type(action) is End:
                self._over = True
                stage.end()
            elif type(action) is Cut:
                self._over = True
                stage.cut()
            else:
                assert type(action) is Stall

    def pause(self) -> None:
        """The caller takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._timer is None and not self._over:
                self._timer = self._scheduler.call_soon(self.play)

    def gone(self) -> None:
        """The caller left. Harmless after the end."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._entered:
            self._entered = True
            self._enter(self.script, Outcome.GONE, self._tokens)
