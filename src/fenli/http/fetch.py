"""One request and its whole reply, for what is asked now and then and small: a coroutine over a `Transport`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
    whole: asyncio.Future[Fetched | Exception] = asyncio.get_running_loop().create_future()

    def take(fetched: Fetched | Exception) -> None:
        if not whole.done():
            whole.set_result(fetched)

    sending = transport.send(request, deadlines, Gathering(take))
    try:
        async with asyncio.timeout(within / SECOND):
            fetched = await whole
    except TimeoutError:
        raise TimedOut("idle", f"no whole reply within {within // MILLISECOND} ms", sent=True) from None
    finally:
        sending.cancel()
    if isinstance(fetched, Exception):
        raise fetched
    return fetched


class Gathering:
    """Implements `fenli.http.transport.Receiver`. ``done`` is told the whole reply, or why there is none, once; a body
    has ``room`` bytes at most."""

    def __init__(self, done: Callable[[Fetched | Exception], object], room: int = BODY_MAX) -> None:
        self._done: Callable[[Fetched | Exception], object] | None = done
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._room = self._most = room

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._status, self._headers = status, headers

    def body_received(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room < 0:
            self.failed(ProtocolError(f"the reply is larger than {self._most} bytes", sent=True))
        else:
            self._pieces.append(data)

    def completed(self) -> None:
        self._tell(Fetched(self._status, self._headers, b"".join(self._pieces)))

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.head_received(status, headers)
        self.body_received(body)
        self.completed()

    def failed(self, error: Exception) -> None:
        self._tell(error)

    def _tell(self, fetched: Fetched | Exception) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(fetched)
