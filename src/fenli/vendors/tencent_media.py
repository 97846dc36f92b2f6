"""Hunyuan's images and videos: at TokenHub by names in lower case, and by jobs of the signed API.

Sources: TokenHub's guide to images and videos (1823/130081, 1823/135716) as open clients quote it, LiteLLM;
tencentcloud-sdk-python-hunyuan 3.1.180. Every video has five seconds, and the addresses are good for an hour.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.vendors.films import Clips
from fenli.wire.openai_chat.request import Member, encode_members
from fenli.wire.services import Delivered, Reply, ServiceRequest
from fenli.wire.services.images import Images, addresses_alone
from fenli.wire.services.tasks import Errand, Failed, drawn, taken_on
from fenli.wire.services.videos import Film, Status, begun, seconds_of

SECONDS: Final = 5
# What the signed API has a word for, by the name that callers have for it.
_WORDS: Final = {
    "n": "Num",
    "negative_prompt": "NegativePrompt",
    "style": "Style",
    "seed": "Seed",
    "clarity": "Clarity",
    "revise": "Revise",
    "logo_add": "LogoAdd",
}
_OURS: Final = ("model", "prompt", "size", "response_format")
_DONE, _FAILED = "5", "4"
_encode = msgspec.json.encode


class _At(msgspec.Struct):
    url: str | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None


class _Task(msgspec.Struct):
    id: str | None = None
    status: str = ""
    data: _At | list[_At] | None = None
    error: _Error | str | None = None

    @property
    def urls(self) -> list[str]:
        found = self.data if isinstance(self.data, list) else [self.data or _At()]
        return [one.url for one in found if one.url]

    @property
    def why(self) -> str:
        return (self.error if isinstance(self.error, str) else self.error and self.error.message) or self.status


class _Job(msgspec.Struct):
    JobId: str | None = None
    JobStatusCode: str | None = None
    JobErrorCode: str | None = None
    JobErrorMsg: str | None = None
    ResultImage: list[str] | None = None
    RevisedPrompt: list[str] | None = None


class _Response(msgspec.Struct):
    Response: _Job


_decode_task = msgspec.json.Decoder(_Task).decode
_decode_job = msgspec.json.Decoder(_Response).decode


class TokenHubDrawn(Images, frozen=True):
    """An image that is a task. Implements `fenli.wire.services.tasks.Awaited`."""

    def check(self, ask: ServiceRequest) -> None:
        addresses_alone(ask, "Hunyuan")
        if ask.value("n", int, "a whole number") not in (None, 1):
            raise CallRefused(Code.INVALID_VALUE, "Hunyuan draws one image at a time: leave 'n' out", "n")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return encode_members(_snake(ask, model))

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return taken_on(_decode_task(reply.data).id)

    def asked(self, task: str, model: bytes) -> Errand:
        return _query("/api/image/query", task, model)

    def outcome(self, ask: ServiceRequest, reply: Reply) -> Delivered | Failed | None:
        task = _decode_task(reply.data)
        match task.status:
            case "completed":
                return drawn([{"url": url} for url in task.urls], reply.at, task.id)
            case "failed" | "cancelled":
                code = None if isinstance(task.error, str) or task.error is None else task.error.code
                return Failed(_encode({"error": {"message": task.why, "code": code}}))
            case "queued" | "in_progress" | "processing" | "running":
                return None
        raise ValueError(f"its status is {task.status[:40]!r}: {task.why}")


class TokenHubLite(TokenHubDrawn, frozen=True):
    """An image that comes at once, in OpenAI's shape. Implements `fenli.wire.services.Codec`."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return encode_members(_snake(ask, model) | {"rsp_img_type": b'"url"'})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return Images.read(self, ask, reply)


