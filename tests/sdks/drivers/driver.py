"""What every driver shares: questions come in as JSON lines, an answer to each goes out as one.

Runs on the SDK's own interpreter, beside the SDK and without fenli.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answers until its input ends. What the SDK raises is an answer too: ``{"raised": ...}``."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what an SDK prints is not an answer
        for line in sys.stdin:
            try:
                reply = answer(json.loads(line))
            except Exception as error:
                reply = {"raised": raised(error)}
            print(json.dumps(reply), file=out, flush=True)


def raised(error: Exception) -> dict[str, Any]:
    """The exception as a program that uses the SDK could see it: its class, where that lives, what it says, and its
    attributes that are plain values."""
    plain = {name: value for name, value in vars(error).items() if isinstance(value, str | int | dict | None)}
    return {"class": type(error).__name__, "module": type(error).__module__, "says": str(error), **plain}


def read_usage(usage: Any) -> dict[str, int] | None:
    """OpenAI's usage object, as an SDK's object or as a dict. What the vendor leaves out is left out."""
    if usage is None:
        return None
    places = {
        "prompt": ("prompt_tokens",),
        "completion": ("completion_tokens",),
        "cached": ("prompt_tokens_details", "cached_tokens"),
        "reasoning": ("completion_tokens_details", "reasoning_tokens"),
    }
    found = {name: _at(usage, place) for name, place in places.items()}
    return {name: number for name, number in found.items() if number is not None}


def _at(value: Any, place: tuple[str, ...]) -> int | None:
    for name in place:
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def objects(value: Any) -> Any:
    """What an SDK hands over as dicts and lists, with attributes as the others have them."""
    return json.loads(json.dumps(value), object_hook=lambda members: SimpleNamespace(**members))


class Gathered:
    """An answer put together from OpenAI's objects: the whole one, or chunk by chunk. ``beside`` is what came with it
    that the SDK's classes do not know."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.text = ""
        self.reasoning = ""
        self.finish: str | None = None
        self.usage: dict[str, int] | None = None
        self.calls: dict[int, dict[str, str]] = {}
        self.parts = 0
        self.beside: dict[str, Any] = {}

    def whole(self, answer: Any) -> dict[str, Any]:
        return self.take(answer, "message").told()

    def stream(self, chunks: Any) -> dict[str, Any]:
        for chunk in chunks:
            self.take(chunk, "delta")
        return self.told()

    def take(self, part: Any, member: str) -> Gathered:
        self.parts += 1
        self.id = self.id or part.id
        self.usage = read_usage(getattr(part, "usage", None)) or self.usage
        self.beside |= getattr(part, "model_extra", None) or {}
        for choice in part.choices or ():
            said = getattr(choice, member)
            self.text += getattr(said, "content", None) or ""
            self.reasoning += getattr(said, "reasoning_content", None) or ""
            self.finish = choice.finish_reason or self.finish
            for place, call in enumerate(getattr(said, "tool_calls", None) or ()):
                at = getattr(call, "index", None)
                gathered = self.calls.setdefault(place if at is None else at, {"name": "", "arguments": ""})
                gathered["name"] += getattr(call.function, "name", None) or ""
                gathered["arguments"] += call.function.arguments or ""
        return self

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id, "text": self.text, "reasoning": self.reasoning, "finish": self.finish,
            "usage": self.usage, "calls": list(self.calls.values()), "parts": self.parts, "beside": self.beside,
        }  # fmt: skip
