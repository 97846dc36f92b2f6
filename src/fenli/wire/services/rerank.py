"""``/v1/rerank``: a query and documents in, which fit it best out; paid by the tokens of both.

The shape is the one that Jina, vLLM, llama.cpp, Qwen and Huawei share: ``query``, ``documents``, ``top_n``; the answer
has ``results`` of ``{index, relevance_score}``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, given
from fenli.wire.services.answer import Delivered, Reply
from fenli.wire.services.request import ITEMS_MAX, Members, ServiceRequest, few, filled
from fenli.wire.services.usage import tokens_read

# What a model puts around each pair of query and document.
PAIR_TOKENS = 16
# Members that are counted by themselves, or that no model reads.
_KNOWN: Final = ("query", "documents", "model", "top_n", "return_documents", "user")


class _Ranked(msgspec.Struct):
    results: list[msgspec.Raw]
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Ranked).decode


def parse_rerank(body: bytes | memoryview) -> ServiceRequest:
    """Raises CallRefused. The query is read once with each document, and so is whatever else a vendor takes, such as an
    instruction: their bytes count as often."""
    members = Members(body)
    query: str = filled("query", members.required("query", str, "a text"))
    wanted = "a list of texts, or of objects with a text"
    documents: list[Any] = few("documents", members.required("documents", list[str | dict[str, Any]], wanted))
    members.count("top_n", ITEMS_MAX)
    size = len(query.encode()) * len(documents) + len(members.fields["documents"])
    estimate = max(1, size // BYTES_PER_TOKEN)
    pair = members.beside(_KNOWN) + PAIR_TOKENS
    return members.request({"input": size + pair * len(documents)}, {"input": estimate})


class Rerank(msgspec.Struct, frozen=True):
    """Implements `fenli.wire.services.Codec`."""

    def check(self, ask: ServiceRequest) -> None:
        pass

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        return ask.spliced(model)

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        found = _decode(reply.data)
        if not found.results:
            raise ValueError("it has no results")
        usage = given(found.usage)
        return Delivered(body=reply.data, usage=usage, shown=usage, id=found.id, model=found.model)

    def meters(self, raw: bytes) -> dict[str, int]:
        return {"input": tokens_read(raw)}
