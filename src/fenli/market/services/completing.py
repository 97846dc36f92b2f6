"""Texts that are gone on with, and gaps that are filled in: what comes says what stood on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.services.service import DONE, EVENTS, Made, Piece, event, named, tokens_of
from fenli.market.usage import Count, UsageShape, split_tokens
from fenli.sim.random import Stream

LIMIT: Final = 16  # where the caller names none


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Asked(msgspec.Struct):
    prompt: str
    suffix: str | None = None
    max_tokens: int | None = None
    n: int | None = None
    echo: bool | None = None
    stream: bool | None = None
    stream_options: _Options | None = None


_decode = msgspec.json.Decoder(_Asked).decode


class Completing(msgspec.Struct, frozen=True):
    """Implements `fenli.market.services.service.Service`. ``usage`` is the vendor's usage object,
    ``unasked``: streams carry it with their last text, and not in a chunk of its own for who asks."""

    usage: UsageShape = UsageShape()
    unasked: bool = False

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode(body)
        if asked.max_tokens is not None and asked.max_tokens < 1:
            raise ValueError(f"max_tokens: {asked.max_tokens} is less than the minimum of 1")
        goal = f" up to {asked.suffix.strip()[:20]!r}" if asked.suffix else ""
        words = split_tokens(f"{goal} on from {asked.prompt[-20:]!r}")
        kept = words[: asked.max_tokens or LIMIT]
        finish = "length" if len(kept) < len(words) else "stop"
        wanted = asked.n or 1
        count = Count(tokens_of(asked.prompt, asked.suffix or ""), len(kept) * wanted)
        usage = self.usage.object(count)
        base = {
            "id": f"cmpl-{chance.bytes(12).hex()}", "object": "text_completion", "created": at // SECOND,
            "model": model,
        }  # fmt: skip
        before = asked.prompt if asked.echo else ""
        if asked.stream:
            pieces = self._streamed(asked, base, [before, *kept] if before else kept, finish, usage)
            return Made(DONE, count, told=usage, content_type=EVENTS, pieces=tuple(pieces))
        choices = [_choice(index, before + "".join(kept), finish) for index in range(wanted)]
        return Made(msgspec.json.encode({**base, "choices": choices, "usage": usage}), count, told=usage)

    def _streamed(
        self, asked: _Asked, base: dict[str, Any], texts: list[str], finish: str, usage: dict[str, Any]
    ) -> Iterator[Piece]:
        wanted, asks = asked.n or 1, asked.stream_options is not None and bool(asked.stream_options.include_usage)
        extra = asks and not self.unasked
        usual = {"usage": None} if extra else {}
        produced, unpaid = 0, 1 if asked.echo else 0
        for place, text in enumerate(texts):
            for index in range(wanted):
                produced += place >= unpaid
                yield Piece(event({**base, "choices": [_choice(index, text, None)], **usual}), produced)
        for index in range(wanted):
            told = {"usage": usage} if self.unasked and index == wanted - 1 else usual
            yield Piece(event({**base, "choices": [_choice(index, "", finish)], **told}), produced)
        if extra:
            yield Piece(event({**base, "choices": [], "usage": usage}), produced)


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "finish_reason": finish, "logprobs": None}
