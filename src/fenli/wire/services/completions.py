"""``/v1/completions``: a text to go on with, or, with a ``suffix``, a gap to fill in (FIM); paid by the tokens of both.

The shape is OpenAI's. An answer is the text alone: ``choices`` of ``{text, finish_reason}``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from fenli.wire.openai_chat.whole import given
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import Members, ServiceRequest, filled

# What is asked for at most where the caller names no limit, so that the worst case is known.
LIMIT: Final = 4_096
LIMIT_MAX: Final = 2**31 - 1
CHOICES_MAX: Final = 128
# What a model puts around a prompt and a suffix.
TEMPLATE_TOKENS: Final = 16


class _Choice(msgspec.Struct):
    text: str


class _Completed(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Completed).decode


def parse_completions(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused. One prompt a request: several have answers that nobody could tell the cost of apart."""
    members = Members(body)
    prompt: str = members.required("prompt", str, "a text")
    suffix: str = members.optional("suffix", str, "a text") or ""
    filled("prompt", prompt + suffix)
    limit = members.count("max_tokens", LIMIT_MAX)
    if limit is None:
        limit = LIMIT
        members.fields["max_tokens"] = str(limit).encode()
    choices = max(members.count("n", CHOICES_MAX) or 1, members.count("best_of", CHOICES_MAX) or 1)
    size = len((prompt + suffix).encode())
    return members.request({"input": size + TEMPLATE_TOKENS, "output": limit * choices}, None)


class Completions(msgspec.Struct, frozen=True):
    """Implements `fenli.wire.services.Codec`. ``count`` makes disjoint meters of the vendor's usage object."""

    count: Callable[[bytes], dict[str, int]]

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return ask.spliced(model)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        if not found.choices:
            raise ValueError("it has no choices")
        usage = given(found.usage)
        return Delivered(body=reply.data, usage=usage, shown=usage, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        return self.count(raw)
