"""What docs/sdks.md says of SDKs and vendors is so."""

from __future__ import annotations

import re
from pathlib import Path

from fenli.market.flavours import FLAVOURS

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/sdks.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| SDK"))
]
LOCKS = "".join(path.read_text() for path in (ROOT / "tests/sdks/environments").glob("*.lock"))


def test_every_sdk_is_locked_at_the_version_that_is_named() -> None:
    for sdk, _, _ in ROWS:
        name, version = re.match(r"([a-z-]+) ([0-9.]+)", sdk).groups()
        assert re.search(rf"^{name}=={re.escape(version)}[. ]", LOCKS, re.MULTILINE), sdk


def test_every_vendor_is_emulated() -> None:
    named = {vendor for _, vendors, _ in ROWS for vendor in re.findall(r"`([a-z0-9-]+)`", vendors)}
    assert len(named) > 3
    assert named <= set(FLAVOURS)
