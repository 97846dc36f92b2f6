from __future__ import annotations

import re
import tomllib
from pathlib import Path

from fenli.config.load import load_config
from fenli.vendors.catalog import VENDORS
from fenli.vendors.openai_compatible import OpenAICompatible

PAGE = (Path(__file__).parents[2] / "docs" / "vendors.md").read_text("utf-8")


def part(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def row_of(vendor: OpenAICompatible) -> str:
    limit = f"`{vendor.limit_field}`" if vendor.limit_field else "as it came"
    added = ", ".join(
        f"`{one.member}: {one.value.decode()}`" + (f" beside `{one.beside}`" if one.beside else "")
        for one in vendor.adds
    )
    places = ", ".join(f"`{'.'.join(filter(None, (one.within, one.code)))}`" for one in vendor.failures)
    return f"| `{vendor.id}` | `{vendor.base_url}` | {limit} | {added or '-'} | {places or '-'} |"


def test_the_table_says_how_each_is_asked() -> None:
    rows = [line for line in part("How each is asked").splitlines() if line.startswith("| `")]
    assert rows == [row_of(vendor) for vendor in VENDORS.values() if isinstance(vendor, OpenAICompatible)]


def test_the_other_table_has_those_that_speak_another_dialect() -> None:
    others = [vendor for vendor in VENDORS.values() if not isinstance(vendor, OpenAICompatible)]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| .+ \|$", part("In dialects of their own"), re.MULTILINE)
    assert rows == [(vendor.id, vendor.base_url) for vendor in others]


def test_every_block_of_configuration_loads(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[vendors." in block]
    assert len(blocks) == 2
    (tmp_path / "prices").mkdir()
    for block in blocks:
        file = tmp_path / "fenli.toml"
        file.write_text(block)
        config = load_config(file)
        assert set(config.document.vendors) == set(tomllib.loads(block)["vendors"])
