"""One WebSocket to an origin: a handshake, one message out, messages in, and the end of it. Never used twice.

    begin ─> head ─> first_byte (the message is out) ─> idle ... ─> close

A handshake that is refused is an ordinary reply, with its status and its body. What one read brings is handed over
message by message, and what is left waits where the receiver pauses.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from typing import TYPE_CHECKING, Final

from fenli.clock import SECOND
from fenli.errors import ConnectionLost, ProtocolError, TransportError
from fenli.http.upstream import ClientConnection
from fenli.http.websocket_frames import (
    CLOSE,
    NO_CODE,
    NORMAL,
    PING,
    PONG,
    TEXT,
    Event,
    FrameReader,
    encode_close,
    encode_frame,
)
from fenli.http.websocket_handshake import SWITCHING, check_reply, fresh_key, request_lines

if TYPE_CHECKING:
    from fenli.http.client import Client, ClientExchange
    from fenli.http.pool import Pool

log = logging.getLogger("fenli.http")

# How long our close may take to leave before the connection is cut.
_FAREWELL: Final = 1 * SECOND
_WELL: Final = "it ended well"


class WebSocketConnection(ClientConnection):
    """Made by the pool of a ``ws`` or ``wss`` origin, for one request."""

    __slots__ = ("_outcome", "_parted", "_rest", "_undelivered", "_words", "_words_key")

    def __init__(self, client: Client, pool: Pool) -> None:
        super().__init__(client, pool)
        self._words_key = fresh_key()
        self._words: FrameReader | None = None  # once the handshake is granted
        self._rest = b""  # what came behind the handshake in one read
        self._undelivered: deque[bytes] = deque()
        self._outcome: TransportError | str | None = None  # once nothing more is read
        self._parted = False

    # For the pool and the exchange

    def begin(self, exchange: ClientExchange) -> bool:
        transport = self.transport
        if transport.is_closing():
            return False
        exchange.settle()
        exchange.connection = self
        exchange.sent = True
        self.exchange = exchange
        request, sweeper = exchange.request, self._client.sweeper
        self.deadline = sweeper.now + exchange.deadlines.head + sweeper.tick
        lines = request.headers + request_lines(self._words_key)
        transport.write(b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method, request.target, lines))
        if exchange.paused:
            self.pause()
        return True

    def resume(self) -> None:
        super().resume()
        if self._undelivered or self._outcome is not None:
            self._client.loop.call_soon(self._deliver)

    def close(self) -> None:
        words, transport = self._words, self.transport
        if words is None or self._parted or self.lost or transport.get_write_buffer_size():
            super().close()
            return
        self._parted = True
        self.deadline = self._client.sweeper.now + _FAREWELL
        code, reason = words.fault or (NORMAL, "")
        transport.write(encode_close(code, reason, os.urandom(4)))
        transport.close()

    # The transport's callbacks

    def data_received(self, data: bytes) -> None:
        if self._words is not None:
            self._read(data)
            return
        super().data_received(data)
        if self._words is not None and self.exchange is not None:
            body = bytes(self.exchange.request.body)
            if body:
                self.transport.write(encode_frame(TEXT, body, os.urandom(4)))
            rest, self._rest = self._rest, b""
            if rest:
                self._read(rest)

    def connection_lost(self, error: Exception | None) -> None:
        exchange = self.exchange
        if exchange is None or not self._undelivered:
            super().connection_lost(error)
            return
        # The receiver has paused: it hears the rest first, and of this loss after it.
        self._outcome = self._outcome or self._describe_loss(error)
        self.exchange = None
        super().connection_lost(error)
        self.exchange = exchange

    def resume_writing(self) -> None:
        super().resume_writing()
        exchange = self.exchange
        if exchange is not None and self._phase == "first_byte" and not exchange.paused:
            sweeper = self._client.sweeper
            self.deadline = sweeper.now + exchange.deadlines.first_byte + sweeper.tick

    # The parser's callbacks

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() != SWITCHING:
            super().on_headers_complete()
            return
        self._check_head()
        check_reply(self._headers, self._words_key)
        self._status = SWITCHING
        self._phase = "first_byte"
        self._head_due = True
        self._words = FrameReader(masked=False, message_bytes=self._client.limits.message_bytes)

    def on_message_complete(self) -> None:
        if self._words is None:
            super().on_message_complete()

    def _switched(self, rest: bytes) -> None:
        self._rest = rest

    # Messages

    def _read(self, data: bytes) -> None:
        exchange, words = self.exchange, self._words
        assert words is not None
        if exchange is None or self._outcome is not None:
            return
        for event in words.feed(data):
            if event.opcode == CLOSE:
                self._outcome = self._ended(event)
            elif event.opcode == PING:
                self._answer(event.data)
            else:
                self._undelivered.append(event.data)
                self._phase = "idle"
        if words.fault is not None:
            message = f"{self._pool.where} breaks the WebSocket protocol: {words.fault.reason}. Check the address."
            self._outcome = ProtocolError(message, sent=True)
        if self._phase == "idle" and not exchange.paused:
            sweeper = self._client.sweeper
            self.deadline = sweeper.now + exchange.deadlines.idle + sweeper.tick
        self._deliver()

    def _answer(self, data: bytes) -> None:
        # RFC 6455 §5.5.3: not every ping has to be answered; a peer that does not read cannot fill our memory.
        if self.transport.get_write_buffer_size() <= self._client.limits.write_buffer:
            self.transport.write(encode_frame(PONG, data, os.urandom(4)))

    def _ended(self, event: Event) -> TransportError | str:
        if event.code in (NORMAL, NO_CODE):
            return _WELL
        told = event.data.decode() or "no reason given"
        message = (
            f"{self._pool.where} closed the WebSocket with {event.code} ({told}). Try again, or use another target."
        )
        return ConnectionLost(message, sent=True)

    def _deliver(self) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        try:
            while self._undelivered and self.exchange is exchange and not exchange.paused:
                exchange.receiver.body_received(self._undelivered.popleft())
        except Exception as error:
            log.exception("A receiver failed")
            self._undelivered.clear()
            self._fail(TransportError(f"The receiver of the reply failed: {error!r}", sent=True))
        outcome = self._outcome
        if self.exchange is not exchange or exchange.paused or outcome is None:
            return
        if isinstance(outcome, TransportError):
            self._fail(outcome)
        else:
            self._complete()

    # The ends of it

    def _release(self, exchange: ClientExchange, clean: bool) -> None:
        super()._release(exchange, False)
