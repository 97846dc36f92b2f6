from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, Table, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateTable

from fenli.errors import BooksError
from fenli.office.tables import MIGRATIONS, SCHEMA, metadata
from fenli.store import Database, ExactInteger
from fenli.store.database import open_engine, schema_version
from fenli.store.migrations import migrate
from fenli.store.upgrade import upgrade

SCRIPT = """
from alembic import op

revision = "{revision}"
down_revision = {down!r}


def upgrade():
    {statements}
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    (folder / "versions").mkdir(parents=True)
    _script(folder, "0001", None, 'op.execute("CREATE TABLE notes (text TEXT) STRICT")')
    return folder


@pytest.fixture
def path(tmp_path: Path, scripts: Path) -> Path:
    file = tmp_path / "data" / "notes.db"
    migrate(file, scripts)
    return file


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    with Database(path, "0001") as database:
        with pytest.raises(OperationalError), database.write() as connection:  # noqa: PT012  the first must not stay
            connection.exec_driver_sql("INSERT INTO notes VALUES ('lost')")
            connection.exec_driver_sql("INSERT INTO nothing VALUES ('x')")
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO notes VALUES ('kept')")
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT * FROM notes").scalars().all() == ["kept"]


def test_a_reader_sees_one_moment_and_writes_nothing(path: Path) -> None:
    with Database(path, "0001") as database, database.read() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM notes").scalar_one() == 0
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO notes VALUES ('new')")
        assert reader.exec_driver_sql("SELECT count(*) FROM notes").scalar_one() == 0
        with pytest.raises(OperationalError, match="readonly"):
            reader.exec_driver_sql("INSERT INTO notes VALUES ('no')")


def test_a_connection_writes_again_after_it_has_read(path: Path) -> None:
    with Database(path, "0001") as database:
        for _ in range(3):
            with database.read() as connection:
                connection.exec_driver_sql("SELECT * FROM notes")
            with database.write() as connection:
                connection.exec_driver_sql("INSERT INTO notes VALUES ('x')")


def test_writers_wait_for_each_other(path: Path) -> None:
    with Database(path, "0001") as database:

        def write() -> None:
            for _ in range(20):
                with database.write() as connection:
                    count = connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one()
                    connection.exec_driver_sql("INSERT INTO notes VALUES (?)", (str(count),))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(DISTINCT text) FROM notes").scalar_one() == 80


def test_a_writer_that_waits_too_long_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fenli.store.database.BUSY_MS", 50)
    with Database(path, "0001") as database, Database(path, "0001") as other, database.write():
        waiting = other.write()
        with pytest.raises(BooksError, match="is busy"):
            waiting.__enter__()


def test_the_data_version_tells_of_others_writes(path: Path) -> None:
    with Database(path, "0001") as database, Database(path, "0001") as other:
        before = database.data_version()
        assert database.data_version() == before
        with other.write() as connection:
            connection.exec_driver_sql("INSERT INTO notes VALUES ('x')")
        assert database.data_version() != before


def test_the_file_is_private_and_every_write_reaches_the_disk(path: Path) -> None:
    with Database(path, "0001") as database:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO notes VALUES ('x')")
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")
            ]
        assert found == ["wal", 2]
        modes = {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert modes == {0o600}
        assert path.parent.stat().st_mode & 0o777 == 0o700
        database.checkpoint()
        assert path.with_name("notes.db-wal").stat().st_size == 0


def test_what_cannot_be_opened_says_what_to_do(path: Path, tmp_path: Path) -> None:
    with pytest.raises(BooksError, match="fenli serve"):
        Database(tmp_path / "nothing.db", "0001")
    (tmp_path / "text.db").write_text("this is no database, however long it may be" * 100)
    with pytest.raises(BooksError, match="cannot be read as a database"):
        Database(tmp_path / "text.db", "0001")
    (tmp_path / "empty.db").touch()
    with pytest.raises(BooksError, match="has no books in it yet"):
        Database(tmp_path / "empty.db", "0001")
    with pytest.raises(BooksError, match="schema 0001 and this fenli needs 0002"):
        Database(path, "0002")
    with pytest.raises(BooksError, match="newer fenli"):
        Database(path, "0000")


def test_an_upgrade_keeps_what_was_there_and_a_copy_of_it(path: Path, scripts: Path) -> None:
    with Database(path, "0001") as database, database.write() as connection:
        connection.exec_driver_sql("INSERT INTO notes VALUES ('old')")
    _script(scripts, "0002", "0001", 'op.execute("ALTER TABLE notes ADD COLUMN at INTEGER")')
    migrate(path, scripts)
    migrate(path, scripts)
    with Database(path, "0002") as database, database.read() as connection:
        assert connection.exec_driver_sql("SELECT * FROM notes").all() == [("old", None)]
    copy = path.with_name("notes.db.before-0002")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(copy).execute("SELECT * FROM notes").fetchall() == [("old",)]


def test_an_upgrade_that_fails_half_way_leaves_everything_as_it_was(path: Path, scripts: Path) -> None:
    _script(scripts, "0002", "0001", 'op.execute("CREATE TABLE more (a TEXT)"); op.execute("nonsense")')
    with pytest.raises(OperationalError, match="nonsense"):
        migrate(path, scripts)
    assert schema_version(path) == "0001"
    with Database(path, "0001") as database, database.read() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'more'").all() == []


def test_a_newer_file_is_not_touched(path: Path, scripts: Path, tmp_path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0007'")
    with pytest.raises(BooksError, match="upgrade fenli"):
        migrate(path, scripts)


def test_upgrading_apart_reports_what_went_wrong(path: Path, scripts: Path) -> None:
    upgrade(path, scripts, "0001")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0007'")
    with pytest.raises(BooksError, match=r"could not be brought to schema 0001: .*newer"):
        upgrade(path, scripts, "0001")


def test_integers_of_any_size_come_back_as_they_went(path: Path) -> None:
    numbers = Table("numbers", MetaData(), Column("number", ExactInteger), sqlite_strict=True)
    values = [0, 1, -1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, None]
    with Database(path, "0001") as database:
        with database.write() as connection:
            connection.execute(CreateTable(numbers))
            connection.execute(numbers.insert(), [{"number": value} for value in values])
        with database.read() as connection:
            assert list(connection.execute(select(numbers.c.number)).scalars()) == values
            kinds = connection.exec_driver_sql("SELECT DISTINCT typeof(number) FROM numbers").scalars().all()
            assert set(kinds) == {"integer", "text", "null"}


def test_the_migrations_make_the_very_tables_that_the_code_describes(tmp_path: Path) -> None:
    migrated, described = tmp_path / "a.db", tmp_path / "b.db"
    migrate(migrated, MIGRATIONS)
    engine = open_engine(described)
    metadata.create_all(engine)
    engine.dispose()
    assert _shape(migrated) == _shape(described)
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == SCHEMA == schema_version(migrated)


def _shape(path: Path) -> dict[str, str]:
    rows = sqlite3.connect(path).execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: "".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def _script(folder: Path, revision: str, down: str | None, statements: str) -> None:
    text = SCRIPT.format(revision=revision, down=down, statements=statements)
    (folder / "versions" / f"{revision}_step.py").write_text(text)
