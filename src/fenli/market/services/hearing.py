"""Sounds that emulated vendors listen to. What they hear says how long it was, and is the same for the same sound."""

from __future__ import annotations

import hashlib
import io
import wave
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.requests import Ask
from fenli.market.services.forms import data_of, parts_of
from fenli.market.services.service import DONE, EVENTS, Made, Piece, event, tokens_of
from fenli.market.usage import split_tokens
from fenli.sim.random import Stream

# Of a sound that is no WAV, whose length nobody here can tell: 128 kbit/s.
BYTES_PER_SECOND: Final = 16_000
TOKENS_PER_SECOND: Final = 10
TEXTS: Final = ("text", "srt", "vtt")
PLAIN: Final = b"text/plain; charset=utf-8"
_ENDINGS: Final = (".flac", ".m4a", ".mp3", ".mp4", ".mpeg", ".mpga", ".ogg", ".wav", ".webm")


class Sound(msgspec.Struct, frozen=True):
    """A file of a form, and the texts beside it by name; of several of one name the last."""

    name: str
    data: bytes
    texts: dict[str, str]


class Hearing(msgspec.Struct, frozen=True):
    """``formats`` are those it writes, the first unasked; ``asks_format``: one has to be named. ``tells``: what its
    usage is of, ``duration`` or nothing; ``in_tokens``: the models whose usage is tokens, and that write JSON alone;
    ``streaming``: how the names of those begin that write in pieces when asked to. ``named``: answers have a name and
    a time. ``seconds_max``: of a sound; 0 for no end. ``verb``: what it does with a sound."""

    formats: tuple[str, ...] = ("json", "text", "srt", "verbose_json", "vtt")
    asks_format: bool = False
    tells: str = "duration"
    in_tokens: tuple[str, ...] = ()
    streaming: tuple[str, ...] = ()
    named: bool = False
    seconds_max: int = 0
    verb: str = "Heard"

    def of(self, ask: Ask) -> Listening:
        return Listening(self, _sound(ask))


class Listening(msgspec.Struct, frozen=True):
    """One request of it. Implements `fenli.market.services.service.Service`."""

    at: Hearing
    sound: Sound

    def model(self, body: bytes) -> str:
        model = self.sound.texts.get("model", "")
        if not model:
            raise msgspec.DecodeError("model: is required")
        return model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        sound = self.sound
        counts = model in self.at.in_tokens
        formats = ("json",) if counts else self.at.formats
        wanted = sound.texts.get("response_format") or ("" if self.at.asks_format else formats[0])
        if wanted not in formats:
            raise ValueError(f"response_format: {wanted} is none of {', '.join(formats)}")
        lasts = seconds_of(sound.data)
        if not lasts or not sound.name.lower().endswith(_ENDINGS):
            raise ValueError(f"file: {sound.name} is no sound")
        if self.at.seconds_max and lasts > self.at.seconds_max:
            raise ValueError(f"file: lasts more than {self.at.seconds_max} seconds")
        stamp = hashlib.blake2b(sound.data, digest_size=4).hexdigest()
        text = f"{self.at.verb} {stamp} for {lasts} seconds."
        units, usage = self._counted(lasts, text, sound.texts.get("prompt", ""), counts=counts)
        if wanted in TEXTS:
            return Made(_written(wanted, text, lasts).encode(), units=units, content_type=PLAIN)
        answer: dict[str, Any] = {"text": text}
        if sound.texts.get("stream") == "true" and model.startswith(self.at.streaming):
            told = {} if usage is None else {"usage": usage}
            deltas = [{"type": "transcript.text.delta", "delta": word} for word in split_tokens(text)]
            last = {"type": "transcript.text.done", **answer, **told}
            pieces = tuple(Piece(event(said), 0) for said in (*deltas, last))
            return Made(DONE, units=units, told=usage, content_type=EVENTS, pieces=pieces)
        if self.at.named:
            answer = {
                "id": chance.bytes(12).hex(),
                "created": at // SECOND,
                "request_id": stamp,
                "model": model,
            } | answer
        if wanted == "verbose_json":
            answer |= {"task": "transcribe", "language": "english", "duration": float(lasts), "segments": []}
        if usage is not None:
            answer["usage"] = usage
        return Made(msgspec.json.encode(answer), units=units, told=usage)

    def _counted(
        self, lasts: int, text: str, prompt: str, *, counts: bool
    ) -> tuple[dict[str, int], dict[str, Any] | None]:
        """What is charged, and what is told of it."""
        if not counts:
            told = {"type": self.at.tells, "seconds": lasts} if self.at.tells else None
            return {"audio_seconds": lasts}, told
        heard, read, written = lasts * TOKENS_PER_SECOND, tokens_of(prompt) if prompt else 0, tokens_of(text)
        told = {
            "type": "tokens", "input_tokens": heard + read, "output_tokens": written,
            "input_token_details": {"text_tokens": read, "audio_tokens": heard},
            "total_tokens": heard + read + written,
        }  # fmt: skip
        return {"audio_input": heard, "input": read, "output": written}, told


def seconds_of(data: bytes) -> int:
    """Begun ones; of a WAV, by Python's own reader."""
    frames, rate = len(data), BYTES_PER_SECOND
    try:
        with wave.open(io.BytesIO(data)) as sound:
            frames, rate = sound.getnframes(), sound.getframerate()
    except (wave.Error, EOFError):
        pass
    return -(-frames // rate)


def _written(wanted: str, text: str, lasts: int) -> str:
    span = f"00:00:00,000 --> 00:{lasts // 60:02}:{lasts % 60:02},000"
    match wanted:
        case "srt":
            return f"1\n{span}\n{text}\n\n"
        case "vtt":
            return f"WEBVTT\n\n{span.replace(',', '.')}\n{text}\n\n"
    return text + "\n"


def _sound(ask: Ask) -> Sound:
    """Raises msgspec.DecodeError for what is no form with a file."""
    texts, files = {}, []
    for name, part in parts_of(ask):
        file, data = part.get_filename(), data_of(part)
        if file is not None and name == "file":
            files.append((file, data))
        else:
            texts[name] = data.decode(errors="replace")
    if len(files) != 1:
        raise msgspec.DecodeError("file: is required")
    return Sound(*files[0], texts)
