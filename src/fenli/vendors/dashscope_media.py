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
from fenli.wire.services.images import Images
from fenli.wire.services.usage import came_to, counted
from fenli.wire.services.videos import Film, Status, begun, seconds_of

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


class _Task(msgspec.Struct):
    task_id: str = ""
    task_status: str = "UNKNOWN"
    video_url: str | None = None
    message: str | None = None


class _Told(msgspec.Struct):
    output: _Task


_decode_images = msgspec.json.Decoder(_Images).decode
_decode_told = msgspec.json.Decoder(_Told).decode
_WAITING: Final = {"PENDING": Status.QUEUED, "RUNNING": Status.IN_PROGRESS, "SUSPENDED": Status.IN_PROGRESS}


class DashScopeImages(Images, frozen=True):
    """Implements `fenli.wire.services.Codec`: what is asked for is a message, and an image a part of the answer's."""

    def check(self, ask: ServiceRequest) -> None:
        if ask.value("response_format", str, "url") == "b64_json":
            message = "DashScope gives addresses of images, not the images: leave 'response_format' out"
            raise CallRefused(Code.INVALID_VALUE, message, "response_format")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        text = {"text": msgspec.Raw(ask.fields["prompt"])}
        given = {"messages": [{"role": "user", "content": [text]}]}
        parameters = _parameters(ask, ("model", "prompt", "response_format"))
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode_images(reply.data)
        parts = [part for choice in found.output.choices for part in choice.message.content]
        data = [{"url": part.image} for part in parts if part.image]
        if not data:
            raise ValueError("it has no image")
        body = _encode({"id": found.request_id, "created": reply.at // SECOND, "data": data})
        return Delivered(body=body, usage=came_to("images", len(data)), id=found.request_id)


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
        parameters = _parameters(ask, ("model", "prompt", "seconds", "input_reference"))
        parameters["duration"] = seconds_of(ask.fields)
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return begun(ask, _decode_told(reply.data).output.task_id, reply)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "video_seconds")

    def asked(self, task: str) -> str:
        return f"/api/v1/tasks/{task}"

    def told(self, data: bytes) -> Film | str:
        task = _decode_told(data).output
        if task.task_status == "SUCCEEDED":
            return Film.there(task.video_url)
        waiting = _WAITING.get(task.task_status)
        return Film(Status.FAILED, error=task.message or task.task_status) if waiting is None else Film(waiting)

    def cancelled(self, task: str) -> str | None:
        return None


def _parameters(ask: ServiceRequest, apart: tuple[str, ...]) -> dict[str, Any]:
    """Everything that is no part of what is to be made; a size has a star between its numbers here."""
    fields: dict[str, Member | str | None] = {
        name: msgspec.Raw(value) for name, value in ask.fields.items() if name not in apart
    }
    if "size" in fields:
        size: str | None = ask.value("size", str, "WIDTHxHEIGHT")
        fields["size"] = None if size is None else size.replace("x", "*")
    return dict(fields)
