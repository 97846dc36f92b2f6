"""anthropic. What is asked are the members of ``messages.create``; a stream is read by the SDK's own helper."""

from __future__ import annotations

from functools import cache
from typing import Any

import anthropic
from driver import serve


@cache
def client(base_url: str, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    messages, asked = client(question["base_url"], question["key"]).messages, question["asked"]
    if not asked.pop("stream", False):
        return {**messages.create(**asked).to_dict(), "parts": 1}
    with messages.stream(**asked) as stream:
        parts = sum(1 for _ in stream)
        return {**stream.get_final_message().to_dict(), "parts": parts}


serve(answer)