class TokenHubFilms(Clips, frozen=True):
    """Implements `fenli.wire.services.videos.Filming`."""

    def check(self, ask: ServiceRequest) -> None:
        if seconds_of(ask.fields) not in (None, SECONDS):
            message = f"Hunyuan makes videos of {SECONDS} seconds: leave 'seconds' out"
            raise CallRefused(Code.INVALID_VALUE, message, "seconds")
        if "size" in ask.fields:
            message = "Hunyuan makes videos of a 'resolution' (720p): send it in place of 'size'"
            raise CallRefused(Code.INVALID_VALUE, message, "size")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        apart = ("model", "seconds", "duration", "input_reference")
        fields: dict[str, Member] = {name: value for name, value in ask.fields.items() if name not in apart}
        image: str | None = ask.value("input_reference", str, "an image")
        if image is not None:
            inline = image.startswith("data:")
            given = {"base64": image.partition(",")[2]} if inline else {"url": image}
            fields["image"] = _encode(given)
        return encode_members({"model": model, **fields})

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return begun(ask, _decode_task(reply.data).id or "", reply)

    def asked(self, task: str, model: bytes) -> Errand:
        return _query("/api/video/query", task, model)

    def told(self, data: bytes) -> Film | Errand:
        task = _decode_task(data)
        match task.status:
            case "completed":
                return Film.there(next(iter(task.urls), None))
            case "failed" | "cancelled" | "expired":
                return Film(Status.FAILED, error=task.why)
            case "queued":
                return Film(Status.QUEUED)
            case "":
                raise ValueError(f"it has no status: {task.why}")
        return Film(Status.IN_PROGRESS)


class HunyuanJobs(Images, frozen=True):
    """Images by a job of the signed API, which has one model and no name for it. Implements
    `fenli.wire.services.tasks.Awaited`."""

    def check(self, ask: ServiceRequest) -> None:
        addresses_alone(ask, "Hunyuan")
        unknown = next((name for name in ask.fields if name not in _WORDS and name not in _OURS), None)
        if unknown is not None:
            message = f"Hunyuan's signed API has no word for {unknown!r}: leave it out"
            raise CallRefused(Code.INVALID_VALUE, message, unknown)

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields: dict[str, Member] = {"Prompt": ask.fields["prompt"], **_resolution(ask, "Resolution")}
        fields |= {word: ask.fields[name] for name, word in _WORDS.items() if name in ask.fields}
        return encode_members(fields)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        return taken_on(_decode_job(reply.data).Response.JobId)

    def asked(self, task: str, model: bytes) -> Errand:
        return Errand("/", b"POST", _encode({"JobId": task}), b"X-TC-Action: QueryHunyuanImageJob\r\n")

    def outcome(self, ask: ServiceRequest, reply: Reply) -> Delivered | Failed | None:
        job = _decode_job(reply.data).Response
        if job.JobStatusCode == _DONE:
            revised = job.RevisedPrompt or []
            made = [_picture(url, revised, at) for at, url in enumerate(job.ResultImage or ()) if url]
            return drawn(made, reply.at, None)
        if job.JobStatusCode == _FAILED:
            error = {"Code": job.JobErrorCode or "FailedOperation", "Message": job.JobErrorMsg or ""}
            return Failed(_encode({"Response": {"Error": error}}))
        return None


def _picture(url: str, revised: list[str], at: int) -> dict[str, Any]:
    return {"url": url} | ({"revised_prompt": revised[at]} if at < len(revised) else {})


def _snake(ask: ServiceRequest, model: bytes) -> dict[str, Member]:
    """The members as TokenHub has them."""
    apart = ("model", "n", "size", "response_format")
    fields: dict[str, Member] = {name: value for name, value in ask.fields.items() if name not in apart}
    return {"model": model, **fields, **_resolution(ask, "resolution")}


def _resolution(ask: ServiceRequest, name: str) -> dict[str, Member]:
    """A size has a colon between its numbers here."""
    size: str | None = ask.value("size", str, "WIDTHxHEIGHT")
    return {} if size is None else {name: _encode(size.replace("x", ":"))}


def _query(path: str, task: str, model: bytes) -> Errand:
    return Errand(path, b"POST", encode_members({"model": model, "id": _encode(task)}))
