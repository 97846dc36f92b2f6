"""Brings a database file to the newest schema. Run apart (`store.upgrade`), so that alembic leaves no trace in memory.

    python -m fenli.store.migrations <database> <folder of scripts>

The folder holds alembic revisions in ``versions/``, named ``0001``, ``0002``, ...
"""

from __future__ import annotations

import fcntl
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from fenli.errors import BooksError, FenliError
from fenli.store.database import create_file, open_engine, schema_version


def migrate(path: Path, scripts: Path) -> None:
    """Makes the file if need be and upgrades it in one transaction; books that it held before are copied first.

    Safe to run twice at once. Raises BooksError when the file is newer than the scripts.
    """
    create_file(path)
    lock = path.with_name(path.name + ".migrating")
    create_file(lock)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _upgrade(path, ScriptDirectory(str(scripts)))


def main(arguments: list[str]) -> int:
    path, scripts = arguments
    try:
        migrate(Path(path), Path(scripts))
    except FenliError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _upgrade(path: Path, directory: ScriptDirectory) -> None:
    before, head = schema_version(path), directory.get_current_head()
    if before == head or head is None:
        return
    if before is not None and before > head:
        raise BooksError(f"{path} has schema {before}, newer than this fenli's {head}: upgrade fenli")
    if before is not None:
        _copy(path, path.with_name(f"{path.name}.before-{head}"))
    engine = open_engine(path)
    with engine.connect() as connection:
        writer = connection.execution_options(fenli_begin="BEGIN IMMEDIATE")
        with writer.begin():
            _run(writer, directory)
    engine.dispose()


def _run(connection: Connection, directory: ScriptDirectory) -> None:
    def steps(revision: Any, _: Any) -> Any:
        return directory._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), directory, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


def _copy(path: Path, beside: Path) -> None:
    beside.unlink(missing_ok=True)
    create_file(beside)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(beside)) as target:
        source.backup(target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
