"""ollama, by a server's own chat API. It has no keys."""

from __future__ import annotations

from typing import Any

import ollama
from driver import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    asked = question["asked"]
    reply = ollama.Client(host=question["base_url"]).chat(**asked)
    return {"parts": [part.model_dump() for part in (reply if asked.get("stream") else [reply])]}


serve(answer)
