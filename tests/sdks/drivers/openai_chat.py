"""openai, for every vendor whose chat is OpenAI's."""

from __future__ import annotations

from functools import cache
from typing import Any

import openai
from driver import Gathered, serve


@cache
def client(base_url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    create = client(question["base_url"], question["key"]).chat.completions.create
    asked = question["asked"]
    if asked.get("stream"):
        return Gathered().stream(create(**asked, stream_options={"include_usage": True}))
    return Gathered().whole(create(**asked))


serve(answer)
