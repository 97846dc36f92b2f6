"""The journal's bytes. No I/O: `encode_frame` makes what a worker appends, `Reader` takes bytes back apart.

    segment = magic, header frame, record frame*
    frame   = payload length (u32 LE), CRC-32C of the payload (u32 LE), payload
    payload = msgpack; in a record frame an array of all the records of one write

One write is one frame, so a torn write loses records that nobody had been told were safe, and never half of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import google_crc32c
import msgspec

from fenli.errors import BooksError
from fenli.ledger.records import Record

MAGIC: Final = b"FENLIJ1\n"
PREFIX: Final = 8
FRAME_MAX: Final = 64 * 1024 * 1024

_encode = msgspec.msgpack.Encoder().encode
_checksum: Callable[[bytes], int] = google_crc32c.value


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
    checksum = _checksum(payload)
    return len(payload).to_bytes(4, "little") + checksum.to_bytes(4, "little") + payload


class Reader:
    """Feed it a segment's bytes as they appear; it yields the records of whole frames.

    ``position`` is the offset behind the last whole frame: where to go on reading after a restart. Give it back as
    ``position`` and begin feeding there. ``torn`` says how many bytes behind it are not a whole frame yet: a write
    under way while the writer lives, a torn tail once it is dead. ``damage`` says what is wrong at ``position`` once
    bytes inside the segment are damaged (a whole frame with the wrong checksum, and more bytes behind it); what was
    whole before is still yielded, and nothing after.
    """

    __slots__ = ("_buffer", "damage", "header", "position")

    def __init__(self, position: int = 0, header: Header | None = None) -> None:
        self._buffer = b""
        self.damage: str | None = None
        self.header = header
        self.position = position

    @property
    def torn(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Record]:
        records: list[Record] = []
        if self.damage is not None:
            return records
        buffer = self._buffer + data if self._buffer else data
        start = 0
        try:
            if self.position == 0 and len(buffer) >= len(MAGIC):
                if not buffer.startswith(MAGIC):
                    raise BooksError(f"not a fenli journal: it begins with {buffer[:8]!r}, not {MAGIC!r}")
                start = self.position = len(MAGIC)
            while self.position and (frame := _payload(buffer, start)) is not None:
                payload, end = frame
                if self.header is None:
                    self.header = _decode_header(payload)
                else:
                    records += _decode_records(payload)
                self.position += end - start
                start = end
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.damage = f"a frame that this fenli cannot read ({error})"
        except BooksError as error:
            self.damage = str(error)
        self._buffer = buffer[start:]
        return records

    def hidden(self) -> int | None:
        """Once no more bytes will come: the offset of a whole frame among the torn bytes, None when there is none.

        A torn write has nothing behind it; where a frame follows, it was not torn but its length was damaged.
        """
        buffer = self._buffer
        for start in range(1, len(buffer) - PREFIX):
            length = int.from_bytes(buffer[start : start + 4], "little")
            if 0 < length <= len(buffer) - start - PREFIX and buffer[start + PREFIX] in _ARRAYS:
                end = start + PREFIX + length
                if _checksum(buffer[start + PREFIX : end]) == int.from_bytes(buffer[start + 4 : start + 8], "little"):
                    return self.position + start
        return None


# The first byte of a msgpack array.
_ARRAYS: Final = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])


def _payload(buffer: bytes, start: int) -> tuple[bytes, int] | None:
    """The payload of the frame at ``start`` and where it ends; None while it is not whole."""
    if len(buffer) - start < PREFIX:
        return None
    length = int.from_bytes(buffer[start : start + 4], "little")
    end = start + PREFIX + length
    if length > FRAME_MAX:
        raise BooksError(f"a frame of {length} bytes")
    if length == 0:
        if buffer.count(0, start) == len(buffer) - start:
            return None  # a file system may lengthen a file before it writes what is in it
        raise BooksError("a frame without content")
    if len(buffer) < end:
        return None
    payload = buffer[start + PREFIX : end]
    if _checksum(payload) != int.from_bytes(buffer[start + 4 : start + PREFIX], "little"):
        if buffer.count(0, end) == len(buffer) - end:
            return None  # the last bytes of a torn write: its length may have landed before its content
        raise BooksError("the checksum of a frame is wrong")
    return payload, end
