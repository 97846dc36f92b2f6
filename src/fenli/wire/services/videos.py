"""``/v1/videos``: a description in, a task out, which is asked after until its video is there; paid by the clip.

What callers read is OpenAI's video object. Its id says where the task is, so that any gateway can ask for it.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final, Protocol, runtime_checkable

import msgspec

from fenli.clock import SECOND
from fenli.errors import CallRefused, Code
from fenli.wire.services.answer import Codec, Delivered, Reply
from fenli.wire.services.handles import code_of, read_id, same_code, write_id
from fenli.wire.services.request import Members, ServiceRequest, filled
from fenli.wire.services.tasks import Errand, is_task, named_task
from fenli.wire.services.usage import counted

SECONDS_MAX: Final = 60
_PREFIX: Final = "video_"
_SIZE: Final = "WIDTHxHEIGHT"


class Status(enum.StrEnum):
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Film(msgspec.Struct, frozen=True):
    """How far a task is. ``url`` is where the video is once it is completed; ``error`` why there is none."""

    status: Status
    url: str | None = None
    error: str | None = None

    @classmethod
    def there(cls, url: str | None) -> Film:
        """Raises ValueError for what nobody can be sent to."""
        if not url or not url.startswith(("http://", "https://")) or not url.isascii() or not url.isprintable():
            raise ValueError("it is done and has no address")
        return cls(Status.COMPLETED, url)


@runtime_checkable
class Filming(Codec, Protocol):
    """How a vendor is asked for videos."""

    def asked(self, task: str, model: bytes) -> Errand:
        """How to ask how far the task is; ``model`` is the vendor's name for it, as JSON."""

    def told(self, data: bytes) -> Film | Errand:
        """What that said, or what else is to be asked. Raises ValueError, or `NO_ANSWER`."""

    def cancelled(self, task: str) -> Errand | None:
        """How to call it off; None where it cannot be."""


class Handle(msgspec.Struct, frozen=True, array_like=True):
    """``model`` is the public name, ``target`` the ``vendor/model`` that has the task; ``at`` in seconds.

    ``code`` says whose it is (`fenli.wire.services.handles`), made with the ``secret`` that the account is used by."""

    model: str
    target: str
    task: str
    at: Annotated[int, msgspec.Meta(ge=0)]
    code: str = ""

    def sealed(self, secret: str, owner: str) -> Handle:
        return msgspec.structs.replace(self, code=self._code(secret, owner))

    def belongs(self, secret: str, owner: str) -> bool:
        """Whether it was sealed for this owner."""
        return same_code(self.code, self._code(secret, owner))

    def _code(self, secret: str, owner: str) -> str:
        return code_of(secret, "video", owner, self.model, self.target, self.task, self.at)

    def __str__(self) -> str:
        return write_id(_PREFIX, self)


def read_handle(text: str) -> Handle | None:
    """None for what is no id of ours."""
    handle = read_id(_PREFIX, text, Handle)
    return handle if handle is not None and is_task(handle.task) else None


def parse_videos(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused. ``seconds`` may be a number or the text of one, as clients write it."""
    members = Members(body)
    filled("prompt", members.required("prompt", str, "a text"))
    members.optional("size", str, _SIZE)
    seconds_of(members.fields)
    return members.request({"videos": 1}, {"videos": 1})


def seconds_of(fields: dict[str, Any]) -> int | None:
    """How long it is to be; vendors call it ``duration``. Raises CallRefused."""
    said = {name: _seconds(name, fields[name]) for name in ("seconds", "duration") if name in fields}
    if len(set(said.values())) > 1:
        message = "'seconds' and 'duration' say different lengths: send 'seconds' alone"
        raise CallRefused(Code.INVALID_VALUE, message, "duration")
    return next(iter(said.values()), None)


def _seconds(name: str, value: Any) -> int | None:
    given = bytes(value).strip(b'" ')
    if given == b"null":
        return None
    if not given.isdigit() or len(given) > 3 or not 1 <= int(given) <= SECONDS_MAX:
        raise CallRefused(Code.INVALID_VALUE, f"{name!r} must be a whole number from 1 to {SECONDS_MAX}", name)
    return int(given)


def begun(ask: ServiceRequest, task: str, reply: Reply) -> Delivered:
    """The task as callers read it. Raises ValueError for what is no task's name."""
    named_task(task)
    seconds = seconds_of(ask.fields)
    video = {
        "id": task, **video_object(ask.model, reply.at // SECOND, Film(Status.QUEUED)),
        "seconds": None if seconds is None else str(seconds), "size": ask.value("size", str, _SIZE),
        "prompt": ask.value("prompt", str, "a text"),
    }  # fmt: skip
    return Delivered(body=msgspec.json.encode(video), usage=None, id=task, task=task)


def video_object(model: str, at: int, film: Film) -> dict[str, Any]:
    """OpenAI's, but for its id; ``url`` beside it."""
    error = None if film.error is None else {"code": "video_generation_failed", "message": film.error}
    progress = 100 if film.status is Status.COMPLETED else 0
    return {
        "object": "video", "model": model, "created_at": at, "status": film.status, "progress": progress,
        "error": error, "url": film.url,
    }  # fmt: skip


def by_the_second(ask: ServiceRequest) -> dict[str, int]:
    """What a video comes to where its seconds are charged; they are named in what a codec's check lets pass."""
    return {"video_seconds": seconds_of(ask.fields) or SECONDS_MAX}


def clips(raw: bytes) -> dict[str, int]:
    """Raises UsageError."""
    return counted(raw, "videos")
