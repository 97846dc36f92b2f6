"""Videos at Zhipu, Ark and Huawei: a task is begun, asked after, and has an address in the end.

Sources: zai-sdk 0.2.3, volcengine-ark-runtime 5.0.54, Huawei's user manual (2025-09 and 2025-10).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import Member, encode_members
from fenli.wire.services import Delivered, Reply, ServiceRequest
from fenli.wire.services.tasks import Errand
from fenli.wire.services.videos import Film, Status, begun, clips, seconds_of

_encode = msgspec.json.encode
# Its older models write a size with a star between the numbers.
_STARRED: Final = re.compile(rb'"wanx?2\.1', re.IGNORECASE)
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


class Content(msgspec.Struct):
    """Each vendor has its own name for where a video is."""

    video_url: str | None = None
    result_url: str | None = None
    url: str | None = None


class _Error(msgspec.Struct):
    message: str | None = None


class ContentTask(msgspec.Struct):
    """A task as Ark, Huawei and MiniMax's second API tell of it."""

    status: str
    content: Content | None = None
    error: _Error | None = None

    @property
    def made(self) -> Content:
        return self.content or Content()

    def film(self, url: str | None, lost: tuple[str, ...]) -> Film:
        """``url``: where the video is, once it is there. ``lost``: how the vendor says that none will be. Raises
        ValueError."""
        if self.status == "succeeded":
            return Film.there(url)
        if self.status in lost:
            said = None if self.error is None else self.error.message
            return Film(Status.FAILED, error=said or self.status)
        return Film(Status.QUEUED if self.status == "queued" else Status.IN_PROGRESS)


_decode_begun = msgspec.json.Decoder(_Begun).decode
_decode_zhipu = msgspec.json.Decoder(_ZhipuTask).decode
_decode_content = msgspec.json.Decoder(ContentTask).decode


class Clips(msgspec.Struct, frozen=True):
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


class ZhipuFilms(Clips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = passed(ask, model)
        fields["prompt"] = ask.fields["prompt"]
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


class PartedClips(Clips, frozen=True):
    """Of what is said in parts, as a chat's messages are, and has no size but a resolution and a ratio."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = passed(ask, model)
        parts: list[dict[str, Any]] = [{"type": "text", "text": msgspec.Raw(ask.fields["prompt"])}]
        if "input_reference" in ask.fields:
            image = {"url": msgspec.Raw(ask.fields["input_reference"])}
            parts.append({"type": "image_url", "image_url": image, "role": "first_frame"})
        fields.setdefault("content", _encode(parts))
        return encode_members(fields)

    def refuse_size(self, ask: ServiceRequest, maker: str) -> None:
        """Raises CallRefused."""
        if "size" in ask.fields:
            message = f"{maker} makes videos of a 'resolution' and a 'ratio': send these in place of 'size'"
            raise CallRefused(Code.INVALID_VALUE, message, "size")


class ArkFilms(PartedClips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        self.refuse_size(ask, "Ark")

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/contents/generations/tasks/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_content(data)
        return task.film(task.made.video_url, lost=("failed", "cancelled", "expired"))

    def cancelled(self, task: str) -> Errand | None:
        return Errand(f"/contents/generations/tasks/{task}", b"DELETE")


class HuaweiFilms(Clips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`. What it charges a video by is not known."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        given = {"prompt": msgspec.Raw(ask.fields["prompt"])}
        if "input_reference" in ask.fields:
            given["img_url"] = msgspec.Raw(ask.fields["input_reference"])
        parameters: dict[str, Any] = {
            name: msgspec.Raw(value) for name, value in ask.fields.items() if name not in _OURS
        }
        size = ask.value("size", str, "WIDTHxHEIGHT")
        if size is not None and _STARRED.match(model):
            parameters["size"] = size.replace("x", "*")
        seconds = seconds_of(ask.fields)
        if seconds is not None:
            parameters["duration"] = seconds
        return _encode({"model": msgspec.Raw(model), "input": given, "parameters": parameters})

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/video/generations/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_content(data)
        return task.film(task.made.result_url, lost=("failed", "timeout"))


def passed(ask: ServiceRequest, model: bytes) -> dict[str, Member]:
    """What the caller sent beside what has another name here, and how long it is to be."""
    fields: dict[str, Member] = {"model": model}
    fields |= {name: value for name, value in ask.fields.items() if name not in _OURS}
    seconds = seconds_of(ask.fields)
    if seconds is not None:
        fields["duration"] = str(seconds).encode()
    return fields
