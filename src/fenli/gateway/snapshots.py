"""The worker's view of the snapshot file: swapped in whole when it changes, kept when the new one cannot be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from fenli.errors import ConfigError, FenliError
from fenli.routing.directory import Directory
from fenli.routing.snapshot import read_snapshot

log = logging.getLogger(__name__)


def resolve_secret(reference: str) -> str:
    """The secret of ``env:NAME`` or ``file:PATH`` (its first line); nothing for an empty reference."""
    if not reference:
        return ""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        secret = os.environ.get(rest, "").strip()
        if not secret:
            raise ConfigError(f"the environment variable {rest} is empty: set it and restart fenli")
        return secret
    if kind == "file":
        try:
            return Path(rest).read_text().partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise ConfigError(f"the file of a key cannot be read: {error}") from None
    raise ConfigError("a credential is of no known kind: write env:NAME or file:PATH")


class SnapshotFile:
    """``directory`` is what the worker decides from; None until the first snapshot has been read."""

    def __init__(self, path: Path, secrets: Callable[[str], str] = resolve_secret) -> None:
        self.path = path
        self.directory: Directory | None = None
        self.problem: str | None = None
        self._secrets = secrets
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
            directory = Directory(snapshot, self._secrets)
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
        self.directory = directory
        return True

    def _report(self, error: Exception) -> None:
        problem = f"the snapshot cannot be read, the one before stays: {error}"
        if problem != self.problem:
            log.error(problem)
        self.problem = problem
