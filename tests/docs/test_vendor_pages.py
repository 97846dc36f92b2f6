"""The vendors' pages and the support tables say what the adapters, model files and price files say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("vendor_pages", ROOT / "tools" / "vendor_pages.py")
assert _spec is not None
assert _spec.loader is not None
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

PAGES: dict[Path, str] = tool.pages(tool.day_written())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_as_the_data_make_it(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path], "run `make docs`"


def test_no_page_is_left_of_a_vendor_that_is_gone() -> None:
    assert set((ROOT / "docs" / "vendors").glob("*.md")) == {path for path in PAGES if path.parent.name == "vendors"}


def test_both_readmes_have_the_table() -> None:
    assert set(tool.READMES.values()) <= set(PAGES)
