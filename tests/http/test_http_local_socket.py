"""Unix-domain sockets in directories of any depth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fenli.http.local_socket import connected, listening


@pytest.mark.parametrize("depth", [1, 30])
def test_two_ends_meet_however_long_the_path_is(tmp_path: Path, depth: int) -> None:
    directory = tmp_path.joinpath(*["a-folder-of-mine"] * depth)
    directory.mkdir(parents=True)
    path = directory / "leases.sock"
    with listening(path) as server, connected(path) as client:
        peer, _ = server.accept()
        with peer:
            client.send(b"hello")
            assert peer.recv(10) == b"hello"
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "leases.sock"
    listening(path).close()
    with pytest.raises(ConnectionRefusedError):
        connected(path)
    with listening(path), connected(path):
        pass


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "leases.sock"
    path.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        listening(path)
    assert path.read_text() == "mine"


def test_nothing_stays_open_where_nobody_listens(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        connected(tmp_path / "leases.sock")
    assert len(os.listdir("/proc/self/fd")) == before
