"""docs/endpoints.md says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from fenli.vendors.catalog import VENDORS
from fenli.wire.capabilities import PATHS, Capability

PAGE = Path(__file__).parents[2] / "docs" / "endpoints.md"
SPAN = re.compile(r"`([^`]+)`")


def rows_below(heading: str) -> list[list[str]]:
    part = PAGE.read_text().partition(heading)[2]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_path_beyond_chat_has_its_row() -> None:
    told = [SPAN.findall(row[0])[0] for row in rows_below("# Beyond chat") if SPAN.search(row[0])]
    assert told[: len(PATHS) - 1] == [path for name, path in PATHS.items() if name is not Capability.CHAT]


def test_the_table_is_the_catalogue() -> None:
    heads, _, *rows = rows_below("## What each vendor offers")
    told = {}
    for names, *cells in rows:
        for vendor in SPAN.findall(names):
            told[vendor] = {Capability(head): cell for head, cell in zip(heads[1:], cells, strict=True) if cell != "-"}
    assert {vendor: set(offers) for vendor, offers in told.items()} == {
        name: {endpoint.capability for endpoint in vendor.endpoints}
        for name, vendor in VENDORS.items()
        if vendor.endpoints
    }
    for vendor, offers in told.items():
        does = {model.id: model.does for model in VENDORS[vendor].models}
        assert {name: does[name] for cell in offers.values() for name in SPAN.findall(cell)} == {
            name: capability for capability, cell in offers.items() for name in SPAN.findall(cell)
        }
