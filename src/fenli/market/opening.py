"""Opens the market as a server: says what to paste, tells what happens, and serves until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable

import uvloop

from fenli.clock import MICROSECOND
from fenli.http.server import Server
from fenli.market.doors import Doors
from fenli.market.market import Market, market_key
from fenli.market.options import MarketOptions, build_market
from fenli.market.server import MarketServer
from fenli.market.timeline import Happening
from fenli.sim.wall import Wall
from fenli.vendors.catalog import VENDORS

Tell = Callable[[Happening], str]


def run_market(options: MarketOptions, tell: Tell) -> None:
    """Says what to paste, then serves until SIGINT or SIGTERM, and puts what happens into words by ``tell``. Raises
    ConfigError, and OSError for a taken port."""

    def announce(market: Market, port: int) -> None:
        say_line("\n".join(introduction(market, options.host, port)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_market(options, announce=announce, happened=lambda what: say_line(tell(what))))


def say_line(text: str) -> None:
    """A line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def serve_market(
    options: MarketOptions,
    *,
    stop: asyncio.Event | None = None,
    announce: Callable[[Market, int], None] | None = None,
    happened: Callable[[Happening], None] | None = None,
) -> None:
    """Serves until ``stop`` is set (without one: until SIGINT or SIGTERM). ``happened`` is told each event of the
    scenario as it happens; those that were over before are left out."""
    loop = asyncio.get_running_loop()
    wall = Wall(loop)
    opened = wall.now()
    market = build_market(options, wall)
    handler = MarketServer(market).handle
    doors = Doors(handler, options.host, options.ports)
    await doors.open(market.timeline, wall)
    server = Server(handler)
    await server.listen(options.host, options.port)
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    if announce is not None:
        announce(market, server.port)
    if market.timeline is not None and happened is not None:
        for happening in market.timeline.happenings():
            if happening.instant >= opened - MICROSECOND:
                wall.call_at(happening.instant, happened, happening)
    await stop.wait()
    await asyncio.gather(server.drain(0.2), doors.close())
    wall.close()
    market.book.close()


def introduction(market: Market, host: str, port: int) -> Iterable[str]:
    """What to paste, line by line: each vendor's base URL, and its key in the variable that switches it on."""
    yield f"The market is open on http://{host}:{port}. Everything it says is made up."
    for name, emulated in market.vendors.items():
        yield ""
        scheme = "ws" if emulated.vendor.base_url.startswith("ws") else "http"
        yield f"# {emulated.vendor.title}: base_url = {scheme}://{host}:{port}/{name}{emulated.prefix}"
        variables = VENDORS[name].key_variables
        if variables:
            yield f"export {variables[0]}={market_key(name)}"
    yield ""
    yield f"What the vendors served: http://{host}:{port}/market/served"
