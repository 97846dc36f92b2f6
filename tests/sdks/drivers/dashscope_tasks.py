"""dashscope's tasks: images and videos, waited for, told of and called off. It raises nothing of its own."""

from __future__ import annotations

from typing import Any

import dashscope
from driver import serve

SERVICES = {"images": dashscope.ImageSynthesis, "videos": dashscope.VideoSynthesis}


def answer(question: dict[str, Any]) -> dict[str, Any]:
    dashscope.base_http_api_url = question["base_url"]
    service, key = SERVICES[question["service"]], question["key"]
    if question.get("waits", True):
        return told(service.call(api_key=key, **question["asked"]))
    begun = service.async_call(api_key=key, **question["asked"])
    if begun.output is None:
        return {"begun": told(begun)}
    cancelled = service.cancel(begun, api_key=key)
    return {"begun": told(begun), "cancelled": told(cancelled), "then": told(service.fetch(begun, api_key=key))}


def told(reply: Any) -> dict[str, Any]:
    return {
        "status": reply.status_code, "code": reply.code, "says": reply.message, "id": reply.request_id,
        "output": reply.output, "usage": reply.usage,
    }  # fmt: skip


serve(answer)
