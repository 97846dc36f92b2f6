"""The client: a `Transport` (by its shape) over real sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl

import msgspec

from fenli.clock import MILLISECOND
from fenli.errors import ConnectionLost, TimedOut, TransportError
from fenli.http.dial import Allowed, Route
from fenli.http.limits import PoolLimits
from fenli.http.plain import PlainReplies
from fenli.http.pool import Pool
from fenli.http.proxy import Proxies
from fenli.http.sweeper import NEVER, Sweeper
from fenli.http.tls import client_context
from fenli.http.transport import Deadlines, Origin, Receiver, Request, Sending
from fenli.http.upstream import ClientConnection

log = logging.getLogger("fenli.http")


class Client:
    """Make it inside a running loop.

    ``tls`` verifies https and wss origins (default: the system's authorities, read at the first use). ``proxies``
    defaults to the environment's. ``allowed(origin, address)`` is asked about every resolved address before it is
    connected to.
    """

    __slots__ = ("_allowed", "_closing", "_proxies", "_tls", "limits", "loop", "plain", "pools", "sweeper")

    def __init__(
        self,
        *,
        limits: PoolLimits | None = None,
        tls: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        allowed: Allowed | None = None,
        tick: int = 250 * MILLISECOND,
    ) -> None:
        self.limits = limits or PoolLimits()
        self.loop = asyncio.get_running_loop()
        self.sweeper = Sweeper(self.loop, tick=tick)
        self.plain = PlainReplies(self.limits)
        self.pools: dict[Origin, Pool] = {}
        self._tls = tls
        self._proxies = Proxies.from_environment(os.environ) if proxies is None else proxies
        self._allowed = allowed
        self._closing = False

    def send(self, request: Request, deadlines: Deadlines, receiver: Receiver) -> Sending:
        """Sends the request; the receiver hears what comes of it, never before this returns."""
        pool = self.pools.get(request.origin) or self._open_pool(request.origin)
        exchange = ClientExchange(pool, self.sweeper, request, deadlines, receiver)
        if self._closing:
            self.loop.call_soon(exchange.fail, _closed(exchange))
        else:
            pool.take(exchange)
        return exchange

    async def close(self) -> None:
        """Closes every connection; what is under way fails with ConnectionLost."""
        self._closing = True
        for member in list(self.sweeper.members):
            if isinstance(member, ClientExchange):
                member.interrupt(_closed(member))
            elif isinstance(member, ClientConnection):
                if member.exchange is not None:
                    member.exchange.interrupt(_closed(member.exchange))
                member.close()
        while self.sweeper.members or self.pools:
            await asyncio.sleep(0.001)
        self.sweeper.stop()

    def _open_pool(self, origin: Origin) -> Pool:
        context = None
        if origin.scheme in ("https", "wss"):
            if self._tls is None:
                self._tls = client_context()
            context = self._tls
        pool = self.pools[origin] = Pool(self, Route(origin, self._proxies.find(origin), context, self._allowed))
        return pool


def _closed(exchange: ClientExchange) -> ConnectionLost:
    return ConnectionLost("The client was closed. Send the request through a new one.", sent=exchange.sent)


class ClientExchange(msgspec.Struct, eq=False):
    """A `Sending`: one request, waiting for a connection or on one. ``sent``: bytes of it may have reached the peer."""

    _pool: Pool
    _sweeper: Sweeper
    request: Request
    deadlines: Deadlines
    receiver: Receiver
    connection: ClientConnection | None = None
    task: asyncio.Task[bool] | None = None
    deadline: int = NEVER
    ended: bool = False
    paused: bool = False
    retried: bool = False
    sent: bool = False

    def cancel(self) -> None:
        if not self.ended:
            self._end()

    def pause(self) -> None:
        if not self.paused and not self.ended:
            self.paused = True
            if self.connection is not None:
                self.connection.pause()

    def resume(self) -> None:
        if self.paused and not self.ended:
            self.paused = False
            if self.connection is not None:
                self.connection.resume()

    # For the pool, the connection and the sweeper

    def await_connection(self) -> None:
        if self.deadline == NEVER:
            self.deadline = self._sweeper.now + self.deadlines.connect + self._sweeper.tick
            self._sweeper.add(self)

    def expire(self) -> None:
        origin = self._pool.where
        message = f"No connection to {origin} in time. Check the address, or allow more connections or more time."
        self.interrupt(TimedOut("connect", message, sent=self.sent))

    def fail(self, error: TransportError) -> None:
        """Tells the receiver, once."""
        if not self.ended:
            self.ended = True
            self.settle()
            try:
                self.receiver.failed(error)
            except Exception:
                log.exception("A receiver failed")

    def interrupt(self, error: TransportError) -> None:
        """Takes the request off whatever it waits for, and tells the receiver."""
        if not self.ended:
            self._end()
            self.ended = False
            self.fail(error)

    def retry(self) -> None:
        """Sends the request once more, on a connection of its own."""
        self.retried = True
        self.connection = None
        self._pool.dial(self)

    def settle(self) -> None:
        """No longer waits for a connection."""
        if self.deadline != NEVER:
            self.deadline = NEVER
            self._sweeper.discard(self)

    def _end(self) -> None:
        self.ended = True
        self.settle()
        if self.connection is not None:
            self.connection.drop()
        elif self.task is not None:
            self.task.cancel()
        else:
            self._pool.leave(self)
