"""zai-sdk, beside chat. ``service`` says which of its resources is asked."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import zai
from driver import serve
from services import pictures, sound, vectors


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
        case "reader":
            page = made.web_reader.web_reader(**asked).reader_result
            return {"page": page.model_dump()}
        case "videos":
            task = made.videos.generations(**asked)
            said = [task.task_status]
            while said[-1] == "PROCESSING":
                time.sleep(0.02)
                task = made.videos.retrieve_videos_result(id=task.id)
                said.append(task.task_status)
            return {"said": said, "urls": [film.url for film in task.video_result or ()]}
        case "transcriptions":
            return {"text": made.audio.transcriptions.create(file=sound(), **asked).model_dump()["text"]}
        case other:
            raise NotImplementedError(other)


serve(answer)
