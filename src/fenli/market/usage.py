"""The vendor's own count of one answer, and the usage object it becomes in each flavour."""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

BYTES_PER_TOKEN: Final = 4  # simulated: no tokenizer is this simple


class Count(msgspec.Struct, frozen=True, gc=False):
    """``prompt`` includes ``cached``, and what was written to a cache: ``written``, and ``kept`` for an hour.
    ``completion`` includes ``reasoning``. Tokens; and web searches."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    searches: int = 0
    written: int = 0
    kept: int = 0

    def upto(self, completion: int) -> Count:
        """What has been used when only the first ``completion`` tokens were produced. Reasoning comes first."""
        return msgspec.structs.replace(self, completion=completion, reasoning=min(self.reasoning, completion))

    def writing(self, tokens: int, *, lasting: bool) -> Count:
        """The same where so many tokens of the prompt were to be in a cache, for an hour where it is ``lasting``."""
        fresh = max(0, tokens - self.cached)
        return msgspec.structs.replace(self, kept=fresh) if lasting else msgspec.structs.replace(self, written=fresh)


def tokens_in(size: int) -> int:
    """Tokens of ``size`` bytes of text: one for every 4, at least 1."""
    return max(1, -(-size // BYTES_PER_TOKEN))


def split_tokens(text: str) -> list[str]:
    """The text as its tokens: pieces of at least 4 bytes of UTF-8 that never split a character."""
    pieces: list[str] = []
    start = size = 0
    for at, character in enumerate(text):
        code = ord(character)
        size += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
        if size >= BYTES_PER_TOKEN:
            pieces.append(text[start : at + 1])
            start, size = at + 1, 0
    if start < len(text):
        pieces.append(text[start:])
    return pieces


class UsageObject(Protocol):
    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        """The vendor's usage object; ``surplus`` is what its total says too much (a vendor that cannot add up)."""


class UsageShape(msgspec.Struct, frozen=True):
    """Where a flavour puts its numbers, beside prompt, completion and total. Dots go down a level."""

    cached: tuple[str, ...] = ("prompt_tokens_details.cached_tokens",)
    missed: str | None = None
    reasoning: str | None = "completion_tokens_details.reasoning_tokens"
    searches: str | None = None

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "prompt_tokens": count.prompt,
            "completion_tokens": count.completion,
            "total_tokens": count.prompt + count.completion + surplus,
        }
        for place in self.cached:
            _put(usage, place, count.cached)
        if self.missed is not None:
            _put(usage, self.missed, count.prompt - count.cached)
        if self.reasoning is not None:
            _put(usage, self.reasoning, count.reasoning)
        if self.searches is not None and count.searches:
            _put(usage, self.searches, count.searches)
        return usage


def _put(usage: dict[str, Any], place: str, number: int) -> None:
    *levels, last = place.split(".")
    for level in levels:
        usage = usage.setdefault(level, {})
    usage[last] = number
