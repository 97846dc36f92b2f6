"""qianfan, version 2 of its API: with a key that does not run out, or an ``access_key``, for which it fetches a token.

It knows a host, and puts the path there itself.
"""

from __future__ import annotations

from typing import Any

import qianfan
from driver import Gathered, objects, serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    config = qianfan.get_config()
    config.CONSOLE_API_BASE_URL = config.IAM_BASE_URL = question["base_url"].removesuffix("/v2")
    config.BEARER_TOKEN = question.get("key")
    config.ACCESS_KEY, config.SECRET_KEY = question.get("access_key", (None, None))
    config.BEARER_TOKEN_EXPIRED_INTERVAL = question.get("token_s", 43_200)
    chat, asked = qianfan.ChatCompletion(version="2"), question["asked"]
    if asked.get("stream"):
        chunks = chat.do(retry_count=1, stream_options={"include_usage": True}, **asked)
        return Gathered().stream(objects(chunk.body) for chunk in chunks)
    return Gathered().whole(objects(chat.do(retry_count=1, **asked).body))


serve(answer)
