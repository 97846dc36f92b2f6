"""A port for each vendor, so that one that leaves refuses connections as it would in the world.

Over a port that all share, a vendor cannot refuse: there its connections are reset. A name cannot be taken out of the
machine's DNS either, so that over real sockets it looks the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from fenli.http.exchange import ServerExchange
from fenli.http.server import Server
from fenli.market.scenario import Exit, Way
from fenli.market.timeline import Timeline
from fenli.sim.kernel import Scheduler

UNREACHABLE: Final = (Way.REFUSED, Way.NO_DNS)
_LEAVING_S: Final = 10.0  # for answers under way when a vendor leaves
_CLOSING_S: Final = 0.2


class Doors:
    """``ports`` are by vendor. What comes in is handled as on the market's own port."""

    def __init__(self, handler: Callable[[ServerExchange], None], host: str, ports: Mapping[str, int]) -> None:
        self._handler = handler
        self._host = host
        self._ports = dict(ports)
        self._open: dict[str, Server] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def open(self, timeline: Timeline | None, scheduler: Scheduler) -> None:
        """Opens all but those of vendors that are gone just now, and follows the ``timeline`` from then on."""
        away = set()
        for vendor in self._ports:
            for span in timeline.spans(vendor) if timeline is not None else ():
                what = span.spell.event.what
                if not isinstance(what, Exit) or what.how not in UNREACHABLE:
                    continue
                if span.holds(scheduler.now()):
                    away.add(vendor)
                elif span.start > scheduler.now():
                    scheduler.call_at(span.start, self._begin, self._leave, vendor)
                if span.end is not None and span.end > scheduler.now():
                    scheduler.call_at(span.end, self._begin, self._come_back, vendor)
        for vendor in self._ports:
            if vendor not in away:
                await self._come_back(vendor)

    async def settled(self) -> None:
        """Until every door stands as it should, and who leaves has given its last answer."""
        await asyncio.gather(*self._work)

    async def close(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*(server.drain(_CLOSING_S) for server in self._open.values()))

    def _begin(self, work: Callable[[str], Coroutine[Any, Any, None]], vendor: str) -> None:
        task = asyncio.ensure_future(work(vendor))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _leave(self, vendor: str) -> None:
        """No connection is taken from now on; answers under way are given to their end."""
        server = self._open.pop(vendor, None)
        if server is not None:
            await server.drain(_LEAVING_S)

    async def _come_back(self, vendor: str) -> None:
        server = self._open[vendor] = Server(self._handler)
        await server.listen(self._host, self._ports[vendor])
