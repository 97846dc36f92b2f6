"""Videos and images that take their time: a task is begun, asked after, and called off where its vendor lets it be.

One takes as long as an answer of `TOKENS` tokens would, and fails in the end if its prompt says FAIL. The book is
written when a task is begun, and says what was ordered.
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

import msgspec

from fenli.market.last_few import LastFew
from fenli.market.replies import Pace
from fenli.market.requests import Ask
from fenli.market.services.service import Made, named
from fenli.sim.random import Stream

TOKENS: Final = 50
CLIP: Final = {"videos": 1}


class Task(msgspec.Struct):
    """``at`` and ``ends`` are instants, ns; ``units`` what was ordered; ``fails`` in the end, or was ``cancelled``."""

    id: str
    model: str
    at: int
    ends: int
    units: dict[str, int]
    fails: bool
    cancelled: bool = False

    @property
    def url(self) -> str:
        return f"https://market.example/{self.id}.mp4"

    def picture(self, number: int) -> str:
        return f"https://market.example/{self.id}-{number}.png"

    def waits(self, now: int) -> bool:
        """For half of its time nothing is done about it."""
        return now < (self.at + self.ends) // 2


class FilmShape(Protocol):
    """How one vendor asks and tells. Paths are whole."""

    @property
    def path(self) -> str:
        """Where a task is begun."""

    def begins(self, ask: Ask) -> bool:
        """Whether this POST begins a task. Raises ValueError for what the vendor refuses."""

    def model(self, body: bytes) -> str | None:
        """Which model is asked for, where that is not the body's ``model``."""

    def prompt(self, body: bytes) -> str:
        """Raises msgspec.DecodeError, or ValueError for what the vendor refuses."""

    def units(self, body: bytes) -> dict[str, int]:
        """What it is charged for."""

    def resolution(self, body: bytes) -> str:
        """What its price hangs on, as price lists write it; empty where there is one price."""

    def begun(self, task: Task) -> dict[str, Any]: ...

    def asked(self, ask: Ask) -> str | None:
        """The id of the task that this asks after, or calls off; None where it is about none."""

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        """How far it is; None for what this vendor does not do with a task, ValueError for what it refuses."""


def fails(prompt: str) -> bool:
    return "FAIL" in prompt


def behind(start: str, ask: Ask, *methods: str) -> str | None:
    """What stands in the path behind ``start``, where this is one of the ``methods``; None where it is not."""
    return ask.path.removeprefix(start) if ask.method in methods and ask.path.startswith(start) else None


class Studio:
    """The tasks of one kind of one emulated vendor. Implements `fenli.market.services.service.Service`."""

    def __init__(self, shape: FilmShape, pace: Pace) -> None:
        self.shape = shape
        self._span = pace.first_token + TOKENS * pace.token
        self._tasks: LastFew[Task] = LastFew()

    def model(self, body: bytes) -> str:
        model = self.shape.model(body)
        return named(body).model if model is None else model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        prompt = self.shape.prompt(body)
        units = self.shape.units(body)
        task = Task(chance.bytes(12).hex(), model, at, at + self._span, units, fails(prompt))
        self._tasks.keep(task.id, task)
        begun = msgspec.json.encode(self.shape.begun(task))
        return Made(begun, units=units, resolution=self.shape.resolution(body))

    def told(self, ask: Ask, now: int) -> bytes | None:
        """None where this is about no task of ours. Raises ValueError for what the vendor refuses."""
        task = self._tasks.get(self.shape.asked(ask) or "")
        told = None if task is None else self.shape.told(task, ask, now)
        return None if told is None else msgspec.json.encode(told)


class _Prompt(msgspec.Struct):
    prompt: str
    duration: int | None = None


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class Content(msgspec.Struct):
    content: list[_Part]

    @property
    def text(self) -> str | None:
        """Of all parts that are texts; None where none is."""
        texts = [part.text for part in self.content if part.type == "text"]
        return "".join(texts) if texts else None


