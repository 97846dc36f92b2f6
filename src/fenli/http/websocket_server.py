"""A WebSocket that one of the server's connections has become: messages in, messages out, and the end of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from fenli.http.websocket_frames import (
    CLOSE,
    NO_CODE,
    NORMAL,
    PING,
    PONG,
    TEXT,
    FrameReader,
    encode_close,
    encode_frame,
)

if TYPE_CHECKING:
    from fenli.http.connection import ServerConnection

log = logging.getLogger("fenli.http")

_FAILED: Final = 1011  # RFC 6455 §7.4.1: what was asked could not be done


class MessageListener(Protocol):
    """Told what the client does: its messages, and what a `fenli.http.exchange.ServerListener` is told."""

    def message_received(self, data: bytes) -> None: ...
    def client_gone(self) -> None: ...
    def client_slow(self) -> None: ...
    def client_ready(self) -> None: ...


class ServerWebSocket(asyncio.Protocol):
    """The protocol at the connection's transport from now on. Once the client has gone every method does nothing."""

    __slots__ = ("_connection", "_listener", "_over", "_reader", "_said_all")

    def __init__(self, connection: ServerConnection, listener: MessageListener) -> None:
        self._connection = connection
        self._listener = listener
        self._reader = FrameReader(masked=True, message_bytes=connection.server.limits.message_bytes)
        self._said_all = False
        self._over = False

    def write(self, text: bytes) -> None:
        """Sends one message, of UTF-8."""
        if not self._over and not self._said_all:
            self._connection.send(encode_frame(TEXT, text))

    def finish(self, code: int = NORMAL, reason: str = "") -> None:
        """Closes, and waits for the client to do the same."""
        if not self._over and not self._said_all:
            self._said_all = True
            self._connection.send(encode_close(code, reason))
            self._connection.await_close()

    def abort(self) -> None:
        """Ends the connection without a word. Harmless after the end."""
        if not self._over and not self._said_all:
            self._over = True
            self._connection.abandon(reset=False)

    # The transport's callbacks

    def data_received(self, data: bytes) -> None:
        connection, reader = self._connection, self._reader
        connection.server.bytes_in += len(data)
        if self._over:
            return
        for event in reader.feed(data):
            if event.opcode == PING:
                self._answer(event.data)
            elif event.opcode == CLOSE:
                self._part(NORMAL if event.code == NO_CODE else event.code)
                return
            elif not self._said_all:
                self._hand_over(event.data)
        if reader.fault is not None:
            self._part(*reader.fault)

    def eof_received(self) -> bool:
        self._over = True
        return self._connection.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        self._connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def _answer(self, data: bytes) -> None:
        # RFC 6455 §5.5.3: not every ping has to be answered; a client that does not read cannot fill our memory.
        connection = self._connection
        if connection.transport.get_write_buffer_size() <= connection.server.limits.write_buffer:
            connection.send(encode_frame(PONG, data))

    def _part(self, code: int, reason: str = "") -> None:
        self._over = True
        if not self._said_all:
            self._connection.send(encode_close(code, reason))
        self._connection.part()

    def _hand_over(self, data: bytes) -> None:
        self._connection.message_begun()
        try:
            self._listener.message_received(data)
        except Exception:
            log.exception("A listener failed")
            self.finish(_FAILED, "The server failed to answer.")
