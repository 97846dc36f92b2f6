"""docs/market.md says what scenarios there are and what they may hold, as the code has it."""

from __future__ import annotations

import re

from test_docs import ROOT, rows, section

from fenli.market.offsets import format_offset
from fenli.market.scenario import KINDS
from fenli.market.scenario_events import OWN
from fenli.market.scenario_files import load_scenario, read_scenario, shipped
from fenli.prices.book import PriceBook

PAGE = (ROOT / "docs/market.md").read_text()
BOOK = PriceBook.load()


def test_every_scenario_that_comes_with_fenli_is_listed() -> None:
    listed = [[cell.strip("`") for cell in row] for row in rows(section("docs/market.md", "Scenarios"))]
    scenarios = [load_scenario(name, BOOK) for name in shipped()]
    assert listed == [[each.name, each.titles["en"], format_offset(each.length), each.speed] for each in scenarios]


def test_every_kind_of_event_is_explained_with_its_fields() -> None:
    table = rows(section("docs/market.md", "A scenario of your own"))
    explained = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in table}
    assert explained == {kind: set(OWN[kind]) for kind in KINDS}


def test_the_example_is_a_scenario() -> None:
    [text] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    example = read_scenario("example", text, BOOK)
    assert len(example.events) == 5
    assert (example.seed, example.speed) == (7, "10")
