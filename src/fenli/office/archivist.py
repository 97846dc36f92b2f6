"""When the books are archived: by a process of its own (`office.archive`), which ends, so that the office is small."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import sys
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from fenli.clock import SECOND, Clock
from fenli.errors import BooksError
from fenli.office.tables import chain_end, entries
from fenli.planner.archive import FOLDER, read_manifest
from fenli.store import Database

log = logging.getLogger(__name__)

WAITING_MAX: Final = 100_000  # entries: with so many, the day is not waited for
LOOK_S: Final = 600.0
_DAY: Final = 86_400 * SECOND


class Archivist:
    """Looks now and then whether there is enough to archive, and has it done."""

    def __init__(self, database: Database, data: Path, clock: Clock) -> None:
        self._database = database
        self._data = data
        self._clock = clock

    def due(self) -> bool:
        """Whether an entry waits whose UTC day is over, or too many wait. Raises BooksError for a damaged archive."""
        through = read_manifest(self._data / FOLDER).through
        with self._database.read() as connection:
            last = connection.execute(select(chain_end.c.sequence)).scalar_one()
            oldest = select(entries.c.closed_at).where(entries.c.sequence == through + 1)
            closed_at = connection.execute(oldest).scalar_one_or_none()
        now = self._clock.now()
        return last - through >= WAITING_MAX or (closed_at is not None and closed_at < now - now % _DAY)

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set. What fails is said and tried again; nothing else waits for it."""
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.due):
                    await self._archive(stop)
            except (BooksError, SQLAlchemyError, sqlite3.Error, OSError) as error:
                log.error("the archive is not written now and waits: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)

    async def _archive(self, stop: asyncio.Event) -> None:
        """A process that is ended half-way leaves nothing that counts, so nobody waits for it at the end."""
        command = (sys.executable, "-m", "fenli.office.archive", str(self._data))
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        ended, stopped = asyncio.create_task(child.communicate()), asyncio.create_task(stop.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            child.terminate()
        _, said = await ended
        if child.returncode and not stop.is_set():
            raise BooksError(said.decode(errors="replace").strip() or f"it ended with status {child.returncode}")
