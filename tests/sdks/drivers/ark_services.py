"""volcengine-ark-runtime, beside chat. ``service`` says which of its resources is asked."""

from __future__ import annotations

import time
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
        case "videos" | "called off" as service:
            return film(made.content_generation.tasks, asked, service == "called off")
        case other:
            raise NotImplementedError(other)


def film(tasks: Any, asked: dict[str, Any], called_off: bool) -> dict[str, Any]:
    name = tasks.create(**asked).id
    if called_off:
        tasks.delete(task_id=name)
    task = tasks.get(task_id=name)
    said = [task.status]
    while said[-1] in ("queued", "running"):
        time.sleep(0.02)
        task = tasks.get(task_id=name)
        said.append(task.status)
    return {
        "said": said,
        "urls": [task.content.video_url] if task.content else [],
        "error": task.error and task.error.code,
    }


serve(answer)
