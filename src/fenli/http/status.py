"""Status lines ready for the wire."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

REASONS: Final[dict[int, bytes]] = {status.value: status.phrase.encode() for status in HTTPStatus}


class StatusLines(dict[int, bytes]):
    """``lines[status]`` is the status line and the Date header; forgotten whenever the second changes."""

    __slots__ = ("_second",)

    def __init__(self) -> None:
        super().__init__()
        self._second = 0

    def __missing__(self, status: int) -> bytes:
        date = formatdate(self._second, usegmt=True).encode()
        line = b"HTTP/1.1 %d %b\r\nDate: %b\r\n" % (status, REASONS.get(status, b""), date)
        self[status] = line
        return line

    def turn(self, second: int) -> None:
        """Takes the second since 1970 that replies carry from now on."""
        if second != self._second:
            self._second = second
            self.clear()
