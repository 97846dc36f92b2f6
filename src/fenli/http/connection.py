"""One client's connection: bytes in, exchanges to the handler, replies out in order.

    data_received ─> reader ─> waiting ─> dispatch ─> handler
                                             └── answered (the next one, or idle, or close) <── reply

While a large body comes, an `Upload` takes the connection's place at the transport and bytes go past the parser; so
does a `ServerWebSocket`, for good, which the exchange under way has become.

Nothing of the owner's runs inside a parser callback: what was read is parsed first and handed over after.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fenli.clock import SECOND
from fenli.errors import RequestError
from fenli.http.exchange import COPIED, ServerExchange
from fenli.http.reader import RequestReader
from fenli.http.sweeper import NEVER
from fenli.http.upload import Upload
from fenli.http.websocket_server import MessageListener, ServerWebSocket

if TYPE_CHECKING:
    from fenli.http.server import Server

log = logging.getLogger("fenli.http")

# What a connection waits for while no exchange is under way. From _LINGER on it takes no more requests.
_SILENT: Final = 0  # accepted, not a byte yet
_IDLE: Final = 1
_HEAD: Final = 2
_BODY: Final = 3
_LINGER: Final = 4  # refused: read and throw away, so that the reply is not lost to a reset (RFC 9112 §9.6)
_CLOSING: Final = 5
_CLOSED: Final = 6

_STALL_BYTES: Final = 16 * 1024


class ServerConnection(asyncio.Protocol):
    """The protocol of one accepted socket. ``transport`` exists from ``connection_made`` on."""

    __slots__ = (
        "_current",
        "_deaf",
        "_dispatching",
        "_held",
        "_late",
        "_left",
        "_mute",
        "_queue",
        "_reader",
        "_since",
        "_stage",
        "_uploading",
        "_waiting",
        "_write_paused",
        "deadline",
        "server",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.deadline = NEVER
        self._reader = RequestReader(server.limits, self._enqueue, server.plain)
        self._stage = _SILENT
        self._since = 0  # when the body began
        self._current: ServerExchange | None = None
        self._waiting: ServerExchange | None = None
        self._queue: list[ServerExchange] | None = None
        self._deaf = False  # nothing that still comes is a request
        self._held = False  # reading is paused: something waits until the reply is out
        self._dispatching = False
        self._late: bytes | None = None  # goes out at the end of this turn
        self._write_paused = False
        self._left = 0
        self._uploading = False
        self._mute = False  # it is a WebSocket now, and its client has not said a word yet

    @property
    def peer(self) -> str | None:
        name = None if self._stage == _CLOSED else self.transport.get_extra_info("peername")
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered, waits, or is partly here."""
        return self._current is not None or self._waiting is not None or self._reader.begun

    # The transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        server = self.server
        self.transport.set_write_buffer_limits(high=server.limits.write_buffer)
        self.deadline = server.sweeper.now + server.header_span
        if not server.admit(self):
            self._refuse(503, "Too many connections are open. Try again later.")

    def data_received(self, data: bytes) -> None:
        self.server.bytes_in += len(data)
        if self._deaf:
            if self._stage < _LINGER:
                self._hold()
            return
        reader = self._reader
        reader.feed(data)
        if reader.ended:
            self._deaf = True
        if self._current is None and not self._write_paused:
            if self._waiting is not None:
                self._dispatch()
            else:
                self._settle()
        if (self._current is not None or self._write_paused) and (
            reader.begun or self._waiting is not None or reader.refusal is not None
        ):
            self._hold()

    def eof_received(self) -> bool:
        # A half-closed client counts as gone: it looks like one that has closed, and only that one is common.
        self._lose()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._late = None
        self._lose()
        self._stage = _CLOSED
        self.deadline = NEVER
        self._reader.close()
        self.server.forget(self)

    def pause_writing(self) -> None:
        self._write_paused = True
        self._left = self.transport.get_write_buffer_size()
        current = self._current
        if current is not None:
            self.deadline = self.server.sweeper.now + self.server.stall_span
            if current.listener is not None:
                self._tell(current.listener.client_slow)

    def resume_writing(self) -> None:
        self._write_paused = False
        self._left = 0
        current = self._current
        if current is not None:
            self.deadline = NEVER
            if current.listener is not None:
                self._tell(current.listener.client_ready)
        elif self._held:
            self._proceed()

    # For the upload

    def body_room(self) -> memoryview:
        return self._reader.room

    def body_received(self, count: int) -> None:
        self.server.bytes_in += count
        if self._deaf:
            return
        reader = self._reader
        reader.filled(count)
        if reader.begun:
            self._await_rest()
            return
        self._end_upload()
        if reader.ended:
            self._deaf = True
        if self._write_paused:
            self._hold()
        else:
            self._dispatch()

    # For the WebSocket

    def message_begun(self) -> None:
        if self._mute:
            self._mute = False
            self.deadline = NEVER

    def await_close(self) -> None:
        """All is said: until the client has closed in its turn, a reset could still take the last of it away."""
        self._drop()
        self._current = None
        self._stage = _LINGER
        self.deadline = self.server.sweeper.now + self.server.linger_span

    def part(self) -> None:
        """The client has closed, or broke the protocol: whatever is under way is over."""
        self._lose()
        self._close()

    # For the exchange

    def switch(self, listener: MessageListener, head: bytes) -> ServerWebSocket:
        """Raises RequestError (400) where the client did not wait for the answer."""
        reader = self._reader
        if reader.begun or reader.refusal is not None or self._waiting is not None:
            raise RequestError(400, "Wait for the WebSocket to be granted before sending more.")
        socket = ServerWebSocket(self, listener)
        self._deaf = self._mute = True
        self.deadline = self.server.sweeper.now + self.server.header_span
        self.send(head)
        self.transport.set_protocol(socket)
        return socket

    def send_later(self, data: bytes) -> None:
        """At the end of this turn of the loop, in one burst with the pieces of all other streams: reading and writing
        by turns would find the processor's caches cold each time."""
        if self._late is None:
            self._late = data
            self.server.send_later(self)
        else:
            self._late += data

    def send_late(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            self.transport.write(late)

    def send(self, data: bytes) -> None:
        if data:
            self.send_late()
            self.transport.write(data)

    def send_all(self, head: bytes, body: bytes, tail: bytes = b"") -> None:
        """One write to the kernel, without copying a large body."""
        if self._late is not None:
            head, self._late = self._late + head, None
        if len(body) <= COPIED:
            self.transport.write(b"%b%b%b" % (head, body, tail))
        else:
            self.transport.writelines((head, body, tail))

    def answered(self, alive: bool) -> None:
        """The current reply is whole."""
        self._current = None
        if not alive:
            self._close()
            return
        self._stage = _IDLE
        self.deadline = self.server.sweeper.now + self.server.idle_span
        if self._held and not self._dispatching and not self._write_paused:
            self._proceed()

    def abandon(self, *, reset: bool) -> None:
        """The current reply will not become whole. ``reset``: only an RST tells the client so (HTTP/1.0)."""
        self._current = None
        if reset:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._cut()
        else:
            self._close()

    # For the server

    def expire(self) -> None:
        stage = self._stage
        stalled = self._is_stalled()
        if self._current is not None:
            if stalled or self._mute:
                self._lose()
                self._cut()
            else:
                self.deadline = self.server.sweeper.now + self.server.stall_span
        elif stalled or stage == _LINGER:
            self._cut()
        elif self._left:
            self.deadline = self.server.sweeper.now + self.server.stall_span
        elif stage == _HEAD:
            self._refuse(408, "The head of the request did not arrive in time.")
        elif stage == _BODY:
            self._refuse(408, "The body of the request did not arrive in time.")
        elif stage >= _CLOSING:
            self._cut()
        else:
            self._close()

    def drain(self) -> None:
        if not self.busy and self._stage < _LINGER:
            self._close()

    def cut_off(self) -> None:
        """Ends the connection and whatever is under way on it."""
        self._lose()
        self._cut()

    # Requests, in order

    def _enqueue(
        self,
        method: bytes,
        path: bytes,
        query: bytes,
        headers: dict[bytes, bytes],
        body: bytes | memoryview,
        alive: bool,
        modern: bool,
    ) -> None:
        now, silent = self.server.clock.now(), method == b"HEAD"
        exchange = ServerExchange(self, method, path, query, headers, body, now, alive, modern, silent)
        if self._waiting is None:
            self._waiting = exchange
        elif self._queue is None:
            self._queue = [exchange]
        elif len(self._queue) < self.server.limits.pipelined:
            self._queue.append(exchange)
        else:
            raise RequestError(503, "Too many pipelined requests. Wait for replies before sending more.")

    def _dispatch(self) -> None:
        """Hands waiting requests over, one after the other, for as long as each is answered at once."""
        self._dispatching = True
        server = self.server
        while self._current is None and self._stage < _LINGER and not self._write_paused:
            exchange = self._waiting
            if exchange is None:
                break
            self._waiting = self._queue.pop(0) if self._queue else None
            self._current = exchange
            self.deadline = NEVER
            server.requests += 1
            try:
                server.handler(exchange)
            except Exception:
                log.exception("The handler failed on %r %r", exchange.method, exchange.path)
                self._apologize(exchange)
        self._dispatching = False
        if self._current is None:
            if self._write_paused:
                self._hold()
            elif self._held or self._deaf or self._reader.begun:
                self._settle()

    def _apologize(self, exchange: ServerExchange) -> None:
        if exchange.untouched:
            headers, body = self.server.error_body(500, "The server failed to answer.")
            exchange.reply(500, headers, body)
        else:
            exchange.abort()

    def _proceed(self) -> None:
        if self._waiting is not None:
            self._dispatch()
        else:
            self._settle()

    def _settle(self) -> None:
        """Nothing is under way and nothing waits: refuse what was malformed, or read on."""
        if self._stage >= _LINGER:
            return
        refusal = self._reader.refusal
        if refusal is not None:
            self._refuse(refusal.status, str(refusal))
            return
        if self._held:
            self._held = False
            self.transport.resume_reading()
        if self._reader.begun:
            self._await_rest()

    def _await_rest(self) -> None:
        reader, server = self._reader, self.server
        now = server.sweeper.now
        if not reader.in_body:
            if self._stage != _HEAD:
                self._stage = _HEAD
                self.deadline = now + server.header_span
            return
        if self._stage != _BODY:
            self._stage = _BODY
            self._since = now
        earned = reader.size * SECOND // server.deadlines.body_rate
        self.deadline = min(now, self._since + earned) + server.body_span
        if reader.wants_continue:
            reader.wants_continue = False
            if reader.size == 0:
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._uploading and reader.size >= server.limits.direct <= reader.missing:
            self._begin_upload()

    def _begin_upload(self) -> None:
        try:
            self._reader.receive_directly()
        except OSError:
            return  # no room at the moment: the parser goes on
        self._uploading = True
        self.transport.set_protocol(Upload(self))

    def _end_upload(self) -> None:
        self._uploading = False
        self.transport.set_protocol(self)

    def _hold(self) -> None:
        """RFC 9112 §9.3.2: what comes before its turn waits, mostly in the kernel's buffer."""
        if not self._held and self._stage < _CLOSING:
            self._held = True
            self.transport.pause_reading()

    # Ends

    def _refuse(self, status: int, message: str) -> None:
        server = self.server
        server.refused[status] = server.refused.get(status, 0) + 1
        headers, body = server.error_body(status, message)
        head = b"%b%bConnection: close\r\nContent-Length: %d\r\n\r\n" % (server.lines[status], headers, len(body))
        self.send(head if self._reader.bodiless else head + body)
        self._deaf = True
        self._stage = _LINGER
        if self._uploading:
            self._end_upload()
        self.deadline = server.sweeper.now + server.linger_span
        if self._held:
            self._held = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _close(self) -> None:
        """Closes once everything written has gone out."""
        self._drop()
        self.send_late()
        self._stage = _CLOSING
        self._left = self.transport.get_write_buffer_size()
        self.deadline = self.server.sweeper.now + self.server.stall_span
        self.transport.close()

    def _cut(self) -> None:
        self._drop()
        self._late = None
        self._stage = _CLOSING
        self.deadline = NEVER
        self.transport.abort()

    def _lose(self) -> None:
        current = self._current
        self._drop()
        if current is not None:
            listener, current.listener = current.listener, None
            self._current = None
            current.lost()
            if listener is not None:
                self._tell(listener.client_gone)

    def _drop(self) -> None:
        self._deaf = True
        self._waiting = None
        self._queue = None

    def _is_stalled(self) -> bool:
        """Whether bytes wait for the client and it took next to none of them since the last look."""
        left = self.transport.get_write_buffer_size()
        before, self._left = self._left, left
        return left > 0 and before > 0 and before - left < _STALL_BYTES

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            log.exception("A listener failed")
