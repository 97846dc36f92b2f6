"""How the messages of an answer are told apart in the bytes that carry them."""

from __future__ import annotations

import re
from typing import Final, Protocol

from fenli.wire.sse import BLANK_LINE, REACH, data_of, name_of, split_events

FRAME_MAX: Final = 16 * 1024 * 1024
_LINE_END: Final = re.compile(rb"\n")


class Frames(Protocol):
    """``refuses_as_json``: an answer that comes as JSON instead is the vendor's way to say no with a 200.

    Each frame is its name (empty where the framing has none) and its bytes.
    """

    @property
    def refuses_as_json(self) -> bool: ...

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The frames that are whole now. Raises ValueError where one is larger than `FRAME_MAX`."""

    def end(self) -> list[tuple[bytes, bytes]]:
        """What is left when the peer has closed in good order."""


class EventFrames:
    """Server-sent events; comments and empty ones are no frames."""

    __slots__ = ("_rest",)
    refuses_as_json: Final = True

    def __init__(self) -> None:
        self._rest = _Rest()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        joined = self._rest.with_more(data, BLANK_LINE)
        if joined is None:
            return []
        events, rest = split_events(joined)
        self._rest.keep(rest)
        return [frame for event in events if (frame := _event(event)) is not None]

    def end(self) -> list[tuple[bytes, bytes]]:
        frame = _event(self._rest.take() + b"\n\n")
        return [] if frame is None else [frame]


class LineFrames:
    """A JSON text on each line (NDJSON), with or without ``data:`` before it."""

    __slots__ = ("_rest",)
    refuses_as_json: Final = False

    def __init__(self) -> None:
        self._rest = _Rest()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        joined = self._rest.with_more(data, _LINE_END)
        if joined is None:
            return []
        *lines, rest = joined.split(b"\n")
        self._rest.keep(rest)
        return [(b"", line) for line in map(_line, lines) if line]

    def end(self) -> list[tuple[bytes, bytes]]:
        line = _line(self._rest.take())
        return [(b"", line)] if line else []


class MessageFrames:
    """Every piece is a message already, as a WebSocket's are."""

    __slots__ = ()
    refuses_as_json: Final = False

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        return [(b"", data)]

    def end(self) -> list[tuple[bytes, bytes]]:
        return []


class WholeFrame:
    """The whole body is one message of at most ``limit`` bytes."""

    __slots__ = ("_limit", "_pieces", "_size")
    refuses_as_json: Final = False

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        self._size += len(data)
        if self._size > self._limit:
            self._pieces.clear()
            raise ValueError(f"the answer is larger than {self._limit} bytes")
        self._pieces.append(data)
        return []

    def end(self) -> list[tuple[bytes, bytes]]:
        return [(b"", b"".join(self._pieces))]


class EitherFrames:
    """Events, or one message where an answer begins as JSON does: of a vendor that streams not all of its models."""

    __slots__ = ("_frames",)
    refuses_as_json: Final = False

    def __init__(self) -> None:
        self._frames: Frames | None = None

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        if self._frames is None:
            data = data.lstrip()
            if not data:
                return []
            self._frames = WholeFrame(FRAME_MAX) if data[:1] == b"{" else EventFrames()
        return self._frames.feed(data)

    def end(self) -> list[tuple[bytes, bytes]]:
        return [] if self._frames is None else self._frames.end()


class _Rest:
    """The beginning of a frame that is not whole: looked through and joined once, however many pieces it comes in."""

    __slots__ = ("_pieces", "_size", "_tail")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""

    def with_more(self, data: bytes, end: re.Pattern[bytes]) -> bytes | None:
        """Everything so far, or None while no frame ends in ``data``."""
        if not self._pieces:
            return data
        if end.search(self._tail + data) is None:
            self._add(data)
            return None
        return self.take() + data

    def keep(self, rest: bytes) -> None:
        if rest:
            self._add(rest)

    def take(self) -> bytes:
        joined = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._tail = b""
        return joined

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > FRAME_MAX:
            raise ValueError(f"an event is larger than {FRAME_MAX} bytes")
        self._pieces.append(data)
        self._tail = (self._tail + data)[-REACH:]


def _event(event: bytes) -> tuple[bytes, bytes] | None:
    data = data_of(event)
    if data is None or not data.strip():
        return None
    return (name_of(event) or b"" if b"event:" in event else b"", data)


def _line(line: bytes) -> bytes:
    line = line.strip()
    return line[5:].lstrip() if line.startswith(b"data:") else line
