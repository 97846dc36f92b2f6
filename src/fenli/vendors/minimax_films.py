"""MiniMax's videos: Hailuo's by its first API, where a video is a file in the end, and those of H3 by its second.

H3 is charged by the second and its resolution, and by the images that it is given, beyond the first five. Sources:
minimax-mcp 0.0.19, litellm (minimax/videos), open clients of the second API.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.vendors.films import Clips, ContentTask, PartedClips, passed
from fenli.wire.openai_chat.request import encode_members
from fenli.wire.services import ServiceRequest
from fenli.wire.services.tasks import Errand
from fenli.wire.services.usage import counted
from fenli.wire.services.videos import Film, Status, seconds_of

# What a video of H3, and of Hailuo, is where its request does not say.
SECONDS: Final = 5
HAILUO_SECONDS: Final = 6
RESOLUTION: Final = "768P"


class _HailuoTask(msgspec.Struct):
    status: str
    file_id: str | int | None = None


class _File(msgspec.Struct):
    download_url: str


class _Filed(msgspec.Struct):
    file: _File


class _Told(msgspec.Struct):
    task: ContentTask


class _Part(msgspec.Struct):
    type: str


_decode_hailuo = msgspec.json.Decoder(_HailuoTask).decode
_decode_filed = msgspec.json.Decoder(_Filed).decode
_decode_told = msgspec.json.Decoder(_Told).decode


class MiniMaxFilms(Clips, frozen=True):
    """A video is a file of its own, whose address is asked for once it is there. Implements
    `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        ask.value("resolution", str, "512P, 768P or 1080P")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = passed(ask, model)
        fields["prompt"] = ask.fields["prompt"]
        fields.pop("size", None)
        if "input_reference" in ask.fields:
            fields["first_frame_image"] = ask.fields["input_reference"]
        return encode_members(fields)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/query/video_generation?task_id={task}")

    def told(self, data: bytes) -> Film | Errand:
        try:
            return Film.there(_decode_filed(data).file.download_url)
        except msgspec.ValidationError:
            task = _decode_hailuo(data)
        if task.status == "Success":
            name = str(task.file_id)
            if not name.isalnum():
                raise ValueError("it names no file")
            return Errand(f"/files/retrieve?file_id={name}")
        if task.status == "Fail":
            return Film(Status.FAILED, error="the vendor says no more than that")
        return Film(Status.IN_PROGRESS if task.status == "Processing" else Status.QUEUED)


class MiniMaxH3Films(PartedClips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        self.refuse_size(ask, "MiniMax-H3")
        if "content" in ask.fields and "input_reference" in ask.fields:
            message = "'content' has the images that a video begins with: put that of 'input_reference' into it"
            raise CallRefused(Code.INVALID_VALUE, message, "input_reference")
        for at, part in enumerate(_parts(ask)):
            if part.type not in ("text", "image_url"):
                message = (
                    f"'content[{at}]' is of type {part.type[:40]!r}, which MiniMax charges by its length, which nobody "
                    f"knows beforehand: send text and image_url alone"
                )
                raise CallRefused(Code.INVALID_VALUE, message, f"content[{at}]")
        ask.value("resolution", str, "768P or 2K")

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "video_seconds")

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand(f"/v2/query/video_generation/{task}")

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_told(data).task
        return task.film(task.made.url, lost=("failed", "cancelled"))

    def cancelled(self, task: str) -> Errand | None:
        """Taken only while it waits."""
        return Errand(f"/v2/video_generation/{task}", b"DELETE")


def hailuo_facts(ask: ServiceRequest) -> dict[str, bool | str]:
    """A clip costs by its resolution and, beyond six seconds, its length: ``768p``, ``768p 10s``."""
    resolution: str = ask.value("resolution", str, "512P, 768P or 1080P") or RESOLUTION
    seconds = seconds_of(ask.fields) or HAILUO_SECONDS
    longer = "" if seconds == HAILUO_SECONDS else f" {seconds}s"
    return {"resolution": resolution.lower() + longer}


def h3_units(ask: ServiceRequest) -> dict[str, int]:
    """What a video of H3 comes to."""
    images = sum(part.type == "image_url" for part in _parts(ask)) + ("input_reference" in ask.fields)
    units = {"video_seconds": seconds_of(ask.fields) or SECONDS}
    return units | {"input_images": images} if images else units


def h3_facts(ask: ServiceRequest) -> dict[str, bool | str]:
    return {"resolution": (ask.value("resolution", str, "768P or 2K") or RESOLUTION).lower()}


def _parts(ask: ServiceRequest) -> list[_Part]:
    parts: list[_Part] | None = ask.value("content", list[_Part], "a list of parts with a type each")
    return parts or []
