"""dashscope, by DashScope's own API: it raises nothing, what it was told stands in its reply. ``sees``: with the class
for models that see and hear."""

from __future__ import annotations

from typing import Any

import dashscope
from driver import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    dashscope.base_http_api_url = question["base_url"]
    service = dashscope.MultiModalConversation if question.get("sees") else dashscope.Generation
    asked = question["asked"]
    reply = service.call(api_key=question["key"], **asked)
    return {"replies": [told(one) for one in (reply if asked.get("stream") else [reply])]}


def told(reply: Any) -> dict[str, Any]:
    return {
        "status": reply.status_code, "code": reply.code, "says": reply.message, "id": reply.request_id,
        "output": reply.output, "usage": reply.usage,
    }  # fmt: skip


serve(answer)
