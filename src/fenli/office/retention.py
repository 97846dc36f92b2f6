"""How long posted journals are kept: `verify` reads them, then time is up. Damaged ones stay until a person decides."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from fenli.clock import SECOND
from fenli.office.posting import CLOSED, LIVE
from fenli.office.runs import segment_path, segments
from fenli.office.tables import journals
from fenli.store import Database

log = logging.getLogger(__name__)

DAY: Final = 86_400 * SECOND


def remove_old_journals(database: Database, directory: Path, keep_days: int, now: int) -> int:
    """Deletes closed runs and finished segments of live ones, older than ``keep_days``. Returns how many files."""
    before = now - keep_days * DAY
    with database.read() as connection:
        rows = connection.execute(select(journals).where(journals.c.state.in_((LIVE, CLOSED)))).all()
    removed = 0
    for row in rows:
        run = directory / row.run
        over = row.state == CLOSED and row.closed_at < before
        for segment in segments(run) if run.is_dir() else ():
            path = segment_path(run, segment)
            if over or (segment < row.segment and path.stat().st_mtime_ns < before):
                if row.removed_at is None and removed == 0:
                    log.info("journals older than %d days are removed", keep_days)
                _mark(database, row.run, now)
                path.unlink()
                removed += 1
        if over and run.is_dir():
            shutil.rmtree(run)
    return removed


def _mark(database: Database, run: str, now: int) -> None:
    with database.write() as connection:
        first = update(journals).where(journals.c.run == run, journals.c.removed_at.is_(None))
        connection.execute(first.values(removed_at=now))
