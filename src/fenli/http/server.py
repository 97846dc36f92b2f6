"""The server: a listening socket, its connections, their counters and the end of them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

from fenli.clock import MILLISECOND, SECOND, Clock, SystemClock
from fenli.http.connection import ServerConnection
from fenli.http.exchange import ServerExchange
from fenli.http.limits import Limits, ServerDeadlines
from fenli.http.plain import PlainRequests
from fenli.http.status import StatusLines
from fenli.http.sweeper import Sweeper

Handler = Callable[[ServerExchange], None]
ErrorBody = Callable[[int, str], tuple[bytes, bytes]]

# Connections beyond the limit that are told so with a 503; those beyond even that are cut.
_TOLD: Final = 256
_BACKLOG: Final = 4096


def plain_error(_status: int, message: str) -> tuple[bytes, bytes]:
    return b"Content-Type: text/plain; charset=utf-8\r\n", message.encode() + b"\n"


class Server:
    """Serves one handler on any number of addresses.

    ``handler`` is called with every whole request and answers then or later. ``error_body(status, message)`` returns
    header lines and body for what the server itself refuses (400, 405, 408, 413, 417, 431, 500, 503, 505).
    """

    __slots__ = (
        "_drained",
        "_late",
        "_listening",
        "_tick",
        "accepted",
        "body_span",
        "bytes_in",
        "clock",
        "deadlines",
        "draining",
        "error_body",
        "handler",
        "header_span",
        "idle_span",
        "limits",
        "lines",
        "linger_span",
        "loop",
        "plain",
        "refused",
        "requests",
        "stall_span",
        "sweeper",
    )

    loop: asyncio.AbstractEventLoop
    sweeper: Sweeper

    def __init__(
        self,
        handler: Handler,
        *,
        limits: Limits | None = None,
        deadlines: ServerDeadlines | None = None,
        clock: Clock | None = None,
        error_body: ErrorBody | None = None,
        tick: int = 250 * MILLISECOND,
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        self.deadlines = deadlines or ServerDeadlines()
        self.clock = clock or SystemClock()
        self.error_body = error_body or plain_error
        self.lines = StatusLines()
        self.plain = PlainRequests(self.limits)
        self.draining = False
        self.accepted = 0
        self.requests = 0
        self.refused: dict[int, int] = {}
        self.bytes_in = 0
        self.header_span = self.deadlines.header + tick
        self.body_span = self.deadlines.body + tick
        self.idle_span = self.deadlines.idle + tick
        self.stall_span = self.deadlines.stall + tick
        self.linger_span = self.deadlines.linger + tick
        self._tick = tick
        self._listening: list[asyncio.Server] = []
        self._late: list[ServerConnection] = []
        self._drained: asyncio.Future[None] | None = None

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that listen, in the order of ``listen``."""
        return [each for listening in self._listening for each in listening.sockets]

    @property
    def port(self) -> int:
        """The port of the first address."""
        return int(self.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.sweeper.members) if self._listening else 0

    async def listen(
        self, host: str, port: int, *, reuse_port: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        """Starts to accept on one more address; port 0 takes a free one, see ``port``. Raises OSError."""
        if not self._listening:
            self.loop = asyncio.get_running_loop()
            self.sweeper = Sweeper(self.loop, tick=self._tick, on_tick=self._turn)
        listening = await self.loop.create_server(
            lambda: ServerConnection(self),
            host,
            port,
            reuse_port=reuse_port or None,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else self.deadlines.header / SECOND,
        )
        self._listening.append(listening)

    async def drain(self, timeout_s: float) -> bool:
        """Stops accepting, closes idle connections, lets replies end (with ``Connection: close``), then closes.

        Returns whether all had ended in time; those that had not are cut.
        """
        if not self._listening:
            return True
        self.draining = True
        for listening in self._listening:
            listening.close()
        for connection in self._open():
            connection.drain()
        if not self.sweeper.members:
            return True
        self._drained = self.loop.create_future()
        done, _ = await asyncio.wait((self._drained,), timeout=timeout_s)
        for connection in self._open():
            connection.cut_off()
        return bool(done)

    # For the connections

    def send_later(self, connection: ServerConnection) -> None:
        if not self._late:
            self.loop.call_soon(self._send_late)
        self._late.append(connection)

    def _send_late(self) -> None:
        late, self._late = self._late, []
        for connection in late:
            connection.send_late()

    def admit(self, connection: ServerConnection) -> bool:
        """Counts a new connection. False when it is one too many and has to be told so."""
        self.accepted += 1
        self.sweeper.add(connection)
        excess = len(self.sweeper.members) - self.limits.connections
        if excess > _TOLD:
            connection.cut_off()
        return excess <= 0 or excess > _TOLD

    def forget(self, connection: ServerConnection) -> None:
        self.sweeper.discard(connection)
        if self._drained is not None and not self.sweeper.members and not self._drained.done():
            self._drained.set_result(None)

    def _open(self) -> list[ServerConnection]:
        return [member for member in self.sweeper.members if isinstance(member, ServerConnection)]

    def _turn(self) -> None:
        self.lines.turn(self.clock.now() // SECOND)
