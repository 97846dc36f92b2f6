"""DashScope's tasks: videos, and the images of its older models. What was asked for as no task is refused."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.market.requests import Ask
from fenli.market.services.films import Films, Task, behind, fails

N_MAX: Final = 4
_TASKS: Final = "/api/v1/tasks/"
_CANCEL: Final = "/cancel"
_LATER: Final = ("x-dashscope-async", "enable")


class _Wish(msgspec.Struct):
    prompt: str


class _Parameters(msgspec.Struct, frozen=True):
    duration: int = 5
    n: int = N_MAX  # they draw four, and charge four, where nobody says how many
    size: str | None = None


class _Synthesis(msgspec.Struct):
    input: _Wish
    parameters: _Parameters = _Parameters()


_decode = msgspec.json.Decoder(_Synthesis).decode


class DashScopeTasks(Films, frozen=True, kw_only=True):
    """What both have in common. A task waits, then runs, and can be called off while it waits."""

    def begins(self, ask: Ask) -> bool:
        if ask.path != self.path:
            return False
        name, value = _LATER
        if ask.headers.get(name) != value:
            raise ValueError(f"current user api does not support synchronous calls: send {name}")
        return True

    def prompt(self, body: bytes) -> str:
        asked = _decode(body)
        size, n = asked.parameters.size, asked.parameters.n
        if (size is not None and "*" not in size) or not 1 <= n <= N_MAX or not asked.input.prompt:
            raise ValueError(f"size: {size}, n: {n}, input.prompt: {asked.input.prompt!r}")
        return asked.input.prompt

    def begun(self, task: Task) -> dict[str, Any]:
        return _told(task, "PENDING")

    def asked(self, ask: Ask) -> str | None:
        name = behind(_TASKS, ask, "GET", "POST")
        return name.removesuffix(_CANCEL) if name is not None and ask.method == "POST" else name

    def unmade(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        """What is told of a task that has made nothing, or is called off; None where there is something to show."""
        if ask.method == "POST":
            if not task.waits(now):
                raise ValueError("the task is not pending, so that it cannot be cancelled")
            task.cancelled = True
            return {"request_id": task.id}
        if task.cancelled:
            return _told(task, "CANCELED")
        if now < task.ends:
            return _told(task, "PENDING" if task.waits(now) else "RUNNING")
        return _told(task, "FAILED", code="InternalError", message="it went wrong") if task.fails else None


class DashScopeFilms(DashScopeTasks, frozen=True, kw_only=True):
    """Counts seconds. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/api/v1/services/aigc/video-generation/video-synthesis"

    def units(self, body: bytes) -> dict[str, int]:
        return {"video_seconds": _decode(body).parameters.duration}

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any]:
        unmade = self.unmade(task, ask, now)
        if unmade is not None:
            return unmade
        usage = {"video_count": 1, "video_duration": task.units["video_seconds"]}
        return _told(task, "SUCCEEDED", video_url=task.url) | {"usage": usage}


class DashScopeDrawings(DashScopeTasks, frozen=True, kw_only=True):
    """Counts images; those that fail it does not charge. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/api/v1/services/aigc/text2image/image-synthesis"

    def units(self, body: bytes) -> dict[str, int]:
        asked = _decode(body)
        return {} if fails(asked.input.prompt) else {"images": asked.parameters.n}

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any]:
        unmade = self.unmade(task, ask, now)
        if unmade is not None:
            return unmade
        wanted = task.units["images"]
        results = [{"url": task.picture(number)} for number in range(wanted)]
        metrics = {"TOTAL": wanted, "SUCCEEDED": wanted, "FAILED": 0}
        told = _told(task, "SUCCEEDED", results=results, task_metrics=metrics)
        return told | {"usage": {"image_count": wanted}}


def _told(task: Task, status: str, **output: Any) -> dict[str, Any]:
    return {"request_id": task.id, "output": {"task_id": task.id, "task_status": status, **output}}
