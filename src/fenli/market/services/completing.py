"""Texts that are gone on with, and gaps that are filled in: what comes says what stood on both sides."""

from __future__ import annotations

import msgspec

from fenli.market.services.service import Made, named, tokens_of
from fenli.market.usage import Count, UsageShape, split_tokens
from fenli.sim.random import Stream

LIMIT = 16  # where the caller names none


class _Asked(msgspec.Struct):
    prompt: str
    suffix: str | None = None
    max_tokens: int | None = None
    n: int | None = None
    echo: bool | None = None


_decode = msgspec.json.Decoder(_Asked).decode


class Completing(msgspec.Struct, frozen=True):
    """Implements `fenli.market.services.service.Service`. ``usage`` is the vendor's usage object."""

    usage: UsageShape = UsageShape()

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
        text = (asked.prompt if asked.echo else "") + "".join(kept)
        choices = [
            {"index": index, "text": text, "finish_reason": finish, "logprobs": None} for index in range(asked.n or 1)
        ]
        count = Count(tokens_of(asked.prompt, asked.suffix or ""), len(kept) * len(choices))
        usage = self.usage.object(count)
        answer = {
            "id": f"cmpl-{chance.bytes(12).hex()}", "object": "text_completion", "created": at // 10**9, "model": model,
            "choices": choices, "usage": usage,
        }  # fmt: skip
        return Made(msgspec.json.encode(answer), count, told=usage)
