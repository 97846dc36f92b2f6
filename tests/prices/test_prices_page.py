"""docs/prices.md names what there is: meters, units, conditions and fields."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fenli.prices.files import HEADER, Alias, read_price_file
from fenli.prices.offers import Conditions
from fenli.prices.rows import FIELDS
from fenli.prices.units import UNITS
from fenli.values import METERS

PAGE = Path(__file__).parents[2].joinpath("docs", "prices.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """What stands in backticks in the first column of the table whose heading is ``heading``."""
    table = PAGE[PAGE.index(heading) :].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("| meter |", METERS),
        ("| unit |", UNITS),
        ("| `when.` |", Conditions.__struct_fields__),
        ("| field |", FIELDS),
    ],
)
def test_the_table_is_the_code(heading, names):
    assert sorted(first_cells(heading)) == sorted(names)


def test_the_head_and_the_aliases_are_named():
    said = PAGE[PAGE.index("The head of a file") : PAGE.index("## Meters and units")]

    assert set(re.findall(r"`([^`]+)`", said)) >= {*HEADER, *Alias.__struct_fields__} - {"offers", "aliases"}


def test_the_examples_are_price_files():
    alone, own = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    for text in (f'vendor = "alibaba"\n{alone}', own):
        file, wrong = read_price_file("example.toml", text, {})
        assert wrong == []
        assert file is not None


def test_it_says_how_many_rows_there_are(book):
    told = re.search(r"more than ([0-9,]+) dated rows of ([0-9]+) vendors", PAGE)
    sold = [vendor for vendor in book.vendors() if vendor != "local"]

    assert told is not None
    assert sum(len(book.offers(vendor)) for vendor in sold) > int(told[1].replace(",", ""))
    assert len(sold) == int(told[2])
