"""DashScope's tasks: videos, and the images of its older models. What was asked for as no task is refused."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.market.requests import Ask
from fenli.market.services.films import Task, fails

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


class DashScopeTasks(msgspec.Struct, frozen=True, kw_only=True):
    """What both have in common. A task waits, then runs, and can be called off while it waits."""

    path: str

    def begins(self, ask: Ask) -> bool:
        if ask.path != self.path:
            return False
        name, value = _LATER
        if ask.headers.get(name) != value:
            raise ValueError(f"current user api does not support synchronous calls: send {name}")
        return True

    def model(self, body: bytes) -> str | None:
        return None

    def resolution(self, body: bytes) -> str:
        return ""

    def prompt(self, body: bytes) -> str:
        asked = _decode(body)
        size, n = asked.parameters.size, asked.parameters.n
        if (size is not None and "*" not in size) or not 1 <= n <= N_MAX or not asked.input.prompt:
            raise ValueError(f"size: {size}, n: {n}, input.prompt: {asked.input.prompt!r}")
        return asked.input.prompt

    def begun(self, task: Task) -> dict[str, Any]:
        return {"request_id": task.id, "output": {"task_id": task.id, "task_status": "PENDING"}}

    def asked(self, ask: Ask) -> str | None:
        if not ask.path.startswith(_TASKS) or ask.method not in ("GET", "POST"):
            return None
        name = ask.path.removeprefix(_TASKS)
        return name.removesuffix(_CANCEL) if ask.method == "POST" else name

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        waits = now < (task.at + task.ends) // 2
        if ask.method == "POST":
            if not waits:
                raise ValueError("the task is not pending, so that it cannot be cancelled")
            task.cancelled = True
            return {"request_id": task.id}
        output: dict[str, Any] = {"task_id": task.id, "task_status": "PENDING" if waits else "RUNNING"}
        if task.cancelled:
            return {"request_id": task.id, "output": output | {"task_status": "CANCELED"}}
        if now < task.ends:
            return {"request_id": task.id, "output": output}
        if task.fails:
            wrong = {"task_status": "FAILED", "code": "InternalError", "message": "it went wrong"}
            return {"request_id": task.id, "output": output | wrong}
        made, usage = self.made(task)
        return {"request_id": task.id, "output": output | {"task_status": "SUCCEEDED", **made}, "usage": usage}

    def made(self, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the output of one that is done has beside its name, and its usage."""
        raise NotImplementedError


class DashScopeFilms(DashScopeTasks, frozen=True, kw_only=True):
    """Counts seconds. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/api/v1/services/aigc/video-generation/video-synthesis"

    def units(self, body: bytes) -> dict[str, int]:
        return {"video_seconds": _decode(body).parameters.duration}

    def made(self, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"video_url": task.url}, {"video_count": 1, "video_duration": task.units["video_seconds"]}


class DashScopeDrawings(DashScopeTasks, frozen=True, kw_only=True):
    """Counts images; those that fail it does not charge. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/api/v1/services/aigc/text2image/image-synthesis"

    def units(self, body: bytes) -> dict[str, int]:
        asked = _decode(body)
        return {} if fails(asked.input.prompt) else {"images": asked.parameters.n}

    def made(self, task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
        wanted = task.units["images"]
        results = [{"url": task.picture(number)} for number in range(wanted)]
        metrics = {"TOTAL": wanted, "SUCCEEDED": wanted, "FAILED": 0}
        return {"results": results, "task_metrics": metrics}, {"image_count": wanted}
