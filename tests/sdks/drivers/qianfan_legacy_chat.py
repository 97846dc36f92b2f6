"""qianfan, the first version of its API: an application's keys, for which it fetches an access token."""

from __future__ import annotations

from typing import Any

import qianfan
from driver import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    config = qianfan.get_config()
    config.BASE_URL, config.DISABLE_EB_SDK = question["base_url"], True
    config.ACCESS_TOKEN_REFRESH_MIN_INTERVAL = 0
    config.ACCESS_KEY = config.SECRET_KEY = config.ACCESS_TOKEN = None
    config.AK, config.SK = question["key"]
    chat, asked = qianfan.ChatCompletion(version="1"), question["asked"]
    if asked.get("stream"):
        parts = [part.body for part in chat.do(retry_count=1, **asked)]
    else:
        parts = [chat.do(retry_count=1, **asked).body]
    text = "".join(part["result"] for part in parts)
    return {"parts": len(parts), "text": text, "last": parts[-1]}


serve(answer)
