"""volcengine-ark-runtime, the part of volcengine-python-sdk[ark] that speaks to Ark."""

from __future__ import annotations

from functools import cache
from typing import Any

from driver import Gathered, serve
from volcenginesdkarkruntime import Ark


@cache
def client(base_url: str, key: str) -> Ark:
    return Ark(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    made, asked = client(question["base_url"], question["key"]), question["asked"]
    if asked["model"].startswith("bot-"):
        reply = made.bot_chat.completions.create(**asked)
        return {**Gathered().whole(reply), "references": [one.model_dump() for one in reply.references or ()]}
    create = made.chat.completions.create
    if asked.get("stream"):
        return Gathered().stream(create(**asked, stream_options={"include_usage": True}))
    return Gathered().whole(create(**asked))


serve(answer)
