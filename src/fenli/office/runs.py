"""The journal directories of all runs: which there are, whose writer still lives, and their segments' bytes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from fenli.ledger.journal import MAGIC, Header, Reader
from fenli.ledger.records import Record

LOCK: Final = "lock"
CHUNK: Final = 256 * 1024  # what one transaction posts at most: some 1,500 records, which bounds the memory too


def run_names(directory: Path, known: Container[str] = ()) -> list[str]:
    """Every run with a segment, oldest first, but for ``known`` ones. A run without a segment has not begun."""
    try:
        names = sorted(set(os.listdir(directory)))
    except FileNotFoundError:
        return []
    return [name for name in names if name not in known and segments(directory / name)]


def segments(run: Path) -> list[int]:
    """The numbers of the segments that are there, in order."""
    return sorted(int(entry.stem) for entry in run.glob("*.log") if entry.stem.isdecimal())


def segment_path(run: Path, segment: int) -> Path:
    return run / f"{segment:08d}.log"


@contextmanager
def taken_over(run: Path) -> Iterator[bool]:
    """Whether the writer is dead. While the block runs its lock is ours, so that nobody writes."""
    try:
        descriptor = os.open(run / LOCK, os.O_RDWR)
    except FileNotFoundError:
        yield True  # a copy, or a run whose files were cleared up half-way: nobody can be writing
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


class Tail:
    """Where the reading of one run stands. `read` goes on from there; `reader.position` is the watermark.

    ``problem`` is None until bytes are damaged; then it says what is wrong, at ``place``. ``torn`` counts the bytes of
    writes that never became whole, over all finished segments.
    """

    __slots__ = ("_file", "directory", "problem", "reader", "segment", "torn")

    def __init__(self, directory: Path, segment: int = 1, position: int = 0, torn: int = 0) -> None:
        self.directory = directory
        self.segment = segment
        self.torn = torn
        self.problem: str | None = None
        self.reader = self._reader(position)
        self._file: BinaryIO | None = None

    @property
    def run(self) -> str:
        return self.directory.name

    @property
    def path(self) -> Path:
        return segment_path(self.directory, self.segment)

    @property
    def place(self) -> str:
        return f"{self.run}/{self.path.name}, byte {self.reader.position}"

    def restart(self) -> None:
        """Forgets the bytes behind the last whole frame: a writer whose write failed half-way cuts them off again."""
        self.problem = None
        if self.reader.torn or self.reader.damage is not None:
            self.reader = Reader(self.reader.position, self.reader.header)

    def read(self, *, ended: bool) -> list[Record] | None:
        """The records of the next bytes, or None at the end of what there is. ``ended``: nobody writes any more.

        Stops for good at a damage. Raises OSError when the file cannot be read.
        """
        if self.problem is not None:
            return None
        followed = segment_path(self.directory, self.segment + 1).exists()  # asked before reading: it grows no more
        try:
            data = self._bytes()
        except FileNotFoundError:
            self.problem = "the file is missing"
            return None
        if not data:
            if followed:
                return self._next()
            if ended:
                self._last()
            return None
        records = self.reader.feed(data)
        header = self.reader.header
        if header is not None and (header.run, header.segment) != (self.run, self.segment):
            self.problem = f"its header says segment {header.segment} of run {header.run}"
            self.reader = Reader()
            return None
        self.problem = self.reader.damage
        return records

    def behind(self) -> int:
        """The bytes that are there and have not been read as whole frames."""
        there = [number for number in segments(self.directory) if number >= self.segment]
        try:
            size = sum(segment_path(self.directory, number).stat().st_size for number in there)
        except FileNotFoundError:
            return 0
        return max(0, size - self.reader.position)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _bytes(self) -> bytes:
        if self._file is None:
            self._file = self.path.open("rb", buffering=0)
        self._file.seek(self.reader.position + self.reader.torn)
        return self._file.read(CHUNK) or b""

    def _next(self) -> list[Record] | None:
        if not self._finish():
            return None
        self.close()
        self.segment += 1
        self.reader = self._reader(0)
        return []

    def _last(self) -> None:
        if self._finish():
            later = [number for number in segments(self.directory) if number > self.segment]
            if later:
                self.problem = f"segment {self.segment + 1} is missing and {later[0]} is there"

    def _finish(self) -> bool:
        """No byte will come to this segment. False when what is left of it was no torn write."""
        hidden = self.reader.hidden() if self.reader.torn else None
        if hidden is not None:
            self.problem = f"the length of a frame is wrong: a whole frame follows at byte {hidden}"
            return False
        self.torn += self.reader.torn
        self.reader = Reader(self.reader.position, self.reader.header)
        return True

    def _reader(self, position: int) -> Reader:
        return Reader(position, Header(self.run, self.segment, 0) if position > len(MAGIC) else None)
