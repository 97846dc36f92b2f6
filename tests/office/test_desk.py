from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from books import NOON, StoppedClock

from fenli.errors import ConfigError
from fenli.office.desk import Desk
from fenli.office.keys import create_key, revoke_key
from fenli.office.settings import Settings
from fenli.office.tables import SCHEMA
from fenli.routing.snapshot import Route, read_snapshot
from fenli.store import Database


class Config:
    """A configuration file, and what it would load to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = Settings()
        self.error: str | None = None
        path.write_text("first")

    def load(self) -> Settings:
        if self.error is not None:
            raise ConfigError(self.error)
        return self.settings


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path / "fenli.toml")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def desk(database: Database, data: Path, config: Config, clock: StoppedClock) -> Desk:
    made = Desk(database, data / "snapshot", config.load, {"DEEPSEEK_API_KEY": "x"}, (config.path,), clock)
    made.reload()
    return made


@pytest.fixture
def keys(data: Path) -> Callable[[], list[str]]:
    return lambda: [key.name for key in read_snapshot(data / "snapshot").keys]


def test_keys_made_by_another_process_are_in_the_next_snapshot(
    desk: Desk, data: Path, keys: Callable[[], list[str]]
) -> None:
    desk.check()
    assert keys() == []
    with Database(data / "fenli.db", SCHEMA) as command:
        create_key(command, "app", now=1)
        desk.check()
        assert keys() == ["app"]
        revoke_key(command, "app", now=2)
        desk.check()
        assert keys() == []


def test_nothing_changed_writes_nothing(desk: Desk, data: Path) -> None:
    before = (data / "snapshot").stat()
    desk.check()
    desk.reload()
    assert (data / "snapshot").stat().st_ino == before.st_ino


def test_a_changed_file_is_loaded(desk: Desk, data: Path, config: Config) -> None:
    config.settings = Settings(routes=(Route("smart", ("deepseek/deepseek-chat",)),))
    desk.check()
    assert read_snapshot(data / "snapshot").routes == ()
    config.path.write_text("changed again")
    desk.check()
    assert read_snapshot(data / "snapshot").routes == config.settings.routes


def test_a_bad_reload_keeps_the_old_and_says_why(
    desk: Desk, data: Path, config: Config, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    before = read_snapshot(data / "snapshot")
    config.error = "fenli.toml, line 3: no such thing"
    config.path.write_text("bad bad bad")
    desk.check()
    desk.check()
    assert read_snapshot(data / "snapshot") == before
    assert desk.status().reload_error == config.error
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    create_key(database, "app", now=1)
    desk.check()
    assert len(read_snapshot(data / "snapshot").keys) == 1
    config.error = None
    assert desk.reload_or_keep() is None
    assert desk.status().reload_error is None


def test_a_bad_configuration_at_the_start_is_an_error(database: Database, data: Path, config: Config) -> None:
    config.error = "no"
    with pytest.raises(ConfigError):
        Desk(database, data / "snapshot", config.load, {}, (), StoppedClock()).reload()
    assert not (data / "snapshot").exists()


def test_a_snapshot_that_went_missing_is_written_again(desk: Desk, data: Path) -> None:
    (data / "snapshot").unlink()
    desk.check()
    assert read_snapshot(data / "snapshot").version == desk.status().snapshot


def test_a_broken_snapshot_file_is_replaced(
    database: Database, data: Path, config: Config, clock: StoppedClock
) -> None:
    (data / "snapshot").write_bytes(b"\xc1")
    desk = Desk(database, data / "snapshot", config.load, {}, (), clock)
    desk.reload()
    assert read_snapshot(data / "snapshot").version == desk.status().snapshot


def test_offers_that_end_leave_within_the_hour(desk: Desk, clock: StoppedClock) -> None:
    before = desk.status().compiled_at
    clock.instant += 2 * 3_600_000_000_000
    desk.check()
    assert desk.status().compiled_at > before
