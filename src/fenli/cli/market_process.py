"""The market of a rehearsal, as `fenli serve --market` starts it: behind the gateways, once they all answer.

The scenario begins when every gateway has its prices: they are written with the instants at which they will count, and
only when the snapshot has them is the beginning settled. A market that died and is started again goes on with the same.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import uvloop

from fenli.cli.child import begin
from fenli.cli.happenings import line_of
from fenli.cli.language import say, speak
from fenli.cli.orders import MarketStart
from fenli.clock import MILLISECOND, SECOND, SystemClock
from fenli.errors import FenliError
from fenli.market.market import OwnVendor
from fenli.market.opening import say_line, serve_market
from fenli.market.options import MarketOptions, timeline_of
from fenli.market.scenario_prices import price_files, scenario_rows
from fenli.prices.book import PriceBook
from fenli.prices.offers import Offer
from fenli.routing.snapshot import read_snapshot

LEAD: Final = 3 * SECOND
SETTLED_S: Final = 0.5  # gateways look at the snapshot four times a second
WITHIN_S: Final = 30.0
BEGAN: Final = "began"


class NotTaken(FenliError):
    pass


def main() -> None:
    start = begin("market", MarketStart)
    speak(start.language)
    try:
        begun = None if start.scenario is None else beginning(start, start.scenario)
        uvloop.run(serve_market(options_of(start, begun), happened=lambda happening: say_line(line_of(happening))))
    except (FenliError, OSError) as error:
        sys.exit(f"market: {error}")


def options_of(start: MarketStart, begun: int | None) -> MarketOptions:
    return MarketOptions(
        port=start.port,
        ports=start.ports,
        served=start.served,
        scenario=start.scenario,
        speed=start.speed,
        begin=begun,
        prices=start.price_directories,
        currencies=start.currencies,
        lists=start.lists,
        own={name: OwnVendor(*own) for name, own in start.own.items()},
    )


def beginning(start: MarketStart, scenario: str) -> int:
    """The instant at which the scenario begins, or began. Raises NotTaken when the gateways do not get its prices."""
    settled = start.folder / BEGAN
    if settled.exists():
        return int(settled.read_text())
    book, clock, lead = PriceBook.load(*start.price_directories), SystemClock(), LEAD
    while True:
        now = clock.now()
        begun = now - now % MILLISECOND + lead
        rows = scenario_rows(timeline_of(scenario, book, begun, start.speed), book)
        for name, text in price_files(rows, book).items():
            replace_text(start.scenario_prices / name, text)
        wait_until_taken(start.folder / "snapshot", rows)
        if clock.now() < begun:
            replace_text(settled, str(begun))
            return begun
        lead *= 2


def wait_until_taken(snapshot: Path, rows: tuple[Offer, ...]) -> None:
    """Until the gateways decide by these rows."""
    if not rows:
        return
    wanted = {row.id for row in rows if row.effective_to is None}
    give_up = time.monotonic() + WITHIN_S
    while not wanted <= {row.id for group in read_snapshot(snapshot).offers.values() for row in group}:
        if time.monotonic() > give_up:
            raise NotTaken(say("rehearse.not_taken", data=snapshot.parent))
        time.sleep(0.05)
    time.sleep(SETTLED_S)


def replace_text(file: Path, text: str) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text)
    os.replace(fresh, file)


if __name__ == "__main__":
    main()
