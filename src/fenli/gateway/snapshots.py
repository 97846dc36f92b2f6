"""The worker's view of the snapshot file: swapped in whole when it changes, kept when the new one cannot be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from fenli.errors import FenliError
from fenli.routing.credentials import resolve_secret
from fenli.routing.directory import Directory
from fenli.routing.snapshot import read_snapshot
from fenli.vendors.tickets import TicketRack

log = logging.getLogger(__name__)


class SnapshotFile:
    """``directory`` is what the worker decides from; None until the first snapshot has been read."""

    def __init__(self, path: Path, secrets: Callable[[str], str] = resolve_secret) -> None:
        self.path = path
        self.directory: Directory | None = None
        self.problem: str | None = None
        self.changed: Callable[[Directory], None] | None = None  # told of every directory before it is used
        self._secrets = secrets
        self._tickets = TicketRack()
        self._seen: tuple[int, ...] | None = None

    def refresh(self) -> bool:
        """Reads the file if it changed. True when ``directory`` was swapped."""
        try:
            stat = os.stat(self.path)
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_ctime_ns)
            if seen == self._seen:
                return False
            snapshot = read_snapshot(self.path)
            self._seen = seen
            directory = Directory(snapshot, self._secrets, self._tickets)
        except FileNotFoundError:
            return False
        except OSError as error:  # may pass: tried again
            self._report(error)
            return False
        except (msgspec.DecodeError, UnicodeDecodeError, FenliError) as error:
            self._seen = seen
            self._report(error)
            return False
        for problem in directory.problems:
            log.warning(problem)
        self.problem = None
        if self.changed is not None:
            self.changed(directory)
        self.directory = directory
        return True

    def _report(self, error: Exception) -> None:
        problem = f"the snapshot cannot be read, the one before stays: {error}"
        if problem != self.problem:
            log.error(problem)
        self.problem = problem
