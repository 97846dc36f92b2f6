"""zhipuai, the SDK before zai-sdk. ``signed``: with a token that the SDK signs, instead of the key itself, on a
machine whose clock is that many seconds slow."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from unittest import mock

import zhipuai
from driver import Gathered, serve


@cache
def client(base_url: str, key: str, signed: bool) -> zhipuai.ZhipuAI:
    return zhipuai.ZhipuAI(base_url=base_url, api_key=key, max_retries=0, disable_token_cache=not signed)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    slow = question.get("signed")
    if slow is not None:
        with mock.patch("time.time", lambda now=time.time: now() - slow):
            return said(question)
    return said(question)


def said(question: dict[str, Any]) -> dict[str, Any]:
    asked = question["asked"]
    made = client(question["base_url"], question["key"], "signed" in question)
    reply = made.chat.completions.create(**asked)
    return Gathered().stream(reply) if asked.get("stream") else Gathered().whole(reply)


serve(answer)
