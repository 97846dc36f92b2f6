"""Heads that need no parser: every line is plain, and most have been seen before.

Clients and vendors send the same header lines over and over, so each line is looked at once and remembered. Whatever
is not plain beyond doubt (a coding, an expectation, an upgrade, a line twice, anything that is not a token, a colon and
printable ASCII) is left to the parser, whose word is the law; so is a message that is not whole in one read.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

from fenli.http.framing import valid_host
from fenli.http.limits import Limits, PoolLimits

# Lines remembered by one of these at most, and the longest that is.
_LINES_MAX: Final = 4_096
_LINE_MAX: Final = 1_024
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~](?:[ -~\t]*[!-~])?)?)[ \t]*")
_REQUEST: Final = re.compile(rb"(GET|POST) (/[A-Za-z0-9/._~:@!$&'()*+,;=%-]*) HTTP/1\.1")
_STATUS: Final = re.compile(rb"HTTP/1\.1 (2[0-9][0-9]|[45][0-9][0-9])(?: [ -~]*)?")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_END: Final = b"\r\n\r\n"
# These change how a message is framed or what becomes of the connection.
_FRAMING: Final = frozenset(
    (b"connection", b"expect", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
_BODILESS: Final = (204, 205)

Start = tuple[bytes, bytes]
Line = tuple[bytes, bytes]
_Value = TypeVar("_Value")


class _RequestLines(dict[bytes, Line]):
    """Name (in lower case) and value of each line seen; a line that is not plain is a KeyError."""

    def __missing__(self, line: bytes) -> Line:
        name, value = _plain(line)
        name = name.lower()
        if name == b"host" and not valid_host(value):
            raise KeyError(line)
        _remember(self, line, (name, value))
        return name, value


class _ReplyLines(dict[bytes, Line]):
    """Name (as sent) and value of each line seen; what lines of a length say is in ``lengths``, too."""

    def __init__(self, lengths: dict[bytes, tuple[int]]) -> None:
        super().__init__()
        self._lengths = lengths

    def __missing__(self, line: bytes) -> Line:
        name, value = _plain(line)
        if len(self) >= _LINES_MAX:
            self._lengths.clear()  # it holds some of what is forgotten now
        _remember(self, line, (name, value))
        if name.lower() == b"content-length":
            self._lengths[line] = (int(value),)
        return name, value


class PlainRequests:
    """What was learnt from the requests to one server."""

    __slots__ = ("_body_bytes", "_header_bytes", "_headers", "_line", "_lines", "_starts")

    def __init__(self, limits: Limits) -> None:
        self._header_bytes = limits.header_bytes
        self._headers = limits.headers
        self._body_bytes = limits.body_bytes
        self._starts: dict[bytes, Start] = {}
        self._lines = _RequestLines()
        self._line = self._lines.__getitem__

    def read(self, data: bytes) -> tuple[bytes, bytes, dict[bytes, bytes], bytes] | None:
        """Method, path, headers (names in lower case) and body, if ``data`` is one whole plain request to the byte."""
        head, end, body = data.partition(_END)
        if not end or len(head) > self._header_bytes:
            return None
        lines = head.split(b"\r\n")
        first = lines.pop(0)
        start = self._starts.get(first) or self._learn_start(first)
        if start is None:
            return None
        try:
            headers = dict(map(self._line, lines))
        except KeyError:
            return None
        # A name for each line, so that none came twice.
        if len(lines) != len(headers) or len(lines) > self._headers or b"host" not in headers:
            return None
        size = len(body)
        length = headers.get(b"content-length", b"0")
        if size != int(length) or size > self._body_bytes:
            return None
        return start[0], start[1], headers, body

    def _learn_start(self, line: bytes) -> Start | None:
        found = _REQUEST.fullmatch(line)
        if found is None:
            return None
        start = (found[1], found[2])
        _remember(self._starts, line, start)
        return start


class PlainReplies:
    """What was learnt from the replies of one client's origins."""

    __slots__ = ("_header_bytes", "_length", "_line", "_statuses")

    def __init__(self, limits: PoolLimits) -> None:
        self._header_bytes = limits.header_bytes
        self._statuses: dict[bytes, int] = {}
        lengths: dict[bytes, tuple[int]] = {}
        self._length = lengths.get
        self._line = _ReplyLines(lengths).__getitem__

    def read(self, data: bytes) -> tuple[int, list[Line], bytes] | None:
        """Status, headers (names as sent) and body, if ``data`` is one whole plain reply to the byte.

        For a reply to anything but HEAD.
        """
        head, end, body = data.partition(_END)
        if not end or len(head) > self._header_bytes:
            return None
        lines = head.split(b"\r\n")
        first = lines.pop(0)
        status = self._statuses.get(first) or self._learn_status(first)
        if status is None:
            return None
        try:
            headers = list(map(self._line, lines))
        except KeyError:
            return None
        sizes = list(filter(None, map(self._length, lines)))
        return (status, headers, body) if sizes == [(len(body),)] else None

    def _learn_status(self, line: bytes) -> int | None:
        found = _STATUS.fullmatch(line)
        if found is None or int(found[1]) in _BODILESS:
            return None
        _remember(self._statuses, line, int(found[1]))
        return int(found[1])


def _plain(line: bytes) -> Line:
    found = _LINE.fullmatch(line) if len(line) <= _LINE_MAX else None
    if found is None:
        raise KeyError(line)
    name, value = found[1], found[2]
    lower = name.lower()
    kept_alive = lower == b"connection" and value.lower() == b"keep-alive"
    if lower in _FRAMING and not kept_alive:
        raise KeyError(line)
    if lower == b"content-length" and _LENGTH.fullmatch(value) is None:
        raise KeyError(line)
    return name, value


def _remember(known: dict[bytes, _Value], line: bytes, value: _Value) -> None:
    if len(known) >= _LINES_MAX:
        known.clear()
    if len(line) <= _LINE_MAX:
        known[line] = value
