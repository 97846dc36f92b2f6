"""Images and videos of DashScope's own API, which its compatible one lacks. Sources: dashscope 2.0.2, higress, new-api.

Videos are charged by the second, and their length has to be named, so that it is known what one costs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import Member
from fenli.wire.services import Delivered, Reply, ServiceRequest
from fenli.wire.services.images import Images, addresses_alone, wanted
from fenli.wire.services.tasks import Errand, Failed, drawn, taken_on
from fenli.wire.services.usage import came_to, counted
from fenli.wire.services.videos import Film, Status, begun, seconds_of

# The header with which a request asks for a task.
DASHSCOPE_LATER: Final = b"X-DashScope-Async: enable\r\n"
_encode = msgspec.json.encode


class _Part(msgspec.Struct):
    image: str | None = None


class _Message(msgspec.Struct):
    content: list[_Part]


class _Choice(msgspec.Struct):
    message: _Message


class _Pictures(msgspec.Struct):
    choices: list[_Choice]


class _Images(msgspec.Struct):
    output: _Pictures
    request_id: str | None = None


class _Result(msgspec.Struct):
    url: str | None = None
    actual_prompt: str | None = None


class _Task(msgspec.Struct):
    task_id: str = ""
    task_status: str = "UNKNOWN"
    video_url: str | None = None
    results: list[_Result] = []
    code: str | None = None
    message: str | None = None


class _Told(msgspec.Struct):
    output: _Task
    request_id: str | None = None


_decode_images = msgspec.json.Decoder(_Images).decode
_decode_told = msgspec.json.Decoder(_Told).decode
_WAITING: Final = {"PENDING": Status.QUEUED, "RUNNING": Status.IN_PROGRESS, "SUSPENDED": Status.IN_PROGRESS}
_NOTHING: Final = ("FAILED", "CANCELED")

# Images between texts at most, where a request names no number.
INTERLEAVED: Final = 5

# What of a request belongs to what is to be made, for models whose prompt is no message, and for videos.
_GIVEN: Final = ("negative_prompt", "ref_img", "sketch_image_url", "images")
_FILMED: Final = (
    "negative_prompt", "template", "audio_url", "first_frame_url", "last_frame_url", "head_frame", "tail_frame",
)  # fmt: skip


class DashScopeImages(Images, frozen=True):
    """Implements `fenli.wire.services.Codec`: what is asked for is a message, and an image a part of the answer's."""

    def check(self, ask: ServiceRequest) -> None:
        addresses_alone(ask, "DashScope")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        text = {"text": msgspec.Raw(ask.fields["prompt"])}
        given = {"messages": [{"role": "user", "content": [text]}]}
        parameters = _drawing(ask, ("model", "prompt", "response_format"))
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode_images(reply.data)
        parts = [part for choice in found.output.choices for part in choice.message.content]
        data = [{"url": part.image} for part in parts if part.image]
        if not data:
            raise ValueError("it has no image")
        body = _encode({"id": found.request_id, "created": reply.at // SECOND, "data": data})
        return Delivered(body=body, usage=came_to("images", len(data)), id=found.request_id)


class DashScopeDrawn(DashScopeImages, frozen=True):
    """Images that are a task, by models before wan2.6. Implements `fenli.wire.services.tasks.Awaited`."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        given = {"prompt": msgspec.Raw(ask.fields["prompt"])}
        given |= {name: msgspec.Raw(ask.fields[name]) for name in _GIVEN if name in ask.fields}
        parameters = _drawing(ask, ("model", "prompt", "response_format", *_GIVEN))
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return taken_on(_decode_told(reply.data).output.task_id)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/api/v1/tasks/{task}")

    def outcome(self, ask: ServiceRequest, reply: Reply) -> Delivered | Failed | None:
        told = _decode_told(reply.data)
        task = told.output
        if task.task_status == "SUCCEEDED":
            return drawn([_picture(one) for one in task.results if one.url], reply.at, task.task_id or told.request_id)
        if task.task_status in _WAITING:
            return None
        if task.task_status not in _NOTHING:  # it no longer knows the task, which may have been charged
            raise ValueError(f"its status is {task.task_status[:40]!r}")
        return Failed(_encode({"code": task.code or task.task_status, "message": task.message or ""}))


class DashScopeFilms(msgspec.Struct, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        if seconds_of(ask.fields) is None:
            message = "DashScope charges videos by the second: say how long yours is to be ('seconds')"
            raise CallRefused(Code.INVALID_VALUE, message, "seconds")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        given = {"prompt": msgspec.Raw(ask.fields["prompt"])}
        if "input_reference" in ask.fields:
            given["img_url"] = msgspec.Raw(ask.fields["input_reference"])
        given |= {name: msgspec.Raw(ask.fields[name]) for name in _FILMED if name in ask.fields}
        parameters = _parameters(ask, ("model", "prompt", "seconds", "input_reference", *_FILMED))
        parameters["duration"] = seconds_of(ask.fields)
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return begun(ask, _decode_told(reply.data).output.task_id, reply)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "video_seconds")

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/api/v1/tasks/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_told(data).output
        if task.task_status == "SUCCEEDED":
            return Film.there(task.video_url)
        waiting = _WAITING.get(task.task_status)
        return Film(Status.FAILED, error=task.message or task.task_status) if waiting is None else Film(waiting)

    def cancelled(self, task: str) -> Errand | None:
        """Taken only while it has not been begun."""
        return Errand(f"/api/v1/tasks/{task}/cancel", b"POST")


def _picture(made: _Result) -> dict[str, Any]:
    """As callers read it; ``revised_prompt`` is what was made of theirs."""
    return {"url": made.url} | ({"revised_prompt": made.actual_prompt} if made.actual_prompt else {})


def at_most_drawn(ask: ServiceRequest) -> dict[str, int]:
    """The images that a request may come to: texts with images between them have a number of their own."""
    between = ask.value("enable_interleave", bool, "true or false")
    most = ask.value("max_images", int, "a whole number") or (INTERLEAVED if between else 1)
    return {"images": max(wanted(ask), most)}


def _drawing(ask: ServiceRequest, apart: tuple[str, ...]) -> dict[str, Any]:
    """With the number of images always: left to themselves, most models make four, and each is charged."""
    return _parameters(ask, apart) | {"n": wanted(ask)}


def _parameters(ask: ServiceRequest, apart: tuple[str, ...]) -> dict[str, Any]:
    """Everything that is no part of what is to be made; a size has a star between its numbers here."""
    fields: dict[str, Member | str | None] = {
        name: msgspec.Raw(value) for name, value in ask.fields.items() if name not in apart
    }
    if "size" in fields:
        size: str | None = ask.value("size", str, "WIDTHxHEIGHT")
        fields["size"] = None if size is None else size.replace("x", "*")
    return dict(fields)
