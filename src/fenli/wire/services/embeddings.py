"""``/v1/embeddings``: texts in, vectors out; paid by the tokens of the texts."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, given
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import Members, ServiceRequest, few
from fenli.wire.services.usage import tokens_read

_INPUT = str | list[str | int | list[int]]
_WANTED = "a text, a list of texts, or lists of token numbers"
# Members that are counted by themselves, or that no model reads.
_KNOWN: Final = ("input", "model", "encoding_format", "dimensions", "user")


class _Embeddings(msgspec.Struct):
    data: list[msgspec.Raw]
    model: str | None = None
    id: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Embeddings).decode


def parse_embeddings(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused. No tokenizer makes more than one token of a byte; what else a vendor takes, such as an
    instruction, is read with each text."""
    members = Members(body)
    given_input = members.required("input", _INPUT, _WANTED)
    texts = 1
    if isinstance(given_input, list):
        few("input", given_input)
        texts = sum(isinstance(one, str | list) for one in given_input) or 1
        if len(set(map(type, given_input))) > 1:
            raise CallRefused(Code.INVALID_VALUE, f"'input' mixes kinds: it must be {_WANTED}", "input")
    elif not given_input:
        raise CallRefused(Code.INVALID_VALUE, "'input' is empty: send a text", "input")
    size = len(members.fields["input"])
    return members.request({"input": size + members.beside(_KNOWN) * texts}, {"input": max(1, size // BYTES_PER_TOKEN)})


class Embeddings(msgspec.Struct, frozen=True):
    """OpenAI's own shape, which every vendor known here takes. Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return ask.spliced(model)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        if not found.data:
            raise ValueError("it has no embeddings")
        usage = given(found.usage)
        return Delivered(body=reply.data, usage=usage, shown=usage, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        return {"input": tokens_read(raw)}
