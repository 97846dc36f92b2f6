"""What two `fenli serve` on one data folder, or on one port, find out about each other."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fenli.cli.running import (
    Running,
    forget_running,
    is_locked,
    local_key_reference,
    lock,
    make_local_key,
    read_running,
    write_running,
)
from fenli.cli.serve import base_url, free_port
from fenli.errors import ConfigError, FenliError
from fenli.routing.credentials import resolve_secret

RUNNING = Running(
    base_url="http://127.0.0.1:8410/v1",
    host="127.0.0.1",
    port=8410,
    office_port=8411,
    ready=True,
    started_at="2026-11-23T00:00:00.000Z",
    pids={"supervisor": [4711], "gateway": [4712]},
    config="/etc/fenli.toml",
)


def test_a_folder_is_for_one_at_a_time_and_the_other_is_told_who_has_it(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    held = lock(tmp_path)
    write_running(tmp_path, RUNNING)
    assert is_locked(tmp_path)
    with pytest.raises(FenliError, match=r"process 4711\): stop it, or name another --data"):
        lock(tmp_path)
    os.close(held)
    assert not is_locked(tmp_path)
    os.close(lock(tmp_path))


def test_after_the_end_nothing_runs_but_the_configuration_is_known(tmp_path: Path) -> None:
    assert read_running(tmp_path) is None
    write_running(tmp_path, RUNNING)
    assert read_running(tmp_path) == RUNNING
    forget_running(tmp_path)
    after = read_running(tmp_path)
    assert after is not None
    assert (after.ready, after.pids, after.supervisor, after.config) == (False, {}, None, "/etc/fenli.toml")


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "serve.json").touch(0o644)
    before = os.umask(0)
    try:
        write_running(tmp_path, RUNNING)
        key = make_local_key(tmp_path)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "serve.json": 0o600,
        "local-key": 0o600,
    }
    assert local_key_reference(tmp_path) == f"file:{tmp_path}/local-key"
    assert resolve_secret(local_key_reference(tmp_path)) == key
    assert make_local_key(tmp_path) != key


def test_a_port_in_use_is_refused_with_the_option_that_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FenliError, match=f"127.0.0.1:{port} cannot be listened on .*--port N"):
            free_port("127.0.0.1", port, "--port")
    assert free_port("127.0.0.1", port, "--port") == port
    assert free_port("127.0.0.1", 0, "--port") > 0
    with pytest.raises(ConfigError, match="is no address of this machine"):
        free_port("no.such.host.invalid", 1, "--port")


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:1/v1"),
        ("0.0.0.0", True, "https://127.0.0.1:1/v1"),
        ("::", False, "http://[::1]:1/v1"),
    ],
)
def test_the_url_that_is_printed_can_be_called(host: str, tls: bool, url: str) -> None:
    assert base_url(host, 1, tls) == url
