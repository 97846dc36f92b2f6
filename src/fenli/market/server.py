"""The other face: the market as a real server, with the same model, scripts and player.

GET  /market/served     the vendors' own book, as JSON lines
GET  /market/vendors    what is emulated, and where
*    /{vendor}/...      the vendor's own paths
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from fenli.clock import SECOND
from fenli.errors import ConfigError
from fenli.http.exchange import ServerExchange
from fenli.http.server import Server
from fenli.market.accounts import Account, parse_account
from fenli.market.faults import CONNECTING, FaultRule, Faults, parse_rule
from fenli.market.flavours import FLAVOURS
from fenli.market.market import DEFAULT_VENDORS, Market, emulate, market_key
from fenli.market.player import Player
from fenli.market.replies import AT_ONCE, Behaviour, Echo, Pace, Synthetic
from fenli.market.requests import Ask
from fenli.market.script import Body, End, Enter, Head, Script
from fenli.market.served import ServedBook
from fenli.sim.kernel import Scheduler
from fenli.sim.random import Chance
from fenli.sim.wall import Wall
from fenli.vendors.catalog import VENDORS

_JSON: Final = b"content-type: application/json\r\n"
_LINES: Final = b"content-type: application/x-ndjson\r\n"
_KEPT: Final = 100_000
BALANCE: Final = "1000+10"
_TROUBLES: Final = frozenset(trouble.value for trouble in CONNECTING)


class MarketServer:
    """Handles the exchanges of a `fenli.http.server.Server`. ``served`` is the file that the book is appended to."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def handle(self, exchange: ServerExchange) -> None:
        path = exchange.path.decode("latin-1")
        found = self.market.find("", path)
        if found is None:
            self._own(exchange, path)
            return
        emulated, rest = found
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
        ask = Ask(exchange.method.decode("latin-1"), rest, headers, bytes(exchange.body))
        script = self.market.script(emulated, ask)
        if script.fault in _TROUBLES:
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


class MarketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``tokens_per_second`` None answers at once. ``faults`` as `fenli.market.faults.parse_rule` reads them, for all
    vendors or, as ``vendor:fault``, for one. ``balances`` as `fenli.market.accounts.parse_account` reads them, for all
    vendors that tell what is left or for one; a million tokens cost ``price``. ``seed`` None takes a fresh one."""

    host: str = "127.0.0.1"
    port: int = 8420
    vendors: tuple[str, ...] = DEFAULT_VENDORS
    tokens_per_second: float | None = 50.0
    first_token_ms: int = 200
    echo: bool = False
    served: Path | None = None
    faults: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    balances: tuple[str, ...] = ()
    price: str = "1"
    seed: int | None = None


def build_market(options: MarketOptions, scheduler: Scheduler) -> Market:
    """Raises ConfigError for a vendor or a fault that does not exist."""
    rules: dict[str, list[FaultRule]] = {name: [] for name in options.vendors}
    for text in options.faults:
        vendor, mark, fault = text.partition(":")
        if mark and vendor not in rules:
            raise ConfigError(f"{text!r} names no vendor that is served here: {', '.join(options.vendors)}")
        for name in [vendor] if mark else options.vendors:
            rules[name].append(parse_rule(fault if mark else text))
    pace = AT_ONCE
    if options.tokens_per_second is not None:
        if options.tokens_per_second <= 0:
            raise ConfigError("tokens per second must be more than 0: leave it out to answer at once")
        pace = Pace(options.first_token_ms * 1_000_000, int(SECOND / options.tokens_per_second))
    behaviour: Behaviour = Echo() if options.echo else Synthetic()
    accounts = _accounts(options)
    vendors = [
        emulate(
            name,
            keys=(market_key(name), *options.keys),
            behaviour=behaviour,
            pace=pace,
            faults=Faults(tuple(rules[name])),
            account=accounts.get(name),
        )
        for name in options.vendors
    ]
    seed = secrets.randbits(63) if options.seed is None else options.seed
    return Market(scheduler, Chance(seed), vendors, ServedBook(options.served, kept=_KEPT))


def _accounts(options: MarketOptions) -> dict[str, Account]:
    """Ours with each vendor that tells what is left; what is written for one vendor wins over what is for all."""
    telling = [name for name in options.vendors if name in FLAVOURS and FLAVOURS[name].teller is not None]
    balances = dict.fromkeys(telling, BALANCE)
    for text in sorted(options.balances, key=lambda text: ":" in text):
        vendor, mark, balance = text.rpartition(":")
        if mark and vendor not in balances:
            raise ConfigError(f"{text!r} names no vendor here that tells what is left: {', '.join(telling) or 'none'}")
        balances |= dict.fromkeys([vendor] if mark else telling, balance)
    accounts = {}
    for name, balance in balances.items():
        teller = FLAVOURS[name].teller
        assert teller is not None
        accounts[name] = parse_account(teller.currency, balance, options.price)
    return accounts


def run_market(options: MarketOptions) -> None:
    """Says what to paste, then serves until SIGINT or SIGTERM. Raises ConfigError, and OSError for a taken port."""

    def announce(market: Market, port: int) -> None:
        sys.stdout.write("\n".join(introduction(market, options.host, port)) + "\n")
        sys.stdout.flush()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_market(options, announce=announce))


async def serve_market(
    options: MarketOptions, *, stop: asyncio.Event | None = None, announce: Callable[[Market, int], None] | None = None
) -> None:
    """Serves until ``stop`` is set (without one: until SIGINT or SIGTERM)."""
    loop = asyncio.get_running_loop()
    wall = Wall(loop)
    market = build_market(options, wall)
    server = Server(MarketServer(market).handle)
    await server.listen(options.host, options.port)
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    if announce is not None:
        announce(market, server.port)
    await stop.wait()
    await server.drain(0.2)
    wall.close()
    market.book.close()


def introduction(market: Market, host: str, port: int) -> Iterable[str]:
    """What to paste, line by line: each vendor's base URL, and its key in the variable that switches it on."""
    yield f"The market is open on http://{host}:{port}. Everything it says is made up."
    for name, emulated in market.vendors.items():
        yield ""
        yield f"# {emulated.vendor.title}: base_url = http://{host}:{port}/{name}{emulated.prefix}"
        variables = VENDORS[name].key_variables
        if variables:
            yield f"export {variables[0]}={market_key(name)}"
    yield ""
    yield f"What the vendors served: http://{host}:{port}/market/served"
