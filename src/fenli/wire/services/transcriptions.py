"""``/v1/audio/transcriptions`` and ``/v1/audio/translations``: a sound in, the words in it out; paid by the seconds of
the sound, by models that count tokens by those.

A request is a form. What it goes on as has the same fields and the same file, under the vendor's name of the model.
Source: openai SDK 3.54 (types/audio).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

import msgspec

from fenli.errors import CallRefused, Code, UsageError
from fenli.wire.answers import Answer
from fenli.wire.audio import length_of
from fenli.wire.multipart import Part, form_of, parts_of, plain_type
from fenli.wire.openai_chat.failures import FailureReader
from fenli.wire.openai_chat.stream import StreamAnswer
from fenli.wire.openai_chat.whole import NO_ANSWER, given
from fenli.wire.services.answer import JSON, Delivered, Reply
from fenli.wire.services.request import ServiceRequest, filled, model_name
from fenli.wire.services.usage import Count
from fenli.wire.sse import data_of

FILE: Final = "file"
MODEL: Final = "model"
FORMAT: Final = "response_format"
# The formats that are words, and not JSON.
TEXTS: Final = ("text", "srt", "vtt")
_STREAMS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}
# The event that ends a transcript which comes in pieces; it has all of it.
DONE: Final = "transcript.text.done"
# What a model may put around the words that guide it.
TEMPLATE_TOKENS: Final = 64


class AudioRequest(ServiceRequest):
    """``parts`` are its fields, ``content_type`` that of its form; ``fields`` the texts among them, as JSON."""

    content_type: bytes

    __slots__ = ("content_type", "parts", "stream")

    def __init__(self, parts: list[Part], content_type: bytes, size: int) -> None:
        texts = {part.name: msgspec.json.encode(part.text) for part in parts if part.file is None}
        model = model_name(filled(MODEL, _only(parts, MODEL).text))
        sound = _only(parts, FILE)
        if sound.file is None or not sound.data:
            what = "is empty" if sound.file is not None else "is a text"
            raise CallRefused(Code.INVALID_VALUE, f"'file' {what}: send a sound as a file, with its name", FILE)
        length = length_of(sound.data)
        sure = None if length.told is None else {"audio_seconds": length.told}
        super().__init__(dict(texts), model, size, {"audio_seconds": length.most}, sure)
        self.parts = parts
        self.content_type = plain_type(content_type)
        wanted = self.value("stream", str, "true or false") or ""
        if wanted.lower() not in _STREAMS:
            raise CallRefused(Code.INVALID_VALUE, f"'stream' must be true or false, not {wanted[:60]}", "stream")
        self.stream = _STREAMS[wanted.lower()]

    def limited(self, context: int | None, output: int | None) -> None:
        """A model that writes so many tokens is paid by those: it hears no more than it reads in all."""
        if output is None or context is None:
            return
        words = sum(len(text) for text in self.fields.values()) + TEMPLATE_TOKENS
        self.most = {"audio_input": context, "input": min(words, context), "output": output}
        self.sure = None


def parse_audio(body: bytes | memoryview, content_type: bytes) -> AudioRequest:
    """Raises CallRefused."""
    return AudioRequest([part.plain() for part in parts_of(bytes(body), content_type)], content_type, len(body))


class _Heard(msgspec.Struct):
    text: str
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    duration: msgspec.Raw = msgspec.Raw()


class _Details(msgspec.Struct):
    audio_tokens: Count | None = None
    text_tokens: Count | None = None


class _Usage(msgspec.Struct):
    seconds: Decimal | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    input_token_details: _Details | None = None


_decode = msgspec.json.Decoder(_Heard).decode
_decode_usage = msgspec.json.Decoder(_Usage).decode


class Transcriptions(msgspec.Struct, frozen=True):
    """OpenAI's shape. ``formats``: those that the vendor writes, where these are not all; ``usual``: the one to ask for
    where the caller names none, of a vendor that wants to be told. Implements `fenli.wire.services.Codec`."""

    formats: tuple[str, ...] = ()
    usual: str = ""

    def check(self, ask: ServiceRequest) -> None:
        if ask.stream:
            message = "'stream' is set, and what this model hears comes in one piece: leave it out, or ask another"
            raise CallRefused(Code.INVALID_VALUE, message, "stream")
        self.check_format(ask)

    def check_format(self, ask: ServiceRequest) -> None:
        """Raises CallRefused."""
        wanted = _format(ask)
        if self.formats and wanted is not None and wanted not in self.formats:
            message = (
                f"'response_format' is {wanted!r}, and this vendor writes {' or '.join(self.formats)}: ask for that"
            )
            raise CallRefused(Code.INVALID_VALUE, message, FORMAT)

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        assert isinstance(ask, AudioRequest)
        named = msgspec.json.decode(model, type=str).encode()
        parts = [part._replace(data=named) if part.name == MODEL else part for part in ask.parts]
        if self.usual and _format(ask) is None:
            parts = [part for part in parts if part.name != FORMAT]
            parts.append(Part.of(FORMAT, self.usual))
        return form_of(parts, ask.content_type)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        kind = reply.content_type.partition(b";")[0].strip().lower()
        if _format(ask) in TEXTS and kind != b"application/json":
            return _words(reply, kind)
        found = _decode(reply.data)
        told, lasts = given(found.usage), given(found.duration)
        usage = b'{"seconds":%b}' % lasts if told is None and lasts is not None else told
        return Delivered(body=reply.data, usage=usage, shown=told, lines=JSON, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        try:
            usage = _decode_usage(raw)
            if usage.seconds is not None:
                return {"audio_seconds": _whole(usage.seconds)}
        except (ValueError, *NO_ANSWER) as error:
            raise UsageError(f"the usage does not count: {error}: {raw[:200]!r}") from None
        return _tokens(usage, raw)


class StreamedTranscriptions(Transcriptions, frozen=True):
    """The same of models whose words come in pieces, too. Implements `fenli.wire.services.Streaming`."""

    def check(self, ask: ServiceRequest) -> None:
        self.check_format(ask)

    def streamed(self, ask: ServiceRequest, failures: FailureReader | None) -> Answer:
        return TranscriptStream()


class _Event(msgspec.Struct):
    type: str = ""
    delta: str = ""
    text: str = ""


_decode_event = msgspec.json.Decoder(_Event).decode
_NOTHING: Final = _Event()


class TranscriptStream(StreamAnswer):
    """Events of a ``type``: words in ``delta``, a speaker's in ``text``, and one that ends it with usage, for everyone
    to see."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(wants_usage=True)

    def _chunk(self, event: bytes, payload: bytes, out: list[bytes]) -> None:
        told = _event_of(payload)
        words = len((told.delta or told.text).encode())
        if not self.begun and (words or told.type == DONE):
            self._begin_with(event, words, out)
        self._note(told)
        super()._chunk(event, payload, out)
        self.upstream_id = None  # an event's id names a piece of the sound

    def _note_finish(self, event: bytes) -> None:
        self._note(_event_of(data_of(event) or b"{}"))

    def _note(self, told: _Event) -> None:
        if told.type == DONE:
            self._finished_choices.add(0)


