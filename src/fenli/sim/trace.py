"""What happened in a run, as one hash: two runs are the same if and only if their traces are."""

from __future__ import annotations

import hashlib


class Trace:
    __slots__ = ("_hash", "events")

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self.events = 0

    def feed(self, *parts: bytes | str | int) -> None:
        """Adds one event. Parts are told apart: ``("ab", "c")`` is not ``("a", "bc")``."""
        self.events += 1
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self._hash.update(b"%d:" % len(data))
            self._hash.update(data)
        self._hash.update(b";")

    def digest(self) -> str:
        return self._hash.hexdigest()
