"""What `fenli doctor` sees of the books: the database's schema, the journals' runs, the findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from fenli.cli.books import DATABASE
from fenli.cli.checks import Check, fail, ok, warn
from fenli.cli.language import say
from fenli.errors import BooksError
from fenli.office.tables import SCHEMA, findings, journals
from fenli.store import Database
from fenli.store.database import schema_version


def books(folder: Path) -> Iterator[Check]:
    path = folder / DATABASE
    if not path.exists():
        yield ok("books", say("doctor.no_books"))
        return
    try:
        version = schema_version(path)
        if version is None or version < SCHEMA:
            yield warn("books", say("doctor.old_schema", found=version, wanted=SCHEMA), say("doctor.old_schema.next"))
            return
        with Database(path, SCHEMA) as database, database.read() as connection:
            runs = connection.execute(select(journals.c.state)).scalars().all()
            found = connection.execute(select(findings).order_by(findings.c.id)).all()
    except BooksError as error:
        yield fail("books", str(error), say("doctor.books.next"))
        return
    yield ok("books", say("doctor.schema", found=version))
    yield ok("journal", say("doctor.journals", runs=len(runs), live=runs.count("live")))
    for finding in found:
        yield warn("finding", f"{finding.kind} {finding.place}: {finding.what}", finding.next_step)
