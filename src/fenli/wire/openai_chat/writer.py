"""Writes answers in OpenAI's words, for vendors that speak another dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.values.usage import READ, WRITTEN

_encode = msgspec.json.encode
_CACHED: Final = ("cached_input", "cached_audio_input")


class ChatWriter:
    """``id`` is the vendor's, where it gives one before the first chunk. ``now`` (ns) is the instant of the request."""

    __slots__ = ("_now", "_prefix", "id", "model")

    def __init__(self, model: str, now: int) -> None:
        self.id: str | None = None
        self.model = model
        self._now = now
        self._prefix = b""

    def chunk(
        self, choice: int, delta: Mapping[str, Any], finish: str | None = None, logprobs: Sequence[msgspec.Raw] = ()
    ) -> bytes:
        """One event of a stream, whole."""
        if not self._prefix:
            head = _encode(self._head("chat.completion.chunk"))
            self._prefix = b"data: " + head[:-1] + b',"choices":'
        told: dict[str, Any] = {"index": choice, "delta": delta, "finish_reason": finish}
        if logprobs:
            told["logprobs"] = {"content": logprobs}
        return self._prefix + _encode([told]) + b"}\n\n"

    def usage_chunk(self, usage: bytes) -> bytes:
        head = _encode(self._head("chat.completion.chunk"))
        return b"data: " + head[:-1] + b',"choices":[],"usage":' + usage + b"}\n\n"

    def completion(self, choices: list[dict[str, Any]], usage: bytes | None) -> bytes:
        head = self._head("chat.completion") | {"choices": choices}
        return _encode(head if usage is None else head | {"usage": msgspec.Raw(usage)})

    def _head(self, kind: str) -> dict[str, Any]:
        name = self.id or f"chatcmpl-{self._now:x}"
        return {"id": name, "object": kind, "created": self._now // SECOND, "model": self.model}


def usage_object(meters: Mapping[str, int]) -> bytes:
    """Disjoint meters as OpenAI's usage object."""
    prompt = sum(meters.get(meter, 0) for meter in READ)
    completion = sum(meters.get(meter, 0) for meter in WRITTEN)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    read = {"cached_tokens": sum(meters.get(meter, 0) for meter in _CACHED)}
    if written := meters.get("cache_write", 0) + meters.get("cache_write_1h", 0):
        read["cache_write_tokens"] = written
    usage["prompt_tokens_details"] = read
    if "reasoning" in meters:
        usage["completion_tokens_details"] = {"reasoning_tokens": meters["reasoning"]}
    return _encode(usage)
