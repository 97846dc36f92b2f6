"""WebSocket frames (RFC 6455 §5): messages out of bytes, and back. One reader for both sides, without a socket.

feed(bytes) ─> events: whole messages (whatever their fragments), pings, the peer's close and nothing after it
            └> fault (and nothing after it)
"""

from __future__ import annotations

from codecs import utf_8_decode
from typing import Final, NamedTuple

_CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_DATA: Final = frozenset((_CONTINUATION, TEXT, BINARY))
_CONTROL: Final = frozenset((CLOSE, PING, PONG))

NORMAL: Final = 1000
NO_CODE: Final = 1005  # what a close without a code counts as (§7.1.5)
_BROKEN: Final = 1002
_NO_TEXT: Final = 1007
_TOO_BIG: Final = 1009
# §7.4.2, and what was registered since; the rest is never sent.
_CODES: Final = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))

_CONTROL_MAX: Final = 125
_REASON_MAX: Final = _CONTROL_MAX - 2
_SHORT: Final = 126
_LONG: Final = 127


class Event(NamedTuple):
    """``opcode`` is TEXT, BINARY, PING or CLOSE; ``code`` is the peer's with CLOSE, whose ``data`` is its reason."""

    opcode: int
    data: bytes
    code: int = NO_CODE


class Fault(NamedTuple):
    """How the peer breaks the protocol, and the code of the close that tells it so."""

    code: int
    reason: str


class FrameReader:
    """``masked``: whether the peer's frames are: a client's always, a server's never. ``message_bytes`` bounds a
    message, over all its fragments."""

    __slots__ = ("_begun", "_buffer", "_limit", "_masked", "_opcode", "_over", "fault")

    def __init__(self, *, masked: bool, message_bytes: int) -> None:
        self.fault: Fault | None = None
        self._masked = 0x80 if masked else 0
        self._limit = message_bytes
        self._buffer = bytearray()
        self._over = False
        self._opcode = _CONTINUATION  # of the message under way; this one for none
        self._begun = bytearray()  # of that message, so that its fragments cost no more than their bytes

    def feed(self, data: bytes) -> list[Event]:
        """Takes what was read. Never raises; look at ``fault``."""
        events: list[Event] = []
        if self._over:
            return events
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while not self._over and (end := self._frame(at, events)):
                at = end
        except _Broken as broken:
            self.fault = broken.fault
            self._over = True
        if self._over:
            buffer.clear()
        else:
            del buffer[:at]
        return events

    def _frame(self, at: int, events: list[Event]) -> int:
        """Reads the frame at ``at`` and returns its end; 0 where it is not whole yet."""
        buffer = self._buffer
        if len(buffer) < at + 2:
            return 0
        first, second = buffer[at], buffer[at + 1]
        opcode, size = first & 0x0F, second & 0x7F
        self._check(first, second, opcode, size)
        start = at + 2
        if size >= _SHORT:
            width = 2 if size == _SHORT else 8
            if len(buffer) < start + width:
                return 0
            size = int.from_bytes(buffer[start : start + width], "big")
            if size < (_SHORT if width == 2 else 1 << 16):
                raise _Broken(_BROKEN, "a length is longer than it need be")
            start += width
        if opcode in _DATA and len(self._begun) + size > self._limit:
            raise _Broken(_TOO_BIG, f"a message is larger than {self._limit} bytes")
        key = b""
        if self._masked:
            key = bytes(buffer[start : start + 4])
            start += 4
        end = start + size
        if len(buffer) < end:
            return 0
        data = bytes(buffer[start:end])
        self._take(first & 0x80, opcode, mask(data, key) if key else data, events)
        return end

    def _check(self, first: int, second: int, opcode: int, size: int) -> None:
        if first & 0x70:
            raise _Broken(_BROKEN, "a reserved bit is set, and no extension was agreed on")
        if second & 0x80 != self._masked:
            raise _Broken(_BROKEN, "a client's frame is not masked" if self._masked else "a server's frame is masked")
        if opcode in _CONTROL:
            if not first & 0x80 or size > _CONTROL_MAX:
                raise _Broken(_BROKEN, "a control frame is fragmented, or longer than 125 bytes")
        elif opcode not in _DATA:
            raise _Broken(_BROKEN, f"opcode {opcode} means nothing")
        elif (opcode == _CONTINUATION) != (self._opcode != _CONTINUATION):
            begun = self._opcode != _CONTINUATION
            raise _Broken(_BROKEN, "a message begins inside another" if begun else "a message goes on that never began")

    def _take(self, final: int, opcode: int, data: bytes, events: list[Event]) -> None:
        if opcode in _CONTROL:
            if opcode == CLOSE:
                events.append(_closing(data))
                self._over = True
            elif opcode == PING:
                events.append(Event(PING, data))
            return
        if opcode != _CONTINUATION:
            self._opcode = opcode
        if not final:
            self._begun += data
            return
        if self._begun:
            data = bytes(self._begun + data)
            self._begun = bytearray()
        opcode, self._opcode = self._opcode, _CONTINUATION
        if opcode == TEXT:
            _check_text(data)
        events.append(Event(opcode, data))


class _Broken(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.fault = Fault(code, reason)


def _closing(data: bytes) -> Event:
    if not data:
        return Event(CLOSE, b"")
    code = int.from_bytes(data[:2], "big")
    if len(data) < 2 or code not in _CODES:
        raise _Broken(_BROKEN, "it closes with a code that is none")
    _check_text(data[2:])
    return Event(CLOSE, data[2:], code)


def _check_text(data: bytes) -> None:
    try:
        utf_8_decode(data, "strict", True)
    except UnicodeDecodeError:
        raise _Broken(_NO_TEXT, "a text is not UTF-8") from None


def encode_frame(opcode: int, data: bytes, key: bytes = b"") -> bytes:
    """One frame that is a whole message. ``key`` masks it: four random bytes from a client, none from a server."""
    masked, size = 0x80 if key else 0, len(data)
    if size < _SHORT:
        head = bytes((0x80 | opcode, masked | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, masked | _SHORT)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, masked | _LONG)) + size.to_bytes(8, "big")
    return b"%b%b%b" % (head, key, mask(data, key) if key else data)


def encode_close(code: int, reason: str = "", key: bytes = b"") -> bytes:
    """A reason that is too long is cut, between two characters."""
    told = reason.encode()[:_REASON_MAX].decode(errors="ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + told, key)


def mask(data: bytes, key: bytes) -> bytes:
    """Masks, or unmasks (§5.3). As whole numbers, since a loop over bytes takes a hundred times as long."""
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")
