"""volcengine-ark-runtime, beside chat. ``service`` says which of its resources is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

from driver import serve
from services import pictures, vectors
from volcenginesdkarkruntime import Ark


@cache
def client(base_url: str, key: str) -> Ark:
    return Ark(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    made, asked = client(question["base_url"], question["key"]), question["asked"]
    match question["service"]:
        case "embeddings":
            reply = made.embeddings.create(**asked)
            return {"id": reply.id, "created": reply.created, **vectors(reply)}
        case "images":
            return pictures(made.images.generate(**asked))
        case other:
            raise NotImplementedError(other)


serve(answer)
