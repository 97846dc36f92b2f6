"""zai-sdk, beside chat. ``service`` says which of its resources is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import zai
from driver import serve
from services import pictures, vectors


@cache
def client(base_url: str, key: str) -> zai.ZhipuAiClient:
    return zai.ZhipuAiClient(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    made, asked = client(question["base_url"], question["key"]), question["asked"]
    match question["service"]:
        case "embeddings":
            return vectors(made.embeddings.create(**asked))
        case "images":
            return pictures(made.images.generations(**asked))
        case "speech":
            return {"bytes": len(made.audio.speech(voice="tongtong", **asked).content)}
        case "search":
            reply = made.web_search.web_search(**asked)
            return {"results": [one.model_dump() for one in reply.search_result]}
        case other:
            raise NotImplementedError(other)


serve(answer)
