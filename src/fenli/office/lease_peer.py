"""One gateway process at the other end of the leases' socket."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec

from fenli.budgets.messages import Ask, FrameReader, FromGateway, FromOffice, encode, from_gateway

log = logging.getLogger(__name__)


class Peer(asyncio.Protocol):
    """One gateway process. ``run`` is "" until it has said hello, and again when another connection has taken over."""

    def __init__(self, hear: Callable[[Peer, FromGateway], None], lost: Callable[[Peer], None]) -> None:
        self.run = ""
        self.asked: dict[str, deque[Ask]] = {}  # by budget: what waits for an answer, in order
        self.answering: dict[str, asyncio.Task[None]] = {}
        self._hear = hear
        self._lost = lost
        self._reader = FrameReader()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a socket's transport can be written to

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if self._transport is not None:
                    self._hear(self, from_gateway(frame))
        except (ValueError, msgspec.DecodeError) as error:
            log.error("run %s says what cannot be understood, and is cut off: %s", self.run, error)
            self.cut()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def send(self, word: FromOffice) -> None:
        if self._transport is not None:
            self._transport.write(encode(word))

    def cut(self) -> None:
        """Nothing more is heard from it or said to it."""
        for task in self.answering.values():
            task.cancel()
        self.answering.clear()
        self.asked.clear()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
