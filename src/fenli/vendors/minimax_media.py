"""MiniMax's images and speech, which have shapes of their own. Sources: minimax-mcp 0.0.19, litellm, open clients.

A failure has a number in ``base_resp`` of a body with a 200; speech comes as hexadecimal text.
"""

from __future__ import annotations

from math import gcd
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import encode_members
from fenli.wire.services import Delivered, Reply, ServiceRequest
from fenli.wire.services.speech import SOUNDS, sound_lines, sound_of
from fenli.wire.services.usage import came_to, counted

RATIOS: Final = ("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9")
FORMATS: Final = ("mp3", "pcm", "flac", "wav")


class _Made(msgspec.Struct):
    image_urls: list[str] | None = None
    image_base64: list[str] | None = None


class _Images(msgspec.Struct):
    data: _Made
    id: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()


class _Sound(msgspec.Struct):
    audio: str


class _Extra(msgspec.Struct, frozen=True):
    usage_characters: int | None = None


class _Speech(msgspec.Struct):
    data: _Sound
    extra_info: _Extra = _Extra()
    trace_id: str | None = None


_decode_images = msgspec.json.Decoder(_Images).decode
_decode_speech = msgspec.json.Decoder(_Speech).decode
_encode = msgspec.json.encode


class MiniMaxImages(msgspec.Struct, frozen=True):
    """``size`` becomes a ratio, ``b64_json`` what MiniMax calls it. Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        _ratio(ask)

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        fields = {name: value for name, value in ask.fields.items() if name != "size"}
        fields["model"] = model
        ratio = _ratio(ask)
        if ratio is not None:
            fields["aspect_ratio"] = _encode(ratio)
        if ask.value("response_format", str, "url or b64_json") == "b64_json":
            fields["response_format"] = b'"base64"'
        return encode_members(fields)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode_images(reply.data)
        data = [{"url": url} for url in found.data.image_urls or ()]
        data += [{"b64_json": image} for image in found.data.image_base64 or ()]
        if not data:
            raise ValueError("it has no image")
        usage = came_to("images", len(data), {"metadata": found.metadata})
        body = _encode({"id": found.id, "created": reply.at // SECOND, "data": data})
        return Delivered(body=body, usage=usage, id=found.id)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "images")


class MiniMaxSpeech(msgspec.Struct, frozen=True):
    """``input``, ``voice`` and ``response_format`` become MiniMax's own members; the caller's ``voice_setting`` and
    ``audio_setting`` win. What it charged for, it tells. Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        ask.value("voice", str, "the name of a voice")
        ask.value("speed", float, "a number")
        sound = sound_of(ask)
        if sound not in FORMATS:
            message = f"MiniMax speaks {', '.join(FORMATS)}, not {sound}: ask for one of them"
            raise CallRefused(Code.INVALID_VALUE, message, "response_format")

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        said = ("model", "input", "voice", "speed", "response_format", "stream_format", "instructions")
        fields = {name: value for name, value in ask.fields.items() if name not in said}
        fields |= {"model": model, "text": ask.fields["input"], "stream": b"false", "output_format": b'"hex"'}
        voice = {"voice_id": ask.value("voice", str, "the name of a voice"), "speed": ask.value("speed", float, "")}
        named = {name: value for name, value in voice.items() if value is not None}
        fields["voice_setting"] = _merged(named, ask.fields.get("voice_setting"))
        fields["audio_setting"] = _merged({"format": sound_of(ask)}, ask.fields.get("audio_setting"))
        return encode_members(fields)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode_speech(reply.data)
        sound = bytes.fromhex(found.data.audio)
        if not sound:
            raise ValueError("it has no sound")
        told = found.extra_info.usage_characters
        usage = None if told is None else came_to("input_characters", told)
        return Delivered(body=sound, usage=usage, lines=sound_lines(SOUNDS[sound_of(ask)]), id=found.trace_id)

    def meters(self, raw: bytes) -> dict[str, int]:
        return counted(raw, "input_characters")


def _ratio(ask: ServiceRequest) -> str | None:
    """The ratio of the caller's ``size``; None without one. Raises CallRefused."""
    size: str | None = ask.value("size", str, "WIDTHxHEIGHT")
    if size is None or size == "auto":
        return None
    width, _, height = size.partition("x")
    if width.isdigit() and height.isdigit() and int(width) and int(height):
        common = gcd(int(width), int(height))
        ratio = f"{int(width) // common}:{int(height) // common}"
        # A screen twenty-one wide and nine high is seven to three.
        ratio = "21:9" if ratio == "7:3" else ratio
        if ratio in RATIOS:
            return ratio
    message = f"MiniMax makes images of {', '.join(RATIOS)}, and {size!r} is none of these: send such as 1024x1024"
    raise CallRefused(Code.INVALID_VALUE, message, "size")


def _merged(own: dict[str, Any], given: bytes | msgspec.Raw | None) -> bytes:
    """JSON of ``own`` with the caller's members over it; what is no object is the vendor's to refuse."""
    if given is None:
        return _encode(own)
    try:
        return _encode(own | msgspec.json.decode(given, type=dict[str, msgspec.Raw]))
    except msgspec.DecodeError:
        return bytes(given)
