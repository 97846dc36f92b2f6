"""The connections to one origin: the idle ones, last in first out, and the requests that wait for one."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from fenli.errors import ConnectFailed, TransportError
from fenli.http.dial import Route, describe, dial
from fenli.http.upstream import ClientConnection
from fenli.http.websocket_client import WebSocketConnection

if TYPE_CHECKING:
    from fenli.http.client import Client, ClientExchange


class Pool:
    """``open`` counts connections and those being opened.

    ``prefix`` and ``extra`` go before the target and after the headers of each request: absolute form and credentials,
    towards a plain-HTTP proxy.
    """

    __slots__ = ("_client", "_kind", "_waiting", "extra", "idle", "open", "prefix", "route", "where")

    def __init__(self, client: Client, route: Route) -> None:
        self._client = client
        self._waiting: deque[ClientExchange] = deque()
        self._kind = WebSocketConnection if route.origin.scheme in ("ws", "wss") else ClientConnection
        self.route = route
        self.where = describe(route.origin)
        self.idle: list[ClientConnection] = []
        self.open = 0
        self.prefix = self.extra = b""
        if route.proxy is not None and not route.tunnels:
            self.prefix = self.where.encode()
            if route.proxy.authorization:
                self.extra = b"Proxy-Authorization: %b\r\n" % route.proxy.authorization

    def take(self, exchange: ClientExchange) -> None:
        """Sends the request now, or when a connection is there."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.begin(exchange):
                return
        limits = self._client.limits
        if self.open < limits.connections:
            self.dial(exchange)
        elif len(self._waiting) < limits.waiting:
            self._waiting.append(exchange)
            exchange.await_connection()
        else:
            error = ConnectFailed(
                f"All {limits.connections} connections to {self.where} are busy and {limits.waiting} requests wait "
                "already. Raise the limits or send less.",
                sent=exchange.sent,
            )
            self._client.loop.call_soon(exchange.fail, error)

    def dial(self, exchange: ClientExchange) -> None:
        """Opens a connection for this one request."""
        self.open += 1
        exchange.await_connection()
        exchange.task = self._client.loop.create_task(self._dial(exchange))
        exchange.task.add_done_callback(self._dialed)

    def give_back(self, connection: ClientConnection) -> None:
        """A connection whose exchange is over and that can carry another."""
        while self._waiting:
            if connection.begin(self._waiting.popleft()):
                return
        if len(self.idle) < self._client.limits.idle:
            self.idle.append(connection)
            connection.deadline = self._client.sweeper.now + self._client.limits.expiry
        else:
            connection.close()

    def forget(self, connection: ClientConnection) -> None:
        """A connection has closed."""
        if connection in self.idle:
            self.idle.remove(connection)
        self._freed()

    def leave(self, exchange: ClientExchange) -> None:
        """A request no longer waits for a connection."""
        if exchange in self._waiting:
            self._waiting.remove(exchange)

    async def _dial(self, exchange: ClientExchange) -> bool:
        """Returns whether there is a connection more."""
        try:
            connection = await dial(self.route, self._make, exchange.deadlines.connect)
        except TransportError as failure:
            failure.sent = exchange.sent
            exchange.fail(failure)
            return False
        exchange.task = None
        connection.adopt()
        if exchange.ended and not connection.lost:
            self.give_back(connection)
        elif connection.lost or not connection.begin(exchange):
            error = ConnectFailed(f"{self.where} closed the connection at once. Try again.", sent=exchange.sent)
            exchange.fail(error)
        return not connection.lost

    def _dialed(self, task: asyncio.Task[bool]) -> None:
        if task.cancelled() or not task.result():
            self._freed()

    def _make(self) -> ClientConnection:
        return self._kind(self._client, self)

    def _freed(self) -> None:
        self.open -= 1
        if self._waiting:
            self.dial(self._waiting.popleft())
        elif self.open == 0:
            self._client.pools.pop(self.route.origin, None)
