"""Images and speech: pictures of one pixel and sounds that are none, counted as vendors count them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.services.service import Made, named
from fenli.sim.random import Stream

N_MAX: Final = 10
SERIES_MAX: Final = 15
PIXEL: Final = base64.b64encode(b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;").decode()  # fmt: skip # noqa: E501
TYPES: Final = {
    "mp3": b"audio/mpeg", "opus": b"audio/ogg", "aac": b"audio/aac", "flac": b"audio/flac", "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}  # fmt: skip


class _Series(msgspec.Struct, frozen=True):
    max_images: int = SERIES_MAX


class _Drawing(msgspec.Struct):
    prompt: str
    n: int | None = None
    size: str | None = None
    response_format: str | None = None
    aspect_ratio: str | None = None
    sequential_image_generation: str | None = None
    sequential_image_generation_options: _Series | None = None


class _Speaking(msgspec.Struct):
    input: str
    voice: str | None = None
    response_format: str | None = None


class _Voice(msgspec.Struct):
    voice_id: str | None = None


class _Sound(msgspec.Struct, frozen=True):
    format: str = "mp3"


class _Saying(msgspec.Struct):
    text: str
    stream: bool = False
    output_format: str = "hex"
    voice_setting: _Voice | None = None
    audio_setting: _Sound = _Sound()


_decode_drawing = msgspec.json.Decoder(_Drawing).decode
_decode_speaking = msgspec.json.Decoder(_Speaking).decode
_decode_saying = msgspec.json.Decoder(_Saying).decode


class Drawing(msgspec.Struct, frozen=True):
    """``writes_out``: images come as data URLs, whatever was asked for, and a size has to be named. ``counted``: the
    member of the usage that counts them, where there is one. ``in_series``: as many as it sees fit, where that is
    asked for: here always the most. Implements `fenli.market.services.service.Service`."""

    writes_out: bool = False
    counted: str = ""
    in_series: bool = False

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_drawing(body)
        wanted = _how_many(asked)
        if self.in_series and asked.sequential_image_generation == "auto":
            wanted = (asked.sequential_image_generation_options or _Series()).max_images
            if not 1 <= wanted <= SERIES_MAX:
                raise ValueError(f"sequential_image_generation_options.max_images: {wanted}")
        if self.writes_out and asked.size is None:
            raise ValueError("size: is required")
        if self.writes_out:
            data: list[dict[str, Any]] = [{"url": None, "b64_json": f"data:image/gif;base64,{PIXEL}"}] * wanted
        elif asked.response_format == "b64_json":
            data = [{"b64_json": PIXEL}] * wanted
        else:
            data = [{"url": _address(chance)} for _ in range(wanted)]
        answer: dict[str, Any] = {"created": at // SECOND, "model": model, "data": data}
        if self.counted:
            answer["usage"] = {self.counted: wanted}
        return Made(msgspec.json.encode(answer), units={"images": wanted}, told=answer.get("usage"))


class MiniMaxDrawing(msgspec.Struct, frozen=True):
    """Implements `fenli.market.services.service.Service`."""

    ratios: tuple[str, ...] = ("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9")

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_drawing(body)
        wanted = _how_many(asked)
        if asked.aspect_ratio is not None and asked.aspect_ratio not in self.ratios:
            raise ValueError(f"aspect_ratio: {asked.aspect_ratio}")
        if asked.response_format not in (None, "url", "base64"):
            raise ValueError(f"response_format: {asked.response_format}")
        written = asked.response_format == "base64"
        data = (
            {"image_base64": [PIXEL] * wanted} if written else {"image_urls": [_address(chance) for _ in range(wanted)]}
        )
        answer = {
            "id": chance.bytes(12).hex(), "data": data, "metadata": {"success_count": str(wanted), "failed_count": "0"},
            "base_resp": {"status_code": 0, "status_msg": "success"},
        }  # fmt: skip
        return Made(msgspec.json.encode(answer), units={"images": wanted})


class _Part(msgspec.Struct):
    text: str


class _Asking(msgspec.Struct):
    content: list[_Part]


class _Messages(msgspec.Struct):
    messages: list[_Asking]


class _Many(msgspec.Struct):
    n: int = 1
    size: str | None = None


class _Generation(msgspec.Struct):
    input: _Messages
    parameters: _Many


_decode_generation = msgspec.json.Decoder(_Generation).decode


class DashScopeDrawing(msgspec.Struct, frozen=True):
    """An image is a part of a message. Implements `fenli.market.services.service.Service`."""

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_generation(body)
        wanted, size = asked.parameters.n, asked.parameters.size
        if not 1 <= wanted <= N_MAX or (size is not None and "*" not in size):
            raise ValueError(f"n: {wanted}, size: {size}")
        if not asked.input.messages or not any(part.text for part in asked.input.messages[-1].content):
            raise ValueError("input.messages: a text is required")
        parts = [{"image": _address(chance)} for _ in range(wanted)]
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": parts}}
        usage = {"image_count": wanted}
        answer = {"request_id": chance.bytes(12).hex(), "output": {"choices": [choice]}, "usage": usage}
        return Made(msgspec.json.encode(answer), units={"images": wanted}, told=usage)


class Speaking(msgspec.Struct, frozen=True):
    """The answer is the sound. Implements `fenli.market.services.service.Service`."""

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_speaking(body)
        kind = asked.response_format or "mp3"
        if kind not in TYPES or not asked.input:
            raise ValueError(f"response_format: {kind} is not known" if asked.input else "input: is empty")
        return Made(_sound(asked.input), units={"input_characters": len(asked.input)}, content_type=TYPES[kind])


class MiniMaxSpeaking(msgspec.Struct, frozen=True):
    """A character of Chinese counts as two. Implements `fenli.market.services.service.Service`."""

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_saying(body)
        if (
            asked.stream
            or asked.output_format != "hex"
            or asked.audio_setting.format not in ("mp3", "pcm", "flac", "wav")
        ):
            raise ValueError("stream, output_format or audio_setting.format is not what is served here")
        characters = sum(2 if ord(character) > 0x2E7F else 1 for character in asked.text)
        extra = {"usage_characters": characters, "audio_format": asked.audio_setting.format}
        answer = {
            "data": {"audio": _sound(asked.text).hex(), "status": 2}, "extra_info": extra,
            "trace_id": chance.bytes(12).hex(), "base_resp": {"status_code": 0, "status_msg": "success"},
        }  # fmt: skip
        return Made(msgspec.json.encode(answer), units={"input_characters": characters}, told=extra)


def _how_many(asked: _Drawing) -> int:
    wanted = asked.n or 1
    if not asked.prompt or not 1 <= wanted <= N_MAX:
        raise ValueError(f"n: {wanted} is not between 1 and {N_MAX}" if asked.prompt else "prompt: is empty")
    return wanted


def _address(chance: Stream) -> str:
    return f"https://market.example/{chance.bytes(8).hex()}.png"


def _sound(text: str) -> bytes:
    """Bytes that only this text comes to: a hundred for every character."""
    return hashlib.shake_128(text.encode()).digest(100 * len(text))
