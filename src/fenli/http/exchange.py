"""One request and the reply to it, as the server's handler sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from fenli.http.websocket_handshake import asks_websocket, check_request, reply_head
from fenli.http.websocket_server import MessageListener, ServerWebSocket

if TYPE_CHECKING:
    from fenli.http.connection import ServerConnection

# Above this a body is handed to the kernel beside its head instead of being copied behind it.
COPIED: Final = 64 * 1024

_OPEN: Final = 0
_STARTED: Final = 1
_ENDED: Final = 2
_GONE: Final = 3


class ServerListener(Protocol):
    """Told what the client does while its reply is under way. May be called from inside ``write``."""

    def client_gone(self) -> None:
        """The client closed (or half-closed) its connection, or was cut off. Nothing can be sent any more.

        While bytes of a further request wait, reading is paused and a close is noticed only by writing.
        """

    def client_slow(self) -> None:
        """More than the high-water mark waits to be sent: stop writing until ``client_ready``."""

    def client_ready(self) -> None: ...


class ServerExchange(msgspec.Struct, eq=False):
    """A whole request. Answer it with ``reply``, or with ``start``, ``write``..., ``finish``; now or later.

    ``body`` is a memoryview when it was large; dropping the last view of it gives the memory back.
    Names in ``headers`` are lower case, repeated ones joined with ``b", "``. ``received`` is the instant of the last
    byte. Once the client has gone every method does nothing. Answering twice raises RuntimeError.
    """

    _connection: ServerConnection
    method: bytes
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes | memoryview
    received: int
    _alive: bool
    _modern: bool
    _silent: bool
    listener: ServerListener | None = None
    _state: int = _OPEN
    _head: bytes | None = None

    def __repr__(self) -> str:
        return f"ServerExchange({self.method!r}, {self.path!r})"  # what else there is may be secret

    @property
    def asks_websocket(self) -> bool:
        """Whether `upgrade` is what the client wants."""
        return asks_websocket(self.headers)

    def upgrade(self, listener: MessageListener, headers: bytes = b"") -> ServerWebSocket:
        """Answers with a WebSocket, and ``headers`` as in `reply`. The exchange is over for all but its listener.

        Raises RequestError (400, 426) where the request is no good handshake; it is to be answered then.
        """
        key = check_request(self.method, self.headers)
        connection = self._connection
        socket = connection.switch(listener, reply_head(key, headers))
        self._state = _ENDED
        self.listener = listener
        return socket

    @property
    def peer(self) -> str | None:
        """The client's address, ``host:port``; None once it has gone."""
        return self._connection.peer

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        """Sends the whole reply.

        ``headers`` are lines ready for the wire (``Name: value\\r\\n`` each), without Content-Length, Connection and
        Date; they are not checked, so nothing from elsewhere may bring line ends into them.
        """
        if self._state:
            self._misused("reply")
            return
        self._state = _ENDED
        connection = self._connection
        server = connection.server
        line = server.lines[status]
        if server.draining:
            self._alive = False
        if not self._alive or not self._modern:
            line += b"Connection: close\r\n" if not self._alive else b"Connection: keep-alive\r\n"
        if self._silent or status in (204, 304):
            # RFC 9110 §8.6: no Content-Length with 204; §9.3.2: HEAD tells the length and sends no body.
            length = b"" if status in (204, 304) else b"Content-Length: %d\r\n" % len(body)
            connection.send(b"%b%b%b\r\n" % (line, headers, length))
        elif len(body) <= COPIED:
            connection.transport.write(b"%b%bContent-Length: %d\r\n\r\n%b" % (line, headers, len(body), body))
        else:
            connection.send_all(b"%b%bContent-Length: %d\r\n\r\n" % (line, headers, len(body)), body)
        connection.answered(self._alive)

    def start(self, status: int, headers: bytes) -> None:
        """Begins a streamed reply. The head leaves with the first ``write``, or at the end of this turn of the loop."""
        if self._state:
            self._misused("start")
            return
        self._state = _STARTED
        connection = self._connection
        line = connection.server.lines[status]
        if connection.server.draining:
            self._alive = False
        if status in (204, 304):
            self._silent = True
            framing = b""
        elif self._modern:
            framing = b"Transfer-Encoding: chunked\r\n"
        else:
            # RFC 9112 §6.3: HTTP/1.0 knows no chunks; the end of the connection is the end of the body.
            framing = b""
            self._alive = False
        if not self._alive:
            framing += b"Connection: close\r\n"
        elif not self._modern:
            framing += b"Connection: keep-alive\r\n"
        self._head = b"%b%b%b\r\n" % (line, headers, framing)
        connection.server.loop.call_soon(self._send_head)

    def write(self, data: bytes) -> None:
        if self._state != _STARTED:
            self._misused("write")
            return
        if not data or self._silent:
            return
        connection = self._connection
        head = self._head
        if head is not None:
            self._head = None
        elif self._modern and len(data) <= COPIED:
            connection.send_later(b"%x\r\n%b\r\n" % (len(data), data))
            return
        else:
            head = b""
        if self._modern:
            connection.send_all(b"%b%x\r\n" % (head, len(data)), data, b"\r\n")
        else:
            connection.send_all(head, data)

    def finish(self, data: bytes = b"") -> None:
        """Ends a streamed reply; ``data`` is a last piece of the body and shares its write with the end."""
        if self._state != _STARTED:
            self._misused("finish")
            return
        self._state = _ENDED
        connection = self._connection
        head = self._head or b""
        self._head = None
        if self._silent:
            connection.send(head)
        elif not self._modern:
            connection.send_all(head, data)
        elif data:
            connection.send_all(b"%b%x\r\n" % (head, len(data)), data, b"\r\n0\r\n\r\n")
        else:
            connection.send(head + b"0\r\n\r\n")
        connection.answered(self._alive)

    def abort(self) -> None:
        """Closes so that the client cannot take what it has for the whole reply. Harmless after the end."""
        if self._state < _ENDED:
            started, self._state = self._state, _GONE
            self._head = None
            self.listener = None
            self._connection.abandon(reset=started == _STARTED and not self._modern)

    def lost(self) -> None:
        """The connection's word that the client has gone."""
        self._state = _GONE
        self._head = None

    @property
    def untouched(self) -> bool:
        return self._state == _OPEN

    def _send_head(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._connection.send(head)

    def _misused(self, verb: str) -> None:
        if self._state != _GONE:
            state = ("not started", "started", "answered")[self._state]
            raise RuntimeError(f"{verb}() on an exchange that was {state}")
