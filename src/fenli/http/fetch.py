"""One request and its whole reply, for what is asked now and then and small: a coroutine over a `Transport`."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ProtocolError, TimedOut
from fenli.http.transport import Deadlines, Request, Transport

BODY_MAX: Final = 64 * 1024


class Fetched(NamedTuple):
    """Header names as sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def fetch(transport: Transport, request: Request, deadlines: Deadlines, within: int) -> Fetched:
    """The reply, whole and within ``within`` (ns), however slowly it drips. Raises TransportError."""
    reply = _Reply(asyncio.get_running_loop().create_future())
    sending = transport.send(request, deadlines, reply)
    try:
        async with asyncio.timeout(within / SECOND):
            return await reply.whole
    except TimeoutError:
        raise TimedOut("idle", f"no whole reply within {within // MILLISECOND} ms", sent=True) from None
    finally:
        sending.cancel()


class _Reply:
    """Implements `fenli.http.transport.Receiver`."""

    def __init__(self, whole: asyncio.Future[Fetched]) -> None:
        self.whole = whole
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._room = BODY_MAX

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._status, self._headers = status, headers

    def body_received(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room < 0:
            self.failed(ProtocolError(f"the reply is larger than {BODY_MAX} bytes", sent=True))
        else:
            self._pieces.append(data)

    def completed(self) -> None:
        if not self.whole.done():
            self.whole.set_result(Fetched(self._status, self._headers, b"".join(self._pieces)))

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.head_received(status, headers)
        self.body_received(body)
        self.completed()

    def failed(self, error: Exception) -> None:
        if not self.whole.done():
            self.whole.set_exception(error)