_decode_prompt = msgspec.json.Decoder(_Prompt).decode
_decode_content = msgspec.json.Decoder(Content).decode


class Films(msgspec.Struct, frozen=True, kw_only=True):
    """What most have in common: a path for one thing, a model in the body, a clip as the unit."""

    path: str

    def begins(self, ask: Ask) -> bool:
        return ask.path == self.path

    def model(self, body: bytes) -> str | None:
        return None

    def units(self, body: bytes) -> dict[str, int]:
        return CLIP

    def resolution(self, body: bytes) -> str:
        return ""


class ZhipuFilms(Films, frozen=True, kw_only=True):
    """Implements `FilmShape`."""

    path: str = "/api/paas/v4/videos/generations"
    asks: str = "/api/paas/v4/async-result/"

    def prompt(self, body: bytes) -> str:
        return _decode_prompt(body).prompt

    def begun(self, task: Task) -> dict[str, Any]:
        return {"id": task.id, "request_id": task.id, "model": task.model, "task_status": "PROCESSING"}

    def asked(self, ask: Ask) -> str | None:
        return behind(self.asks, ask, "GET")

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        told = self.begun(task)
        if now < task.ends:
            return told
        if task.fails:
            return told | {"task_status": "FAIL"}
        film = {"url": task.url, "cover_image_url": f"{task.url}.png"}
        return told | {"task_status": "SUCCESS", "video_result": [film]}


class ArkFilms(Films, frozen=True, kw_only=True):
    """Implements `FilmShape`."""

    path: str = "/api/v3/contents/generations/tasks"

    def prompt(self, body: bytes) -> str:
        text = _decode_content(body).text
        if text is None:
            raise ValueError("content: a text is required")
        return text

    def begun(self, task: Task) -> dict[str, Any]:
        return {"id": task.id}

    def asked(self, ask: Ask) -> str | None:
        return behind(self.path + "/", ask, "GET", "DELETE")

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        if ask.method == "DELETE":
            task.cancelled = True
            return {}
        told: dict[str, Any] = {"id": task.id, "model": task.model, "error": None}
        if task.cancelled:
            return told | {"status": "cancelled"}
        if now < task.ends:
            return told | {"status": "running" if now > task.at else "queued"}
        if task.fails:
            return told | {"status": "failed", "error": {"code": "InternalServiceError", "message": "it went wrong"}}
        return told | {"status": "succeeded", "content": {"video_url": task.url}}


class _Making(msgspec.Struct, frozen=True):
    size: str | None = None
    fps: int = 16
    duration: int = 5


class _Wish(msgspec.Struct):
    input: _Prompt
    parameters: _Making = _Making()


_decode_wish = msgspec.json.Decoder(_Wish).decode


class HuaweiFilms(Films, frozen=True, kw_only=True):
    """Implements `FilmShape`."""

    path: str = "/v1/video/generations"

    def prompt(self, body: bytes) -> str:
        asked = _decode_wish(body)
        made = asked.parameters
        if made.duration not in (3, 5) or made.fps not in (8, 16):
            raise ValueError(f"parameters: duration is 3 or 5, not {made.duration}; fps 8 or 16, not {made.fps}")
        if made.size is not None and not re.fullmatch("[0-9]+[x*][0-9]+", made.size):
            raise ValueError(f"parameters.size: {made.size}")
        return asked.input.prompt

    def begun(self, task: Task) -> dict[str, Any]:
        return {"task_id": task.id}

    def asked(self, ask: Ask) -> str | None:
        return behind(self.path + "/", ask, "GET")

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        told: dict[str, Any] = {"task_id": task.id, "error": {"code": 0, "message": ""}, "content": None}
        if now < task.ends:
            return told | {"status": "running" if now > task.at else "queued"}
        if task.fails:
            return told | {"status": "failed", "error": {"code": 500, "message": "it went wrong"}}
        return told | {"status": "succeeded", "content": {"result_url": task.url}}
