"""``/v1/audio/speech``: a text in, sound out; paid by the characters of the text."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import Members, ServiceRequest, filled

SOUNDS: Final[dict[str, bytes]] = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}
MP3: Final = "mp3"
_FORMATS: Final = f"one of {', '.join(SOUNDS)}"
_SOUND: Final = re.compile(rb"audio/[a-z0-9.+-]+")


def parse_speech(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused. A vendor may count a character of Chinese as two: never as more than its bytes."""
    members = Members(body)
    text: str = filled("input", members.required("input", str, "a text"))
    if members.optional("stream_format", str, "audio") == "sse":
        message = "'stream_format' is 'sse', and speech comes in one piece here: leave it out, or write 'audio'"
        raise CallRefused(Code.INVALID_VALUE, message, "stream_format")
    members.optional("response_format", str, _FORMATS)
    return members.request({"input_characters": len(text.encode())}, {"input_characters": len(text)})


def sound_of(ask: ServiceRequest) -> str:
    """The format that the caller wants."""
    wanted: str | None = ask.value("response_format", str, _FORMATS)
    return wanted or MP3


def sound_lines(content_type: bytes) -> bytes:
    return b"content-type: %b\r\n" % content_type


class Speech(msgspec.Struct, frozen=True):
    """The answer is the sound itself, and tells no usage: the characters of the text are what is paid, so the vendor's
    number is ours to count. Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return ask.spliced(model)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        if not reply.data:
            raise ValueError("it is empty")
        kind = reply.content_type.partition(b";")[0].strip().lower()
        if kind.startswith((b"text/", b"application/json")):
            raise ValueError(f"{kind.decode('ascii', 'replace')} is no sound")
        kind = kind if _SOUND.fullmatch(kind) else SOUNDS.get(sound_of(ask), b"audio/mpeg")
        lines = sound_lines(kind)
        return Delivered(body=reply.data, usage=None, lines=lines)

    def meters(self, raw: bytes) -> dict[str, int]:
        raise UsageError(f"speech tells no usage: {raw[:200]!r}")