def _event_of(payload: bytes) -> _Event:
    """One of nothing for what is none: the stream's own reader says what that means."""
    try:
        return _decode_event(payload)
    except NO_ANSWER:
        return _NOTHING


def _tokens(usage: _Usage, raw: bytes) -> dict[str, int]:
    """Raises UsageError where those of the sound cannot be told from those of the words beside it."""
    read, written, details = usage.input_tokens, usage.output_tokens, usage.input_token_details
    if not read or written is None or details is None or details.audio_tokens is None:
        raise UsageError(f"the usage tells neither seconds nor tokens of sound: {raw[:200]!r}")
    heard = details.audio_tokens
    beside = read - heard
    if beside < 0 or beside != (beside if details.text_tokens is None else details.text_tokens):
        raise UsageError(f"the usage reads {read} tokens, and says others of what they are: {raw[:200]!r}")
    if usage.total_tokens is not None and usage.total_tokens != read + written:
        raise UsageError(f"the usage comes to {read + written} tokens, and says {usage.total_tokens}: {raw[:200]!r}")
    return {"audio_input": heard, "input": beside, "output": written}


def _words(reply: Reply, kind: bytes) -> Delivered:
    """Of an answer that is the transcript itself. Raises ValueError for what is none."""
    if kind == b"text/html":
        raise ValueError("it is a page")
    if not reply.data:
        raise ValueError("it is empty")
    reply.data.decode()
    return Delivered(body=reply.data, usage=None, lines=b"content-type: text/plain; charset=utf-8\r\n")


def _whole(seconds: Decimal) -> int:
    """Begun seconds count. Raises ValueError for what is no length of a sound."""
    if not seconds.is_finite() or not 0 < seconds <= 10**9:
        raise ValueError(f"{seconds} seconds are none")
    return int(seconds.to_integral_value(ROUND_CEILING))


def _format(ask: ServiceRequest) -> str | None:
    wanted: str | None = ask.value(FORMAT, str, "a text")
    return wanted or None


def _only(parts: list[Part], name: str) -> Part:
    found = [part for part in parts if part.name == name]
    if len(found) == 1:
        return found[0]
    what = f"is there {len(found)} times" if found else "is missing"
    raise CallRefused(Code.INVALID_VALUE, f"{name!r} {what}: the form must have one", name)
