"""Server-sent events: framing only (WHATWG HTML, "Parsing an event stream")."""

from __future__ import annotations

import re
from typing import Final

BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
REACH: Final = 3  # bytes before a piece that a blank line in it may begin with
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


def split_events(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Whole events, each with its blank line, and the rest that is not whole yet."""
    events = []
    start = 0
    for blank in BLANK_LINE.finditer(buffer):
        events.append(buffer[start : blank.end()])
        start = blank.end()
    return events, buffer[start:]


def data_of(event: bytes) -> bytes | None:
    """The event's data lines joined, with or without the space behind the colon; None for comments and other fields."""
    if event.startswith(b"data:") and event.count(b"\n") == 2 and event.endswith(b"\n\n") and b"\r" not in event:
        return event[6:-2] if event.startswith(b" ", 5) else event[5:-2]
    lines = [
        line[6:] if line.startswith(b"data: ") else line[5:]
        for line in _LINE_END.split(event)
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None


def name_of(event: bytes) -> bytes | None:
    """The event's type, where a line names one."""
    for line in _LINE_END.split(event):
        if line.startswith(b"event:"):
            return line[6:].strip()
    return None


def encode_event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
