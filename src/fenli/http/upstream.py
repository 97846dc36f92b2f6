"""One connection to an origin: a request out, a reply in, then the next.

    begin ─> head ─> first_byte ─> idle ... ─> give_back (to the pool) or close

What was read is parsed first and handed over after: a receiver never runs inside a parser callback, and the pieces
that one read brings arrive as one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import httptools

from fenli.clock import SECOND
from fenli.errors import ConnectionLost, ProtocolError, TimedOut, TransportError
from fenli.http.sweeper import NEVER
from fenli.http.transport import COPIED, Pieces

if TYPE_CHECKING:
    from fenli.http.client import Client, ClientExchange
    from fenli.http.pool import Pool

log = logging.getLogger("fenli.http")

# A kept connection that the origin has closed says so within a round trip; one that dies later may have been at work.
RETRY_SPAN: Final = 1 * SECOND
INTERIM_REPLIES: Final = 32

_BODILESS_METHODS: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE"))


class ClientConnection(asyncio.Protocol):
    """The protocol of one connected socket. ``transport`` exists from ``connection_made`` on."""

    __slots__ = (
        "_alive",
        "_barren",
        "_begun",
        "_client",
        "_coding",
        "_done",
        "_excess",
        "_fault",
        "_fed",
        "_head_due",
        "_headers",
        "_interim",
        "_interims",
        "_left",
        "_parser",
        "_phase",
        "_piece",
        "_pieces",
        "_pool",
        "_reading",
        "_remaining",
        "_served",
        "_silent",
        "_status",
        "_touched",
        "_until_eof",
        "_uploading",
        "deadline",
        "exchange",
        "lost",
        "pooled",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, client: Client, pool: Pool) -> None:
        self._client = client
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self.exchange: ClientExchange | None = None
        self.deadline = NEVER
        self.lost = False
        self.pooled = False  # the pool has it, and is told of its end
        self._served = False  # has answered before
        self._begun = 0  # the sweeper's time when the request was written
        self._left = 0
        self._remaining = NEVER
        self._uploading = False
        self._piece: bytes | None = None
        self._pieces: list[bytes] | None = None
        # The reply under way
        self._phase = "head"
        self._headers: list[tuple[bytes, bytes]] = []
        self._status = 0
        self._coding: bytes | None = None
        self._alive = True
        self._until_eof = False
        self._head_due = False
        self._interim = False
        self._interims = 0
        self._done = False
        self._excess = False  # bytes after the end of the reply
        self._fault: str | None = None
        self._touched = False  # a byte of the reply has come
        self._silent = False
        self._fed = 0  # bytes of a head that is not whole
        self._barren = 0  # bytes since the last piece of a body
        self._reading = 0

    # For the pool and the exchange

    def adopt(self) -> None:
        """The pool has it from now on. (uvloop drops a connection whose dial was cancelled without a word to it.)"""
        if not self.lost:
            self.pooled = True
            self._client.sweeper.add(self)

    def begin(self, exchange: ClientExchange) -> bool:
        """Writes the request. False if the connection turns out to be closed."""
        transport = self.transport
        if transport.is_closing():
            return False
        if exchange.deadline != NEVER:
            exchange.settle()
        exchange.connection = self
        exchange.sent = True
        self.exchange = exchange
        request = exchange.request
        method, target, headers, body = request.method, request.target, request.headers, request.body
        self._silent = method == b"HEAD"
        pool, sweeper = self._pool, self._client.sweeper
        self._begun = now = sweeper.now
        self.deadline = now + exchange.deadlines.head + sweeper.tick
        if pool.prefix:
            target, headers = pool.prefix + target, headers + pool.extra
        if not body and method in _BODILESS_METHODS:
            transport.write(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, headers))
        elif len(body) <= COPIED:
            # %b takes Pieces, too
            parts: tuple[Any, ...] = (method, target, headers, len(body), body)
            transport.write(b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % parts)
        else:
            head = b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (method, target, headers, len(body))
            transport.writelines((head, *body.pieces) if isinstance(body, Pieces) else (head, body))
        if exchange.paused:
            self.pause()
        return True

    def pause(self) -> None:
        self._remaining = self.deadline - self._client.sweeper.now
        self.deadline = NEVER
        self.transport.pause_reading()

    def resume(self) -> None:
        self.deadline = self._client.sweeper.now + self._remaining
        self.transport.resume_reading()

    def drop(self) -> None:
        """The exchange gives up: nothing more of it is read or written."""
        self.exchange = None
        self.close()

    def close(self) -> None:
        self.deadline = NEVER
        self.transport.abort()

    def expire(self) -> None:
        exchange, sweeper = self.exchange, self._client.sweeper
        if exchange is None:
            self.close()
            return
        if self._uploading:
            left = self.transport.get_write_buffer_size()
            if left < self._left:
                self._left = left
                self.deadline = sweeper.now + exchange.deadlines.idle + sweeper.tick
                return
        where = self._pool.where
        message = {
            "head": f"{where} did not begin to answer in time.",
            "first_byte": f"{where} sent a head and then no body in time.",
            "idle": f"{where} fell silent in the middle of its reply.",
        }[self._phase]
        if self._uploading:
            message = f"{where} stopped taking the request."
        self._fail(TimedOut(self._phase, message + " Allow more time, or use another target.", sent=True))

    # The transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.set_write_buffer_limits(high=self._client.limits.write_buffer)

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            # RFC 9112 §9.2: bytes nobody asked for end the connection, lest they answer the next request.
            self.close()
            return
        if not self._touched and not self._silent:
            whole = self._client.plain.read(data)
            if whole is not None:
                self._answered(exchange, *whole)
                return
        self._touched = True
        self._reading = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            self._switched(data[pause.args[0] :])
        except httptools.HttpParserError as error:
            self._note_fault(error)
        piece = self._piece
        if not self._done:
            self._wait_on(exchange, len(data))
        try:
            if self._head_due:
                self._head_due = False
                exchange.receiver.head_received(self._status, self._headers)
            if piece is not None and self.exchange is exchange:
                self._piece = None
                if self._pieces is not None:
                    piece, self._pieces = b"".join(self._pieces), None
                exchange.receiver.body_received(piece)
        except Exception as error:
            log.exception("A receiver failed")
            self._piece = self._pieces = None
            self._fail(TransportError(f"The receiver of the reply failed: {error!r}", sent=True))
        if self.exchange is not exchange:
            return
        if self._done:
            self._complete()
        elif self._fault is not None:
            message = f"{self._pool.where} does not speak HTTP/1.1: {self._fault}. Check the address."
            self._fail(ProtocolError(message, sent=True))

    def _answered(self, exchange: ClientExchange, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """The whole reply in one read."""
        self._release(exchange, self.transport.get_write_buffer_size() == 0)
        try:
            exchange.receiver.answered(status, headers, body)
        except Exception as error:
            self._stumbled(exchange, error)

    def _wait_on(self, exchange: ClientExchange, size: int) -> None:
        """Sets the deadline for what has to come next."""
        piece = self._piece
        if piece is None and not self._head_due:
            self._bound(size)
            if self._phase != "idle":
                return
        else:
            self._barren = 0
            self._phase = "idle" if piece is not None else "first_byte"
        span = exchange.deadlines.idle if self._phase == "idle" else exchange.deadlines.first_byte
        self.deadline = self._client.sweeper.now + span + self._client.sweeper.tick

    def eof_received(self) -> bool:
        if self.exchange is not None and self._until_eof and self._phase != "head":
            # RFC 9112 §6.3: without a length the end of the connection is the end of the body.
            self._alive = False
            self._complete()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        exchange, self.exchange = self.exchange, None
        self.deadline = NEVER
        self.lost = True
        del self._parser  # it holds on to this connection
        self._client.sweeper.discard(self)
        if exchange is not None:
            if self._may_retry(exchange):
                exchange.retry()
            else:
                exchange.fail(self._describe_loss(error))
        if self.pooled:
            self._pool.forget(self)

    def pause_writing(self) -> None:
        exchange = self.exchange
        if exchange is not None:
            sweeper = self._client.sweeper
            self._uploading = True
            self._left = self.transport.get_write_buffer_size()
            self.deadline = sweeper.now + exchange.deadlines.idle + sweeper.tick

    def resume_writing(self) -> None:
        self._uploading = False
        exchange = self.exchange
        if exchange is not None and self._phase == "head" and not exchange.paused:
            sweeper = self._client.sweeper
            self.deadline = sweeper.now + exchange.deadlines.head + sweeper.tick

    # The parser's callbacks

    def on_message_begin(self) -> None:
        if self._done:
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase != "head":
            return  # RFC 9110 §6.5.1: trailers may be dropped
        if len(name) == 17 and name.lower() == b"transfer-encoding":
            self._coding = value.strip()
        self._headers.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        if self._done:
            return
        if self._fed + self._reading > self._client.limits.header_bytes:
            self._check_head()
        parser = self._parser
        status = parser.get_status_code()
        if status < 200:
            if status < 100 or status == 101:
                raise ProtocolError(f"status {status} answers no request of ours", sent=True)
            self._interim = True
            return
        self._alive = parser.should_keep_alive()
        if self._coding is not None or not self._alive:
            self._check_framing(status)
        self._status = status
        self._phase = "first_byte"
        self._head_due = True
        if self._silent:
            self._done = True

    def on_body(self, piece: bytes) -> None:
        if self._done:
            self._excess = True
        elif self._piece is None:
            self._piece = piece
        elif self._pieces is None:
            self._pieces = [self._piece, piece]
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        if self._interim:
            # RFC 9110 §15.2: any number of interim replies may come before the one that counts; not endlessly here.
            self._interim = False
            self._headers = []
            self._interims += 1
            if self._interims > INTERIM_REPLIES:
                raise ProtocolError("it sends interim replies without end", sent=True)
        elif not self._excess:
            self._done = True

    def _switched(self, rest: bytes) -> None:
        """The peer speaks another protocol from here on."""
        self._fault = "it switched protocols unasked"

    # The ends of a reply

    def _complete(self) -> None:
        exchange = self.exchange
        assert exchange is not None
        # RFC 9112 §9.3: a reply that overtook its request leaves the rest of it unread.
        overtook = self.transport.get_write_buffer_size() > 0
        clean = self._alive and not self._excess and self._fault is None and not overtook
        if clean:
            if self._silent:
                self._parser = httptools.HttpResponseParser(self)  # llhttp does not know that it was a HEAD
            self._phase = "head"
            self._headers = []
            self._coding = None
            self._done = self._touched = False
            self._fed = self._barren = self._interims = 0
        self._release(exchange, clean)
        try:
            exchange.receiver.completed()
        except Exception as error:
            self._stumbled(exchange, error)

    def _stumbled(self, exchange: ClientExchange, error: Exception) -> None:
        """The receiver failed over a whole reply: it is told, lest it waits for one."""
        log.exception("A receiver failed")
        exchange.ended = False
        exchange.fail(TransportError(f"The receiver of the reply failed: {error!r}", sent=True))

    def _release(self, exchange: ClientExchange, clean: bool) -> None:
        """The reply is whole. ``clean``: another may come on this connection."""
        self.exchange = None
        exchange.ended = True
        if clean and not self.transport.is_closing():
            if exchange.paused:
                self.transport.resume_reading()
            self._served = True
            self._pool.give_back(self)
        else:
            self.close()

    def _fail(self, error: TransportError) -> None:
        exchange, self.exchange = self.exchange, None
        self.close()
        if exchange is not None:
            exchange.fail(error)

    def _may_retry(self, exchange: ClientExchange) -> bool:
        """Once, and only where the kept connection was closed before it could take the request."""
        soon = self._client.sweeper.now - self._begun <= RETRY_SPAN
        return self._served and not self._touched and not exchange.retried and soon

    def _describe_loss(self, error: Exception | None) -> ConnectionLost:
        cause = f" ({error})" if error is not None else ""
        when = "before it answered" if self._phase == "head" else "in the middle of its reply"
        return ConnectionLost(
            f"{self._pool.where} closed the connection {when}{cause}. Try again, or use another target.", sent=True
        )

    # Strictness

    def _note_fault(self, error: httptools.HttpParserError) -> None:
        if self._done:
            self._excess = True
        elif isinstance(error.__context__, ProtocolError):
            self._fault = str(error.__context__)
        else:
            self._fault = str(error)

    def _bound(self, size: int) -> None:
        """Bounds what the parser keeps without a callback: an unfinished head, trailers, chunk extensions."""
        limit = self._client.limits.header_bytes
        if self._phase == "head":
            self._fed += size
            if self._fed > limit:
                self._fault = f"the head of its reply is larger than {limit} bytes"
        else:
            self._barren += size
            if self._barren > limit:
                self._fault = f"more than {limit} bytes between two pieces of its reply"

    def _check_head(self) -> None:
        limit = self._client.limits.header_bytes
        if sum(len(name) + len(value) + 4 for name, value in self._headers) > limit:
            raise ProtocolError(f"the head of its reply is larger than {limit} bytes", sent=True)

    def _check_framing(self, status: int) -> None:
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise ProtocolError(f"it answers in HTTP/{version}", sent=True)
        if self._coding is not None:
            # RFC 9112 §6.1: we send no TE, so `chunked` is all that may come; and nothing to or from HTTP/1.0.
            if self._coding.lower() != b"chunked" or version == "1.0":
                raise ProtocolError("its Transfer-Encoding is not `chunked`", sent=True)
        elif not self._silent and status not in (204, 304):
            self._until_eof = not any(name.lower() == b"content-length" for name, _ in self._headers)
