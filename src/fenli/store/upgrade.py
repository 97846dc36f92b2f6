"""Upgrading from a process that must stay small: the work is done by another one, which ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fenli.errors import BooksError
from fenli.store.database import schema_version


def upgrade(path: Path, scripts: Path, schema: str) -> None:
    """Brings the file at ``path`` (made if absent) to ``schema``, the newest of ``scripts``. Costs nothing when there.

    Raises BooksError when it cannot.
    """
    if path.exists() and schema_version(path) == schema:
        return
    command = [sys.executable, "-m", "fenli.store.migrations", str(path), str(scripts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own module
    if done.returncode != 0:
        reason = done.stderr.strip() or f"the migration ended with status {done.returncode}"
        raise BooksError(f"{path} could not be brought to schema {schema}: {reason}")
