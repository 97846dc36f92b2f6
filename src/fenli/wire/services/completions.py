"""``/v1/completions``: a text to go on with, or, with a ``suffix``, a gap to fill in (FIM); paid by the tokens of both.

The shape is OpenAI's. An answer is the text alone: ``choices`` of ``{text, finish_reason}``; streamed, it is that in
pieces, framed and ended as a chat's are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from fenli.wire.answers import Answer
from fenli.wire.openai_chat.failures import FailureReader, TellingStream
from fenli.wire.openai_chat.request import Streamable, encode_members
from fenli.wire.openai_chat.stream import StreamAnswer
from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, NO_ANSWER, given
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import Members, ServiceRequest, filled

# What is asked for at most where the caller names no limit, so that the worst case is known.
LIMIT: Final = 4_096
LIMIT_MAX: Final = 2**31 - 1
CHOICES_MAX: Final = 128
# What a model puts around a prompt and a suffix.
TEMPLATE_TOKENS: Final = 16


class CompletionRequest(Streamable, ServiceRequest):
    """``choices``: how many answers were asked for; ``text_size``: bytes of the prompt and the suffix."""

    __slots__ = ("choices", "stream", "text_size", "wants_usage")

    def __init__(self, members: _Members, most: dict[str, int], choices: int, text_size: int) -> None:
        super().__init__(members.fields, members.model, members.size, most, None)
        options = members.optional("stream_options", _Options, "an object with 'include_usage', true or false")
        self.stream = members.streams
        self.wants_usage = options is not None and bool(options.include_usage)
        self.choices = choices
        self.text_size = text_size

    def show_usage(self) -> None:
        self.wants_usage = True

    def estimate(self, counted: int) -> dict[str, int]:
        return {"input": max(1, self.text_size // BYTES_PER_TOKEN), "output": max(1, counted)}


class _Members(Members):
    """``streams``: whether the answer is wanted in pieces."""

    streams = False

    def streamed(self) -> None:
        self.streams = True


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Choice(msgspec.Struct):
    text: str


class _Completed(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Completed).decode


def parse_completions(body: bytes | memoryview) -> CompletionRequest:
    """Raises CallRefused. One prompt a request: several have answers that nobody could tell the cost of apart."""
    members = _Members(body)
    prompt: str = members.required("prompt", str, "a text")
    suffix: str = members.optional("suffix", str, "a text") or ""
    filled("prompt", prompt + suffix)
    limit = members.count("max_tokens", LIMIT_MAX)
    if limit is None:
        limit = LIMIT
        members.fields["max_tokens"] = str(limit).encode()
    choices, tried = (members.count(name, CHOICES_MAX) or 1 for name in ("n", "best_of"))
    size = len((prompt + suffix).encode())
    most = {"input": size + TEMPLATE_TOKENS, "output": limit * max(choices, tried)}
    return CompletionRequest(members, most, choices, size)


class Completions(msgspec.Struct, frozen=True):
    """Implements `fenli.wire.services.Streaming`. ``count`` makes disjoint meters of the vendor's usage object."""

    count: Callable[[bytes], dict[str, int]]

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        assert isinstance(ask, CompletionRequest)
        if not ask.stream:
            return ask.spliced(model)
        return encode_members({**ask.fields, "model": model, "stream_options": ask.asking_usage()})

    def streamed(self, ask: ServiceRequest, failures: FailureReader | None) -> Answer:
        assert isinstance(ask, CompletionRequest)
        if failures is None:
            return TextStream(ask.wants_usage, ask.choices)
        return TellingTextStream(failures, ask.wants_usage, ask.choices)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        if not found.choices:
            raise ValueError("it has no choices")
        usage = given(found.usage)
        return Delivered(body=reply.data, usage=usage, shown=usage, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        return self.count(raw)


class _Piece(msgspec.Struct):
    text: str | None = None


class _Pieces(msgspec.Struct):
    choices: list[_Piece] | None = None


_decode_pieces = msgspec.json.Decoder(_Pieces).decode


class TextStream(StreamAnswer):
    """A stream of texts: it has begun with the first piece of one."""

    __slots__ = ()

    def _chunk(self, event: bytes, payload: bytes, out: list[bytes]) -> None:
        if not self.begun:
            try:
                pieces = _decode_pieces(payload).choices or ()
            except NO_ANSWER:
                pieces = ()  # which is told of below
            size = sum(len(piece.text.encode()) for piece in pieces if piece.text)
            if size:
                self._begin_with(event, size, out)
        super()._chunk(event, payload, out)


class TellingTextStream(TextStream, TellingStream):
    """One with chunks that may tell a failure."""

    __slots__ = ()
