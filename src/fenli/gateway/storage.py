"""The journal on disk: one directory a run, segments that rotate, a lock that dies with the process."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final

from fenli.ledger.journal import Header, encode_header

SEGMENT_BYTES: Final = 64 * 1024 * 1024


class JournalStorage:
    """Appends whole frames to ``directory/<run>/<segment>.log``. Raises OSError when it cannot.

    A write that fails half-way is cut off again, so that the next frame follows a whole one. The lock on
    ``<run>/lock`` is held while this process lives: whoever gets it knows that the run is over.
    """

    def __init__(self, directory: Path, run: str, started: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.run = run
        self._started = started
        self._directory = directory / run
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.mkdir(mode=0o700)
        self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._segment_bytes = segment_bytes
        self._segment = 0
        self._size = 0
        self._torn = False
        self._descriptor = -1
        self._rotating = threading.Lock()
        self._open_segment()
        self._append(self._header())

    def write(self, frame: bytes) -> None:
        if self._size >= self._segment_bytes:
            self._open_segment()
        if self._size == 0:
            frame = self._header() + frame
        self._append(frame)

    def sync(self) -> None:
        """May be called from another thread."""
        with self._rotating:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        with self._rotating:
            os.fdatasync(self._descriptor)
            os.close(self._descriptor)
        os.close(self._lock)

    def _append(self, frame: bytes) -> None:
        if self._torn:
            os.ftruncate(self._descriptor, self._size)
            self._torn = False
        view = memoryview(frame)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._torn = True  # even where cutting it off fails now, nothing follows it before that is done
            os.ftruncate(self._descriptor, self._size)
            self._torn = False
            raise
        self._size += len(frame)

    def _open_segment(self) -> None:
        """Changes nothing when it raises. The file may be there from an earlier try, and is empty then."""
        path = self._directory / f"{self._segment + 1:08d}.log"
        if self._descriptor >= 0:
            os.fdatasync(self._descriptor)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with self._rotating:
            old, self._descriptor = self._descriptor, descriptor
        self._segment += 1
        self._size = 0
        self._torn = False
        if old >= 0:
            os.close(old)
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _header(self) -> bytes:
        return encode_header(Header(self.run, self._segment, self._started))
