from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from fenli.gateway import storage as module
from fenli.gateway.storage import JournalStorage
from fenli.ledger.journal import Header, Reader, encode_frame
from fenli.ledger.records import Record, Released


def frame(number: int) -> bytes:
    return encode_frame([Released(number, 1, 2, True, "ok")])


def records(path: Path) -> list[Record]:
    reader = Reader()
    found = reader.feed(path.read_bytes())
    assert reader.damage is None
    assert reader.torn == 0
    assert reader.header is not None
    assert (reader.header.run, reader.header.segment) == (path.parent.name, int(path.stem))
    return found


def numbers(directory: Path) -> list[int]:
    return [record.number for path in sorted(directory.glob("*.log")) for record in records(path)]


def test_only_its_owner_can_read_the_journal(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        JournalStorage(tmp_path / "journal", "r1", 1).close()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"journal": 0o700, "r1": 0o700, "lock": 0o600, "00000001.log": 0o600}


class Kernel:
    """Stands in front of ``os`` for the storage: writes so many bytes, then refuses."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.cutting = True
        self.syncing = True

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.room is None:
            return os.write(descriptor, data)
        if self.room == 0:
            raise OSError(28, "No space left on device")
        part = min(self.room, len(data))
        self.room -= part
        return os.write(descriptor, data[:part])

    def ftruncate(self, descriptor: int, size: int) -> None:
        if not self.cutting:
            raise OSError(5, "Input/output error")
        os.ftruncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        if not self.syncing:
            raise OSError(5, "Input/output error")
        os.fdatasync(descriptor)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(module, "os", kernel)
    return kernel


def test_frames_follow_each_other_in_a_directory_of_the_run(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path, "r1", 7)
    for number in range(3):
        storage.write(frame(number))
    storage.sync()
    storage.close()
    assert numbers(tmp_path / "r1") == [0, 1, 2]
    reader = Reader()
    reader.feed((tmp_path / "r1" / "00000001.log").read_bytes())
    assert reader.header == Header("r1", 1, 7)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    JournalStorage(tmp_path, "r1", 7).close()
    assert (tmp_path / "r1").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "r1" / "00000001.log").stat().st_mode & 0o777 == 0o600


def test_the_lock_tells_whether_the_writer_lives(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path, "r1", 7)
    with (tmp_path / "r1" / "lock").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        storage.close()
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_segments_rotate_and_each_has_its_header(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path, "r1", 7, segment_bytes=200)
    for number in range(40):
        storage.write(frame(number))
    storage.close()
    assert numbers(tmp_path / "r1") == list(range(40))
    assert len(list((tmp_path / "r1").glob("*.log"))) > 3


@pytest.mark.parametrize("room", [0, 1, 7, 15])
def test_half_a_write_is_cut_off_again(tmp_path: Path, kernel: Kernel, room: int) -> None:
    storage = JournalStorage(tmp_path, "r1", 7)
    storage.write(frame(1))
    kernel.room = room
    with pytest.raises(OSError, match="No space"):
        storage.write(frame(2))
    kernel.room = None
    storage.write(frame(3))
    assert numbers(tmp_path / "r1") == [1, 3]


def test_nothing_follows_half_a_write_that_could_not_be_cut_off(tmp_path: Path, kernel: Kernel) -> None:
    storage = JournalStorage(tmp_path, "r1", 7)
    storage.write(frame(1))
    kernel.room, kernel.cutting = 5, False
    with pytest.raises(OSError, match="error"):
        storage.write(frame(2))
    kernel.room = None
    with pytest.raises(OSError, match="error"):
        storage.write(frame(3))
    kernel.cutting = True
    storage.write(frame(4))
    assert numbers(tmp_path / "r1") == [1, 4]


@pytest.mark.parametrize("room", [0, 1, 30, 60])
def test_a_disk_that_is_full_when_a_segment_begins_leaves_it_a_header(
    tmp_path: Path, kernel: Kernel, room: int
) -> None:
    storage = JournalStorage(tmp_path, "r1", 7, segment_bytes=60)
    storage.write(frame(1))
    kernel.room = room
    with pytest.raises(OSError, match="No space"):
        storage.write(frame(2))
    kernel.room = None
    storage.write(frame(3))
    storage.write(frame(4))
    assert numbers(tmp_path / "r1") == [1, 3, 4]


def test_a_segment_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = JournalStorage(tmp_path, "r1", 7, segment_bytes=60)
    storage.write(frame(1))
    kernel.syncing = False
    for _ in range(2):
        with pytest.raises(OSError, match="error"):
            storage.write(frame(2))
    kernel.syncing = True
    storage.write(frame(3))
    assert numbers(tmp_path / "r1") == [1, 3]


def test_syncs_from_another_thread_survive_rotation(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path, "r1", 7, segment_bytes=100)
    failures: list[OSError] = []
    stop = threading.Event()

    def sync() -> None:
        while not stop.is_set():
            try:
                storage.sync()
            except OSError as error:
                failures.append(error)

    thread = threading.Thread(target=sync)
    thread.start()
    for number in range(300):
        storage.write(frame(number))
    stop.set()
    thread.join()
    assert failures == []
    assert numbers(tmp_path / "r1") == list(range(300))
