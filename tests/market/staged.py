"""A market in virtual time that lives through a scenario, and a caller of its vendors."""

from __future__ import annotations

import msgspec
from faces import MODELS, PATIENT, Heard, ask_of, says

from fenli.clock import MILLISECOND
from fenli.errors import Failure
from fenli.http.transport import Deadlines
from fenli.market.bills import Bills
from fenli.market.market import Market, emulate
from fenli.market.offsets import parse_offset
from fenli.market.replies import Echo, Pace
from fenli.market.scenario_files import load_scenario, read_scenario
from fenli.market.scenario_prices import scenario_rows
from fenli.market.served import Serving
from fenli.market.timeline import Timeline, parse_speed
from fenli.market.transport import MarketTransport, Network
from fenli.prices.book import PriceBook
from fenli.sim.kernel import Simulation
from fenli.sim.random import Chance
from fenli.vendors.catalog import VENDORS

BOOK = PriceBook.load()


class Stage:
    """``scenario`` is the text of its events, or the name of one that comes with fenli. Every vendor echoes."""

    def __init__(self, scenario: str, *vendors: str, speed: str = "1") -> None:
        self.sim = Simulation()
        read = (
            read_scenario("staged", f'title = "staged"\n{scenario}', BOOK)
            if "[[" in scenario
            else load_scenario(scenario, BOOK)
        )
        self.timeline = Timeline(read, self.sim.now(), parse_speed(speed))
        self.book = BOOK.with_rows(scenario_rows(self.timeline, BOOK))
        names = vendors or read.vendors
        pace = Pace(10 * MILLISECOND, MILLISECOND)
        self.market = Market(
            self.sim,
            Chance(read.seed if read.seed is not None else 1),
            [emulate(name, behaviour=Echo(), pace=pace) for name in names],
            timeline=self.timeline,
            bills=Bills(self.book),
        )
        self.transport = MarketTransport(self.market, Network(connect=MILLISECOND, read=MILLISECOND))

    def go_to(self, offset: str) -> Stage:
        """Lets time pass until then."""
        span = parse_offset(offset)
        assert span is not None
        until = self.timeline.instant(span)
        assert until >= self.sim.now()
        self.sim.run(until=until)
        return self

    def ask(self, vendor: str, text: str = "hi there", *, deadlines: Deadlines = PATIENT, **more: object) -> Heard:
        heard = self.send(vendor, text, deadlines=deadlines, **more)
        self.sim.run()
        return heard

    def send(self, vendor: str, text: str = "hi there", *, deadlines: Deadlines = PATIENT, **more: object) -> Heard:
        """Without waiting for the answer."""
        heard = Heard()
        body = msgspec.json.encode({"model": MODELS.get(vendor), **says(text), **more})
        self.transport.send(ask_of(vendor, body), deadlines, heard)
        return heard

    def failure(self, vendor: str, text: str = "hi there", **more: object) -> Failure:
        """What the vendor's own adapter makes of its refusal."""
        heard = self.ask(vendor, text, **more)
        assert heard.end == "completed"
        return VENDORS[vendor].classify(heard.status, list(heard.headers.items()), heard.body)

    def last(self) -> Serving:
        return list(self.market.book)[-1]
