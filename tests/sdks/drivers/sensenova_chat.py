"""sensenova: it signs a token with an access key's secret for each request."""

from __future__ import annotations

from typing import Any

import sensenova
from driver import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    sensenova.api_base = question["base_url"]
    sensenova.access_key_id, sensenova.secret_access_key = question["key"]
    if "character_settings" in question["asked"]:
        played = sensenova.CharacterChatCompletion.create(**question["asked"])["data"]
        return {"parts": 1, "text": played["reply"], "last": played, "calls": []}
    reply = sensenova.ChatCompletion.create(**question["asked"])
    parts = [part["data"] for part in reply] if question["asked"].get("stream") else [reply["data"]]
    text = "".join(choice.get("delta") or choice.get("message") or "" for part in parts for choice in part["choices"])
    calls = [call for part in parts for choice in part["choices"] for call in choice.get("tool_calls") or ()]
    return {"parts": len(parts), "text": text, "last": parts[-1], "calls": calls}


serve(answer)
