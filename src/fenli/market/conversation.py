"""The other face where vendors are spoken to over a WebSocket: a handshake, one message that asks, and the answer."""

from __future__ import annotations

import msgspec

from fenli.http.exchange import ServerExchange
from fenli.market.faults import CONNECTING_NAMES
from fenli.market.market import Market
from fenli.market.model import EmulatedVendor
from fenli.market.player import Player
from fenli.market.requests import Ask
from fenli.market.script import Head


class Conversation:
    """Implements `fenli.market.player.Stage` and `fenli.http.websocket_server.MessageListener`.

    Grants the WebSocket; raises RequestError where what was asked for is none. What a vendor does about a request it
    does once the message is here: the one thing that can no longer be shown then is another answer to the handshake,
    and the connection is cut instead.
    """

    __slots__ = ("_ask", "_emulated", "_market", "_player", "_socket")

    def __init__(self, market: Market, emulated: EmulatedVendor, exchange: ServerExchange, ask: Ask) -> None:
        self._market = market
        self._emulated = emulated
        self._ask = ask
        self._player: Player | None = None
        self._socket = exchange.upgrade(self)

    def message_received(self, data: bytes) -> None:
        if self._player is not None:
            return  # one request a connection
        script = self._market.script(self._emulated, msgspec.structs.replace(self._ask, body=data))
        self._player = self._market.player(self._emulated, script, self)
        if script.fault in CONNECTING_NAMES:
            self._break_off()
        else:
            self._player.play()

    # The stage

    def head(self, head: Head) -> None:
        if head.status != 200:
            self._break_off()

    def body(self, data: bytes) -> None:
        self._socket.write(data)

    def end(self) -> None:
        self._socket.finish()

    def cut(self) -> None:
        self._socket.abort()

    def _break_off(self) -> None:
        assert self._player is not None
        self._player.gone()
        self._socket.abort()

    # The client

    def client_gone(self) -> None:
        if self._player is not None:
            self._player.gone()

    def client_slow(self) -> None:
        if self._player is not None:
            self._player.pause()

    def client_ready(self) -> None:
        if self._player is not None:
            self._player.resume()
