"""Traffic for a replay: what is in the archive, read where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from fenli.planner.archive import Manifest, Part
from fenli.planner.parquet import parts_as_table
from fenli.planner.replay import Batch
from fenli.planner.selection import Selection

BATCH: Final = 1_000_000  # entries; a part is never divided


class ArchivedTraffic:
    """The parts in ``folder`` that may have what is selected, earliest first. ``entries``: all that is in them."""

    def __init__(self, folder: Path, manifest: Manifest, selection: Selection) -> None:
        self._folder = folder
        self._parts = manifest.between(selection.since, selection.until)
        self.entries = sum(part.entries for part in self._parts)

    def batches(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Batch]:
        for parts in self._bundles():
            table = parts_as_table(connection, [self._folder / part.path for part in parts])
            meters = frozenset(meter for part in parts for meter in part.meters)
            yield Batch(table, meters, sum(part.entries for part in parts))

    def _bundles(self) -> Iterator[list[Part]]:
        bundle: list[Part] = []
        for part in self._parts:
            if bundle and sum(each.entries for each in bundle) + part.entries > BATCH:
                yield bundle
                bundle = []
            bundle.append(part)
        if bundle:
            yield bundle
