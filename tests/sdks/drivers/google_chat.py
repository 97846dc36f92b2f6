"""google-genai. What is asked are the members of ``generate_content``; a stream's parts are handed on in one list."""

from __future__ import annotations

from functools import cache
from typing import Any

from driver import serve
from google import genai
from google.genai import types


@cache
def client(base_url: str, key: str) -> genai.Client:
    base, _, version = base_url.rpartition("/")
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base, api_version=version))


def answer(question: dict[str, Any]) -> dict[str, Any]:
    models, asked = client(question["base_url"], question["key"]).models, question["asked"]
    streams = asked.pop("stream", False)
    responses = list(models.generate_content_stream(**asked)) if streams else [models.generate_content(**asked)]
    plain = [one.model_dump(mode="json", exclude_none=True) for one in responses]
    candidates = [one["candidates"][0] for one in plain if one.get("candidates")]
    return {
        "id": plain[0].get("response_id"),
        "content": [part for one in candidates for part in one.get("content", {}).get("parts", ())],
        "finish": next((one["finish_reason"] for one in reversed(candidates) if "finish_reason" in one), None),
        "found": next((one["grounding_metadata"] for one in candidates if "grounding_metadata" in one), None),
        "likely": [one["logprobs_result"] for one in candidates if "logprobs_result" in one],
        "usage": plain[-1].get("usage_metadata"),
        "blocked": plain[-1].get("prompt_feedback", {}).get("block_reason"),
        "parts": len(plain),
    }


serve(answer)
