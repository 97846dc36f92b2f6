"""docs/matrix.md tells what the catalogue says."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from fenli.market.flavours import FLAVOURS
from fenli.vendors.catalog import VENDORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "matrix.md").read_text("utf-8")
_spec = spec_from_file_location("matrix_table", ROOT / "tools" / "matrix_table.py")
assert _spec is not None
assert _spec.loader is not None
tool = module_from_spec(_spec)
_spec.loader.exec_module(tool)


def test_the_table_is_that_of_the_catalogue() -> None:
    assert tool.written(PAGE) == PAGE, "run `make docs`"


def test_every_vendor_of_the_catalogue_is_asked() -> None:
    assert set(FLAVOURS) == set(VENDORS)
    modes = {name: {run.mode for run in tool.runs() if run.vendor == name} for name in VENDORS}
    assert all("text" in each for each in modes.values())
