"""MiniMax's videos, by its first API and by its second."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from fenli.market.requests import Ask
from fenli.market.services.films import Content, Films, Task, behind

USUAL: Final = 6  # seconds of a clip of Hailuo
_GOOD: Final = {"base_resp": {"status_code": 0, "status_msg": "success"}}


class _Prompt(msgspec.Struct):
    prompt: str
    duration: int | None = None
    resolution: str | None = None


class _Content(Content):
    duration: int = 5
    resolution: str = "768P"


_decode_prompt = msgspec.json.Decoder(_Prompt).decode
_decode_content = msgspec.json.Decoder(_Content).decode


class MiniMaxFilms(Films, frozen=True, kw_only=True):
    """A film is a file in the end, whose address is told apart. Its file has the task's name. Implements
    `FilmShape`."""

    path: str = "/v1/video_generation"
    asks: str = "/v1/query/video_generation"
    files: str = "/v1/files/retrieve"

    def prompt(self, body: bytes) -> str:
        asked = _decode_prompt(body)
        if asked.duration not in (None, 6, 10):
            raise ValueError(f"duration: {asked.duration} is not 6 or 10")
        return asked.prompt

    def resolution(self, body: bytes) -> str:
        """With the length where it is not the usual one."""
        asked = _decode_prompt(body)
        longer = "" if asked.duration in (None, USUAL) else f" {asked.duration}s"
        return (asked.resolution or "768P").lower() + longer

    def begun(self, task: Task) -> dict[str, Any]:
        return {"task_id": task.id, **_GOOD}

    def asked(self, ask: Ask) -> str | None:
        if ask.method != "GET" or ask.path not in (self.asks, self.files):
            return None
        query = parse_qs(urlsplit(ask.target).query)
        return next(iter(query.get("task_id" if ask.path == self.asks else "file_id", ())), None)

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        told = self.begun(task)
        if ask.path == self.files:
            return told | {"file": {"file_id": task.id, "download_url": task.url}} if now >= task.ends else None
        if now < task.ends:
            return told | {"status": "Queueing" if task.waits(now) else "Processing"}
        return told | ({"status": "Fail"} if task.fails else {"status": "Success", "file_id": task.id})


class MiniMaxH3Films(Films, frozen=True, kw_only=True):
    """Counts seconds and images, and can be called off while it waits. Implements
    `fenli.market.services.films.FilmShape`."""

    path: str = "/v2/video_generation"
    asks: str = "/v2/query/video_generation/"

    def prompt(self, body: bytes) -> str:
        asked = _decode_content(body)
        text = asked.text
        if text is None or not 4 <= asked.duration <= 15 or asked.resolution not in ("480P", "768P", "2K"):
            raise ValueError(f"content, duration ({asked.duration}) or resolution ({asked.resolution})")
        return text

    def units(self, body: bytes) -> dict[str, int]:
        asked = _decode_content(body)
        images = sum(part.type == "image_url" for part in asked.content)
        units = {"video_seconds": asked.duration}
        return units | {"input_images": images} if images else units

    def resolution(self, body: bytes) -> str:
        return _decode_content(body).resolution.lower()

    def begun(self, task: Task) -> dict[str, Any]:
        return {"task_id": task.id, **_GOOD}

    def asked(self, ask: Ask) -> str | None:
        return behind(self.path + "/", ask, "DELETE") or behind(self.asks, ask, "GET")

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        if ask.method == "DELETE":
            if not task.waits(now):
                raise ValueError("the task is not queued, so that it cannot be cancelled")
            task.cancelled = True
            return {"task_id": task.id, "status": "cancelled"}
        told: dict[str, Any] = {"id": task.id, "model": task.model, "status": "queued"}
        if task.cancelled:
            told |= {"status": "cancelled", "error": {"code": "cancelled", "message": "it was called off"}}
        elif now < task.ends:
            told["status"] = "queued" if task.waits(now) else "running"
        elif task.fails:
            told |= {"status": "failed", "error": {"code": "InternalError", "message": "it went wrong"}}
        else:
            usage = {
                "output_seconds": task.units["video_seconds"],
                "input_image_count": task.units.get("input_images", 0),
            }
            told |= {"status": "succeeded", "content": {"url": task.url}, "usage": usage}
        return {"task": told, **_GOOD}
