"""Videos at Zhipu, MiniMax (its first API) and Ark: a task is begun, asked after, and has an address in the end.

Sources: zai-sdk 0.2.3, minimax-mcp 0.0.19, volcengine-ark-runtime 5.0.54.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import Member, encode_members
from fenli.wire.services import Delivered, Reply, ServiceRequest
from fenli.wire.services.tasks import Errand
from fenli.wire.services.videos import Film, Status, begun, clips, seconds_of

_encode = msgspec.json.encode
_OURS: Final = ("prompt", "seconds", "input_reference", "model")


class _Begun(msgspec.Struct):
    id: str | None = None
    task_id: str | None = None


class _Result(msgspec.Struct):
    url: str | None = None
    cover_image_url: str | None = None


class _ZhipuTask(msgspec.Struct):
    task_status: str
    video_result: list[_Result] | None = None


class _MiniMaxTask(msgspec.Struct):
    status: str
    file_id: str | int | None = None


class _File(msgspec.Struct):
    download_url: str


class _Filed(msgspec.Struct):
    file: _File


class _Content(msgspec.Struct):
    video_url: str | None = None


class _Error(msgspec.Struct):
    message: str | None = None


class _ArkTask(msgspec.Struct):
    status: str
    content: _Content | None = None
    error: _Error | None = None


_decode_begun = msgspec.json.Decoder(_Begun).decode
_decode_zhipu = msgspec.json.Decoder(_ZhipuTask).decode
_decode_minimax = msgspec.json.Decoder(_MiniMaxTask).decode
_decode_filed = msgspec.json.Decoder(_Filed).decode
_decode_ark = msgspec.json.Decoder(_ArkTask).decode


class _Clips(msgspec.Struct, frozen=True):
    """What they share: a task is paid as one clip when it is taken on."""

    def check(self, ask: ServiceRequest) -> None:
        pass

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode_begun(reply.data)
        return begun(ask, found.task_id or found.id or "", reply)

    def meters(self, raw: bytes) -> dict[str, int]:
        return clips(raw)

    def cancelled(self, task: str) -> Errand | None:
        return None


class ZhipuFilms(_Clips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = _passed(ask, model)
        fields["prompt"] = ask.fields["prompt"]
        seconds = seconds_of(ask.fields)
        if seconds is not None:
            fields["duration"] = str(seconds).encode()
        if "input_reference" in ask.fields:
            fields["image_url"] = ask.fields["input_reference"]
        return encode_members(fields)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/async-result/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_zhipu(data)
        if task.task_status == "FAIL":
            return Film(Status.FAILED, error="the vendor says no more than that")
        if task.task_status != "SUCCESS":
            return Film(Status.IN_PROGRESS)
        url = next((result.url for result in task.video_result or () if result.url), None)
        return Film.there(url)


class MiniMaxFilms(_Clips, frozen=True):
    """A video is a file of its own, whose address is asked for once it is there. Implements
    `fenli.wire.services.videos.Filming`."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = _passed(ask, model)
        fields["prompt"] = ask.fields["prompt"]
        fields.pop("size", None)
        seconds = seconds_of(ask.fields)
        if seconds is not None:
            fields["duration"] = str(seconds).encode()
        if "input_reference" in ask.fields:
            fields["first_frame_image"] = ask.fields["input_reference"]
        return encode_members(fields)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/query/video_generation?task_id={task}")

    def told(self, data: bytes) -> Film | Errand:
        try:
            return Film.there(_decode_filed(data).file.download_url)
        except msgspec.ValidationError:
            task = _decode_minimax(data)
        if task.status == "Success":
            name = str(task.file_id)
            if not name.isalnum():
                raise ValueError("it names no file")
            return Errand(f"/files/retrieve?file_id={name}")
        if task.status == "Fail":
            return Film(Status.FAILED, error="the vendor says no more than that")
        return Film(Status.IN_PROGRESS if task.status == "Processing" else Status.QUEUED)


class ArkFilms(_Clips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        if "size" in ask.fields:
            message = "Ark makes videos of a 'resolution' and a 'ratio': send these in place of 'size'"
            raise CallRefused(Code.INVALID_VALUE, message, "size")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = _passed(ask, model)
        parts: list[dict[str, Any]] = [{"type": "text", "text": msgspec.Raw(ask.fields["prompt"])}]
        if "input_reference" in ask.fields:
            image = {"url": msgspec.Raw(ask.fields["input_reference"])}
            parts.append({"type": "image_url", "image_url": image, "role": "first_frame"})
        seconds = seconds_of(ask.fields)
        if seconds is not None:
            fields["duration"] = str(seconds).encode()
        fields.setdefault("content", _encode(parts))
        return encode_members(fields)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/contents/generations/tasks/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_ark(data)
        match task.status:
            case "succeeded":
                return Film.there(None if task.content is None else task.content.video_url)
            case "failed" | "cancelled" | "expired":
                said = None if task.error is None else task.error.message
                return Film(Status.FAILED, error=said or task.status)
            case "queued":
                return Film(Status.QUEUED)
        return Film(Status.IN_PROGRESS)

    def cancelled(self, task: str) -> Errand | None:
        return Errand(f"/contents/generations/tasks/{task}", b"DELETE")


def _passed(ask: ServiceRequest, model: bytes) -> dict[str, Member]:
    """What the caller sent beside what has another name here."""
    return {"model": model} | {name: value for name, value in ask.fields.items() if name not in _OURS}
