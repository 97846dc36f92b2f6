"""Embeddings and rerank as most vendors have them. The numbers are made up, and the same for the same text."""

from __future__ import annotations

import array
import base64
import hashlib
from typing import Any

import msgspec

from fenli.market.services.service import Made, named, tokens_of
from fenli.market.usage import Count
from fenli.sim.random import Stream

WIDTH = 8
WIDTH_MAX = 4096


class _Texts(msgspec.Struct):
    input: str | list[str | int | list[int]]
    dimensions: int | None = None
    encoding_format: str | None = None


class _Ranking(msgspec.Struct):
    query: str
    documents: list[str | dict[str, Any]]
    top_n: int | None = None
    return_documents: bool | None = None


_decode_texts = msgspec.json.Decoder(_Texts).decode
_decode_ranking = msgspec.json.Decoder(_Ranking).decode


class Embedding(msgspec.Struct, frozen=True):
    """``zeros``: members of the usage that embeddings have at nothing. Implements
    `fenli.market.services.service.Service`."""

    zeros: tuple[str, ...] = ()

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_texts(body)
        width = WIDTH if asked.dimensions is None else asked.dimensions
        if not 1 <= width <= WIDTH_MAX:
            raise ValueError(f"dimensions: {width} is not between 1 and {WIDTH_MAX}")
        if asked.encoding_format not in (None, "float", "base64"):
            raise ValueError(f"encoding_format: {asked.encoding_format} is not float or base64")
        items = _items(asked.input)
        if not items or not all(items):
            raise ValueError("input: an empty text cannot be embedded")
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(item, width, asked.encoding_format)}
            for index, item in enumerate(items)
        ]
        tokens = sum(tokens_of(item) if isinstance(item, str) else len(item) for item in items)
        usage = {"prompt_tokens": tokens, **dict.fromkeys(self.zeros, 0), "total_tokens": tokens}
        answer = {"object": "list", "data": data, "model": model, "usage": usage}
        return Made(msgspec.json.encode(answer), Count(tokens), told=usage)


class Ranking(msgspec.Struct, frozen=True):
    """Words that query and document share decide. Implements `fenli.market.services.service.Service`."""

    def model(self, body: bytes) -> str:
        return named(body).model

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        asked = _decode_ranking(body)
        if not asked.documents:
            raise ValueError("documents: at least one is required")
        texts = [text if isinstance(text, str) else str(text.get("text", "")) for text in asked.documents]
        wanted = set(asked.query.lower().split())
        scores = [len(wanted & set(text.lower().split())) / (len(wanted) or 1) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: -scores[index])[: asked.top_n]
        results: list[dict[str, Any]] = [{"index": index, "relevance_score": scores[index]} for index in order]
        if asked.return_documents:
            results = [result | {"document": {"text": texts[result["index"]]}} for result in results]
        tokens = sum(tokens_of(asked.query, text) for text in texts)
        usage = {"total_tokens": tokens}
        answer = {"id": f"rank-{chance.bytes(8).hex()}", "model": model, "results": results, "usage": usage}
        return Made(msgspec.json.encode(answer), Count(tokens), told=usage)


def _items(given: str | list[str | int | list[int]]) -> list[str | list[int]]:
    if isinstance(given, str):
        return [given]
    numbers = [item for item in given if isinstance(item, int)]
    return [numbers] if numbers else [item for item in given if not isinstance(item, int)]


def _vector(item: str | list[int], width: int, encoding: str | None) -> list[float] | str:
    digest = hashlib.shake_128(msgspec.json.encode(item)).digest(width)
    numbers = [byte / 256 for byte in digest]
    if encoding != "base64":
        return numbers
    return base64.b64encode(array.array("f", numbers).tobytes()).decode()
