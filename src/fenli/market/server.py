"""The other face: the market as a real server, with the same model, scripts and player.

GET  /market/served     the vendors' own book, as JSON lines
GET  /market/vendors    what is emulated, and where
GET  /                  the scenario: what has happened and what is to come
*    /{vendor}/...      the vendor's own paths
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import RequestError
from fenli.http.exchange import ServerExchange
from fenli.market.conversation import Conversation
from fenli.market.faults import CONNECTING_NAMES
from fenli.market.market import Market
from fenli.market.model import EmulatedVendor
from fenli.market.player import Player
from fenli.market.requests import Ask
from fenli.market.script import Body, End, Enter, Head, Script
from fenli.market.status import status_of

_JSON: Final = b"content-type: application/json\r\n"
_LINES: Final = b"content-type: application/x-ndjson\r\n"
_VERSION: Final = b"content-type: text/plain\r\nsec-websocket-version: 13\r\n"


class MarketServer:
    """Handles the exchanges of a `fenli.http.server.Server`. ``served`` is the file that the book is appended to."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def handle(self, exchange: ServerExchange) -> None:
        path = exchange.path.decode("latin-1")
        found = self.market.find("", path)
        if found is None and exchange.method == b"POST" and len(self.market.vendors) == 1:
            found = next(iter(self.market.vendors.values())), path  # for clients that can be told a host and no path
        if found is None:
            self._own(exchange, path)
            return
        emulated, rest = found
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
        target = f"{path}?{exchange.query.decode('latin-1')}" if exchange.query else path
        ask = Ask(exchange.method.decode("latin-1"), rest, headers, bytes(exchange.body), target)
        if exchange.asks_websocket:
            self._converse(exchange, emulated, ask)
        else:
            self._play(exchange, emulated, self.market.script(emulated, ask))

    def _converse(self, exchange: ServerExchange, emulated: EmulatedVendor, ask: Ask) -> None:
        refused = self.market.handshake(emulated, ask)
        if refused is not None:
            self._play(exchange, emulated, refused)
            return
        try:
            Conversation(self.market, emulated, exchange, ask)
        except RequestError as error:
            exchange.reply(error.status, _VERSION, str(error).encode())

    def _play(self, exchange: ServerExchange, emulated: EmulatedVendor, script: Script) -> None:
        if script.fault in CONNECTING_NAMES:
            exchange.abort()  # the nearest that a server which has already accepted can come to
            return
        performance = Performance(exchange, script)
        performance.player = self.market.player(emulated, script, performance)
        exchange.listener = performance
        performance.player.play()

    def _own(self, exchange: ServerExchange, path: str) -> None:
        if path == "/market/served":
            exchange.reply(200, _LINES, self.market.book.lines())
        elif path == "/market/vendors":
            places = {name: emulated.prefix for name, emulated in self.market.vendors.items()}
            exchange.reply(200, _JSON, msgspec.json.encode({name: f"/{name}{at}" for name, at in places.items()}))
        elif path == "/":
            exchange.reply(200, _JSON, msgspec.json.encode(status_of(self.market)))
        else:
            names = ", ".join(self.market.vendors)
            exchange.reply(404, _JSON, msgspec.json.encode({"error": f"nothing at {path[:100]}: vendors are {names}"}))


class Performance:
    """Implements `fenli.market.player.Stage` and `fenli.http.exchange.ServerListener` on one exchange."""

    __slots__ = ("_exchange", "_held", "_whole", "player")

    player: Player

    def __init__(self, exchange: ServerExchange, script: Script) -> None:
        self._exchange = exchange
        self._whole = _is_one_piece(script)
        self._held: tuple[int, bytes] | None = None

    def head(self, head: Head) -> None:
        lines = b"".join(b"%b: %b\r\n" % line for line in head.headers)
        if self._whole:
            self._held = head.status, lines
        else:
            self._exchange.start(head.status, lines)

    def body(self, data: bytes) -> None:
        if self._held is None:
            self._exchange.write(data)
            return
        status, lines = self._held
        self._exchange.listener = None
        self._exchange.reply(status, lines, data)

    def end(self) -> None:
        self._exchange.listener = None
        if self._held is None:
            self._exchange.finish()

    def cut(self) -> None:
        self._exchange.listener = None
        self._exchange.abort()

    def client_gone(self) -> None:
        self.player.gone()

    def client_slow(self) -> None:
        self.player.pause()

    def client_ready(self) -> None:
        self.player.resume()


def _is_one_piece(script: Script) -> bool:
    """Whether head and body go out together, with a Content-Length, as vendors answer what is not streamed."""
    shown = [type(action) for action in script.actions if type(action) is not Enter]
    return shown[-3:] == [Head, Body, End] and shown.count(Body) == 1
