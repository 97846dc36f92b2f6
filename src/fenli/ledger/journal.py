"""The journal's bytes. No I/O: `encode_frame` makes what a worker appends, `Reader` takes bytes back apart.

    segment = magic, header frame, record frame*
    frame   = payload length (u32 LE), CRC-32C of the payload (u32 LE), payload
    payload = msgpack; in a record frame an array of all the records of one write

One write is one frame, so a torn write loses records that nobody had been told were safe, and never half of one.
"""

from __future__ import annotations

from typing import Final

import google_crc32c
import msgspec

from fenli.errors import BooksError
from fenli.ledger.records import Record

MAGIC: Final = b"FENLIJ1\n"
PREFIX: Final = 8
FRAME_MAX: Final = 64 * 1024 * 1024

_encode = msgspec.msgpack.Encoder().encode
_checksum = google_crc32c.value


class Header(msgspec.Struct, frozen=True):
    """``run`` names the writer (its calls' ids begin with it); segments of a run count up from 1."""

    run: str
    segment: int
    started: int


_decode_header = msgspec.msgpack.Decoder(Header).decode
_decode_records = msgspec.msgpack.Decoder(list[Record]).decode


def encode_header(header: Header) -> bytes:
    return MAGIC + _frame(_encode(header))


def encode_frame(records: list[Record]) -> bytes:
    return _frame(_encode(records))


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + _checksum(payload).to_bytes(4, "little") + payload


class Reader:
    """Feed it a segment's bytes as they appear; it yields whole frames.

    ``position`` is the offset behind the last whole frame: where to go on reading after a restart. Give it back as
    ``position`` and begin feeding there. ``torn`` says how many bytes behind it are not a whole frame yet: a write under
    way while the writer lives, a torn tail once it is dead. Raises BooksError where bytes inside the segment are damaged
    (a whole frame of the right length with the wrong checksum, and more bytes behind it).
    """

    __slots__ = ("_buffer", "header", "position")

    def __init__(self, position: int = 0, header: Header | None = None) -> None:
        self._buffer = b""
        self.header = header
        self.position = position

    @property
    def torn(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Record]:
        buffer = self._buffer + data if self._buffer else data
        records: list[Record] = []
        start = 0
        if self.position == 0 and len(buffer) >= len(MAGIC):
            if not buffer.startswith(MAGIC):
                raise BooksError(f"not a fenli journal: it begins with {buffer[:8]!r}, not {MAGIC!r}")
            start = self.position = len(MAGIC)
        while self.position and (frame := self._payload(buffer, start)) is not None:
            payload, end = frame
            if self.header is None:
                self.header = _decode_header(payload)
            else:
                records += _decode_records(payload)
            self.position += end - start
            start = end
        self._buffer = buffer[start:]
        return records

    def _payload(self, buffer: bytes, start: int) -> tuple[bytes, int] | None:
        if len(buffer) - start < PREFIX:
            return None
        length = int.from_bytes(buffer[start : start + 4], "little")
        end = start + PREFIX + length
        if length > FRAME_MAX:
            raise BooksError(f"the journal is damaged at byte {self.position}: a frame of {length} bytes")
        if len(buffer) < end:
            return None
        payload = buffer[start + PREFIX : end]
        if _checksum(payload) != int.from_bytes(buffer[start + 4 : start + PREFIX], "little"):
            if len(buffer) == end:
                return None  # the last bytes of a torn write: its length may have landed before its content
            raise BooksError(f"the journal is damaged at byte {self.position}: the checksum of a frame is wrong")
        return payload, end
