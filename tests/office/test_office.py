"""The whole office: a process of its own, with workers that write and a person who makes keys."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from books import Worker, books, held, settled

from fenli.errors import BooksError, ConfigError, FenliError
from fenli.office.keys import create_key
from fenli.office.office import OfficeOptions, open_books, run_office
from fenli.office.settings import Settings
from fenli.office.tables import SCHEMA
from fenli.routing.snapshot import read_snapshot
from fenli.store import Database


class Desk:
    """Starts and stops offices on one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.config = data / "fenli.toml"
        self.config.write_text("good")
        self.process: Any = None

    def start(self) -> None:
        (self.data / "port").unlink(missing_ok=True)
        self.process = multiprocessing.get_context("fork").Process(target=self._run)
        self.process.start()
        until(lambda: self._answers())

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def stop(self) -> int:
        self.process.terminate()
        self.process.join(60)
        return int(self.process.exitcode)

    def get(self, path: str, method: str = "GET", body: bytes | None = None) -> Any:
        port = (self.data / "port").read_text()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, data=body)
        request.add_header("authorization", "Bearer " + (self.data / "admin-token").read_text().strip())
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())

    def _answers(self) -> bool:
        try:
            return bool(self.get("/api/status"))
        except OSError:
            return False

    def _run(self) -> None:
        from fenli.office import office  # noqa: PLC0415  patched in this process only

        class Server(office.AdminServer):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                (desk.data / "port").write_text(str(self.port))

        desk = self
        office.AdminServer = Server  # type: ignore[misc]
        run_office(options(self.data, self._load, watch=(self.config,)))

    def _load(self) -> Settings:
        if self.config.read_text() != "good":
            raise ConfigError("not good")
        return Settings()


def options(data: Path, load: Callable[[], Settings], **more: Any) -> OfficeOptions:
    return OfficeOptions(data=data, load_settings=load, environ={"DEEPSEEK_API_KEY": "x"}, admin_port=0, **more)


def until(true: Callable[[], bool], seconds: float = 60) -> float:
    """How long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    made = Desk(data)
    yield made
    if made.process is not None and made.process.is_alive():
        made.kill()


def test_a_day_at_the_office(desk: Desk, data: Path) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2))
    desk.start()
    until(lambda: desk.get("/api/status")["books"]["entries"] == 1)
    assert desk.get("/api/entries")["entries"][0]["cost"] == "0.01"

    desk.get("/api/keys", "POST", b'{"name": "through the API"}')
    assert until(lambda: len(read_snapshot(data / "snapshot").keys) == 1) < 5
    with Database(data / "fenli.db", SCHEMA) as command:
        create_key(command, "by a command", now=1)
        assert until(lambda: len(read_snapshot(data / "snapshot").keys) == 2) < 5

    desk.config.write_text("not so good")
    until(lambda: desk.get("/api/status")["desk"]["reload_error"] == "not good")
    desk.config.write_text("good")
    os.kill(desk.process.pid, signal.SIGHUP)
    until(lambda: desk.get("/api/status")["desk"]["reload_error"] is None)

    desk.kill()
    worker.write(settled(2), held(3))
    worker.die()
    desk.start()
    until(lambda: desk.get("/api/status")["books"]["runs"] == {"closed": 1})
    late = Worker(data, "00000000000run2")
    late.write(held(1), settled(1))
    assert desk.stop() == 0
    with Database(data / "fenli.db", SCHEMA) as database:
        state = books(database)
    assert [entry.outcome for entry in state["entries"]] == ["ok", "ok", "lost", "ok"]
    assert not (data / "fenli.db-wal").exists() or (data / "fenli.db-wal").stat().st_size == 0


def test_a_second_office_is_turned_away(desk: Desk, data: Path) -> None:
    desk.start()
    with pytest.raises(BooksError, match="another fenli"):
        run_office(options(data, Settings))


def test_an_office_does_not_open_with_a_wrong_configuration(data: Path) -> None:
    def load() -> Settings:
        raise ConfigError("no")

    with pytest.raises(FenliError, match="no"):
        run_office(options(data, load))


def test_books_are_made_where_there_are_none(tmp_path: Path) -> None:
    with open_books(tmp_path / "new" / "data") as database:
        assert books(database)["entries"] == []
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "data" / "fenli.db").stat().st_mode & 0o777 == 0o600
