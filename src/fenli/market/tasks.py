"""Answers that are asked for now and fetched later: tasks, which take as long as the answer would have taken."""

from __future__ import annotations

from typing import Any

import msgspec

from fenli.market.last_few import LastFew
from fenli.market.requests import Ask
from fenli.market.script import Body, End, Enter, Head, Outcome, Script, Stall, Wait


class TaskShape(msgspec.Struct, frozen=True):
    """``ask`` is where a task is asked for and ``fetch`` the beginning of where it is fetched, its id behind it; both
    behind the base URL. ``member`` says how far it is, with one of the three words."""

    ask: str
    fetch: str
    member: str
    going: str
    done: str
    failed: str


class _Task(msgspec.Struct, frozen=True):
    """``ends`` None never ends; ``answer`` None fails."""

    model: str
    ends: int | None
    answer: dict[str, Any] | None


class Tasks:
    """One vendor's last few thousand, behind the path of its base URL. Without a shape it takes none."""

    __slots__ = ("_prefix", "_shape", "_tasks")

    def __init__(self, shape: TaskShape | None, prefix: str) -> None:
        self._shape = shape
        self._prefix = prefix
        self._tasks: LastFew[_Task] = LastFew()

    def begins(self, ask: Ask) -> bool:
        return self._shape is not None and (ask.method, ask.path) == ("POST", self._prefix + self._shape.ask)

    def fetches(self, ask: Ask) -> bool:
        return self._shape is not None and ask.method == "GET" and ask.path.startswith(self._prefix + self._shape.fetch)

    def begin(self, script: Script, beside: dict[str, Any], now: int) -> Script:
        """What is answered in place of ``script``, which tells when the task ends, and how. A refusal stays one. The
        vendor's book has the task from its beginning. ``beside`` are further members of the answer."""
        entry = next((action for action in script.actions if isinstance(action, Enter)), None)
        if entry is None or entry.outcome is Outcome.REFUSED:
            return script
        stalls = any(isinstance(action, Stall) for action in script.actions)
        span = sum(action.span for action in script.actions if isinstance(action, Wait))
        body = b"".join(action.data for action in script.actions if isinstance(action, Body))
        answer = _read(body) if entry.outcome is Outcome.WHOLE else None
        self._tasks.keep(script.id, _Task(script.model, None if stalls else now + span, answer))
        head = next((action for action in script.actions if isinstance(action, Head)), Head(200, ()))
        told = msgspec.json.encode(self._told(script.id, now, going=True) | beside)
        return msgspec.structs.replace(script, status=200, actions=(head, entry, Body(told), End()))

    def told(self, ask: Ask, now: int) -> dict[str, Any] | None:
        """What the vendor tells of the task that is fetched; None where there is none of that id."""
        assert self._shape is not None
        name = ask.path.removeprefix(self._prefix + self._shape.fetch)
        return self._told(name, now) if name in self._tasks else None

    def _told(self, name: str, now: int, *, going: bool = False) -> dict[str, Any]:
        task, shape = self._tasks[name], self._shape
        assert shape is not None
        if going or task.ends is None or now < task.ends:
            return {"id": name, "model": task.model, shape.member: shape.going}
        if task.answer is None:
            return {"id": name, "model": task.model, shape.member: shape.failed}
        return {**task.answer, shape.member: shape.done}


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
