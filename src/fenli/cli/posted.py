"""Waiting until a running office has posted what the journals held when we asked."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sqlalchemy import select

from fenli.cli.running import is_locked
from fenli.ledger.journal import Reader
from fenli.office.runs import run_names, segment_path, segments
from fenli.office.tables import journals
from fenli.store import Database

POLL_S: Final = 0.05
_HEAD: Final = 4096


def wait_until_posted(folder: Path, database: Database, within_s: float = 2.0) -> bool:
    """Whether everything written before now is in the books. Without an office nobody posts: nothing is waited for."""
    wanted = _ends(folder / "journal")
    give_up = time.monotonic() + within_s
    while not _reached(database, wanted):
        if not is_locked(folder) or time.monotonic() > give_up:
            return False
        time.sleep(POLL_S)
    return True


def _ends(directory: Path) -> dict[str, tuple[int, int]]:
    """The last segment with a record in it, and how long it is, by run."""
    ends = {}
    for run in run_names(directory):
        for segment in reversed(segments(directory / run)):
            path = segment_path(directory / run, segment)
            size = path.stat().st_size
            if size > _header_bytes(path):
                ends[run] = (segment, size)
                break
    return ends


def _header_bytes(path: Path) -> int:
    reader = Reader()
    with path.open("rb") as file:
        head = file.read(_HEAD)
    while not reader.header and head:
        reader.feed(head[:64])
        head = head[64:]
    return reader.position


def _reached(database: Database, wanted: dict[str, tuple[int, int]]) -> bool:
    if not wanted:
        return True
    with database.read() as connection:
        rows = connection.execute(select(journals).where(journals.c.run.in_(wanted))).all()
    at = {row.run: (row.segment, row.position) for row in rows if row.state == "live"}
    over = {row.run for row in rows if row.state != "live"}
    return all(run in over or at.get(run, (0, 0)) >= end for run, end in wanted.items())
