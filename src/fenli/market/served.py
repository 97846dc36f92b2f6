"""The vendor's own book: every request it got, and what it would charge for it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from fenli.market.script import Outcome


class Serving(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at`` is when the request came, ``ended`` when it was entered here (instants). Tokens are what was produced, and
    is charged for: nothing for a refusal, what had been sent by then for a cut. ``told`` is the usage object in the
    answer, which a lying vendor (``fault``) makes different from the truth here. ``cost`` is what it charges, an exact
    decimal in ``currency``, by the row whose id is ``price``: where the market goes by the price book."""

    vendor: str
    id: str
    at: int
    ended: int
    outcome: Outcome
    status: int
    model: str = ""
    stream: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    searches: int = 0
    told: str | None = None
    fault: str | None = None
    units: dict[str, int] = {}
    cost: str | None = None
    currency: str | None = None
    price: str | None = None


_encode = msgspec.json.Encoder().encode


class ServedBook:
    """Keeps the last ``kept`` entries (None: all). With ``file`` each is appended, in one write, before the answer's
    last byte goes out."""

    __slots__ = ("_descriptor", "_entries", "count")

    def __init__(self, file: Path | None = None, kept: int | None = None) -> None:
        self._entries: deque[Serving] = deque(maxlen=kept)
        self._descriptor = None if file is None else os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.count = 0

    def enter(self, serving: Serving) -> None:
        self.count += 1
        self._entries.append(serving)
        if self._descriptor is not None:
            os.write(self._descriptor, _encode(serving) + b"\n")

    def __iter__(self) -> Iterator[Serving]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def lines(self) -> bytes:
        return b"".join(_encode(serving) + b"\n" for serving in self._entries)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


read_served = msgspec.json.Decoder(Serving).decode_lines
