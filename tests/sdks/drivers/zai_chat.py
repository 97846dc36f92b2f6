"""zai-sdk. ``signed``: with a token that the SDK signs, instead of the key itself, on a
machine whose clock is that many seconds slow."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from unittest import mock

import zai
from driver import Gathered, serve

CLIENTS = {"zhipu": zai.ZhipuAiClient, "zai": zai.ZaiClient}


@cache
def client(vendor: str, base_url: str, key: str, signed: bool) -> zai.ZaiClient | zai.ZhipuAiClient:
    return CLIENTS[vendor](base_url=base_url, api_key=key, max_retries=0, disable_token_cache=not signed)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    slow = question.get("signed")
    if slow is not None:
        with mock.patch("time.time", lambda now=time.time: now() - slow):
            return said(question)
    return said(question)


def said(question: dict[str, Any]) -> dict[str, Any]:
    asked = question["asked"]
    made = client(question["vendor"], question["base_url"], question["key"], "signed" in question)
    if question.get("later"):
        return fetched(made.chat.asyncCompletions, asked)
    reply = made.chat.completions.create(**asked)
    return Gathered().stream(reply) if asked.get("stream") else Gathered().whole(reply)


def fetched(tasks: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Asked for now, fetched until it is there; with what the vendor said of it meanwhile."""
    task = tasks.create(**asked)
    said = [task.task_status]
    while task.task_status == "PROCESSING":
        time.sleep(0.02)
        task = tasks.retrieve_completion_result(id=task.id)
        said.append(task.task_status)
    return {"said": said, **(Gathered().whole(task) if task.task_status == "SUCCESS" else {})}


serve(answer)
