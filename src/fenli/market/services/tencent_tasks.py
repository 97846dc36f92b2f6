"""Hunyuan's images and videos: TokenHub's tasks, an image that comes at once, and jobs of the signed API."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.requests import Ask
from fenli.market.services.films import Films, Task, fails
from fenli.market.services.media import PIXEL
from fenli.market.services.service import Made, named
from fenli.sim.random import Stream

PROMPT_MAX: Final = 200  # characters of what is to be filmed
NUM_MAX: Final = 4
JOBS_MODEL: Final = "hunyuan-image"
_RESOLUTION: Final = re.compile("[0-9]+:[0-9]+")


class _Asked(msgspec.Struct):
    model: str
    id: str


class _Image(msgspec.Struct):
    url: str | None = None
    base64: str | None = None


class _Drawing(msgspec.Struct):
    prompt: str
    resolution: str | None = None
    rsp_img_type: str = "base64"


class _Filming(msgspec.Struct):
    prompt: str = ""
    image: _Image | None = None
    resolution: str = "720p"


class _Submission(msgspec.Struct):
    Prompt: str
    Num: int = 1
    Resolution: str | None = None


class _Query(msgspec.Struct):
    JobId: str


_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_drawing = msgspec.json.Decoder(_Drawing).decode
_decode_filming = msgspec.json.Decoder(_Filming).decode
_decode_submission = msgspec.json.Decoder(_Submission).decode
_decode_query = msgspec.json.Decoder(_Query).decode


class TokenHubTasks(Films, frozen=True, kw_only=True):
    """What both have in common: a question is a POST that names model and task."""

    asks: str

    def begun(self, task: Task) -> dict[str, Any]:
        return {"id": task.id, **_told(task, "queued")}

    def asked(self, ask: Ask) -> str | None:
        return _decode_asked(ask.body).id if (ask.method, ask.path) == ("POST", self.asks) else None

    def unmade(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        """What is told of a task that has made nothing; None where there is something to show."""
        if _decode_asked(ask.body).model.partition("!")[0] != task.model:
            raise ValueError("the task is of another model")
        if now < task.ends:
            return _told(task, "queued" if task.waits(now) else "in_progress")
        wrong = {"message": "it went wrong", "code": "FailedOperation"}
        return _told(task, "failed", error=wrong) if task.fails else None


class TokenHubDrawings(TokenHubTasks, frozen=True, kw_only=True):
    """One image; one that fails is not charged. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/v1/api/image/submit"
    asks: str = "/v1/api/image/query"

    def prompt(self, body: bytes) -> str:
        return _drawing(body).prompt

    def units(self, body: bytes) -> dict[str, int]:
        return {} if fails(_decode_drawing(body).prompt) else {"images": 1}

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any]:
        return self.unmade(task, ask, now) or _told(task, "completed", data=[{"url": task.picture(0)}])


class TokenHubFilms(TokenHubTasks, frozen=True, kw_only=True):
    """Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/v1/api/video/submit"
    asks: str = "/v1/api/video/query"

    def prompt(self, body: bytes) -> str:
        asked = _decode_filming(body)
        image = asked.image or _Image()
        if not (asked.prompt or image.url or image.base64) or len(asked.prompt) > PROMPT_MAX:
            raise ValueError(f"prompt: needs up to {PROMPT_MAX} characters, or an image")
        if asked.resolution != "720p":
            raise ValueError(f"resolution: {asked.resolution} is not 720p")
        return asked.prompt

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any]:
        return self.unmade(task, ask, now) or _told(task, "completed", data={"url": task.url})


class TokenHubLite(msgspec.Struct, frozen=True):
    """Implements `fenli.market.services.service.Service`."""

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        by_address = _drawing(body).rsp_img_type == "url"
        made = {"url": f"https://market.example/{chance.bytes(12).hex()}.png"} if by_address else {"b64_json": PIXEL}
        answer = {"request_id": chance.bytes(12).hex(), "created": at // SECOND, "data": [made]}
        return Made(msgspec.json.encode(answer), units={"images": 1})


class HunyuanJobs(Films, frozen=True, kw_only=True):
    """A path for everything: a header says which. Implements `fenli.market.services.films.FilmShape`."""

    path: str = "/"

    def begins(self, ask: Ask) -> bool:
        return ask.path == self.path and ask.headers.get("x-tc-action") == "SubmitHunyuanImageJob"

    def model(self, body: bytes) -> str:
        return JOBS_MODEL

    def prompt(self, body: bytes) -> str:
        asked = _decode_submission(body)
        if not 1 <= asked.Num <= NUM_MAX or (asked.Resolution and not _RESOLUTION.fullmatch(asked.Resolution)):
            raise ValueError(f"Num: {asked.Num}, Resolution: {asked.Resolution}")
        return asked.Prompt

    def units(self, body: bytes) -> dict[str, int]:
        asked = _decode_submission(body)
        return {} if fails(asked.Prompt) else {"images": asked.Num}

    def begun(self, task: Task) -> dict[str, Any]:
        return {"Response": {"JobId": task.id, "RequestId": task.id}}

    def asked(self, ask: Ask) -> str | None:
        mine = ask.path == self.path and ask.headers.get("x-tc-action") == "QueryHunyuanImageJob"
        return _decode_query(ask.body).JobId if mine else None

    def told(self, task: Task, ask: Ask, now: int) -> dict[str, Any] | None:
        said: dict[str, Any] = {"JobStatusCode": "2", "JobStatusMsg": "处理中", "JobErrorCode": "", "JobErrorMsg": ""}
        if task.waits(now):
            said |= {"JobStatusCode": "1", "JobStatusMsg": "等待中"}
        elif now >= task.ends and task.fails:
            said |= {"JobStatusCode": "4", "JobStatusMsg": "处理失败", "JobErrorCode": "FailedOperation.InnerError",
                     "JobErrorMsg": "it went wrong"}  # fmt: skip
        elif now >= task.ends:
            made = [task.picture(at) for at in range(task.units["images"])]
            said |= {
                "JobStatusCode": "5", "JobStatusMsg": "处理完成", "ResultImage": made,
                "ResultDetails": ["Success"] * len(made), "RevisedPrompt": ["what was said, and better"] * len(made),
            }  # fmt: skip
        return {"Response": {**said, "RequestId": task.id}}


def _told(task: Task, status: str, **more: Any) -> dict[str, Any]:
    return {"request_id": task.id, "created_at": task.at // SECOND, "status": status, **more}


def _drawing(body: bytes) -> _Drawing:
    asked = _decode_drawing(body)
    if not asked.prompt or (asked.resolution is not None and not _RESOLUTION.fullmatch(asked.resolution)):
        raise ValueError(f"prompt or resolution ({asked.resolution})")
    return asked
