"""Which prompts an emulated vendor remembers, and how much of one it need not read again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

_CACHE_UNIT: Final = 64  # tokens; DeepSeek caches in units of this size
_REMEMBERED: Final = 4096


class PromptCache:
    """The prompts a vendor remembers: each message boundary of the last few thousand."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def seen(self, sizes: list[tuple[bytes, int]]) -> int:
        """Tokens of the longest beginning that was asked before, in whole units; remembers this one."""
        cached = 0
        running = hashlib.blake2b(digest_size=16)
        for content, tokens in sizes:
            running.update(b"%d:" % len(content))
            running.update(content)
            key = running.digest()
            if key in self._known:
                cached = tokens - tokens % _CACHE_UNIT
                self._known.move_to_end(key)
            else:
                self._known[key] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return cached
