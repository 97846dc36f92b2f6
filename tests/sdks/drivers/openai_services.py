"""openai, beside chat. ``service`` says which of its resources is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import openai
from driver import serve
from services import pictures, sound, vectors


@cache
def client(base_url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    made, asked = client(question["base_url"], question["key"]), question["asked"]
    match question["service"]:
        case "embeddings":
            return vectors(made.embeddings.create(**asked))
        case "images":
            return pictures(made.images.generate(**asked))
        case "speech":
            return {"bytes": len(made.audio.speech.create(voice="alloy", **asked).content)}
        case "transcriptions":
            return made.audio.transcriptions.create(file=sound(), **asked).model_dump(exclude_none=True)
        case other:
            raise NotImplementedError(other)


serve(answer)
