"""The handshake that makes a WebSocket of an HTTP/1.1 connection (RFC 6455 §4), both sides of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Final

from fenli.errors import ProtocolError, RequestError

SWITCHING: Final = 101
_ACCEPT_SALT: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # §1.3
_VERSION: Final = b"13"
_KEY_BYTES: Final = 16
_UNASKED: Final = (b"sec-websocket-extensions", b"sec-websocket-protocol")


def fresh_key() -> bytes:
    return base64.b64encode(os.urandom(_KEY_BYTES))


def request_lines(key: bytes) -> bytes:
    """What a request asks for a WebSocket with, beside its own headers."""
    return b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %b\r\nSec-WebSocket-Version: %b\r\n" % (
        key,
        _VERSION,
    )


def reply_head(key: bytes, headers: bytes) -> bytes:
    """The 101 that grants it, with ``headers`` (lines ready for the wire) of its own."""
    lines = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n" % _accept(key)
    return b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (lines, headers)


def check_reply(headers: list[tuple[bytes, bytes]], key: bytes) -> None:
    """Raises ProtocolError where a 101 does not grant what was asked for (§4.1), or more."""
    told: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        told.setdefault(name.lower(), []).append(value)
    if not _names(told.get(b"upgrade", []), b"websocket") or not _names(told.get(b"connection", []), b"upgrade"):
        raise ProtocolError("its 101 switches to something else than a WebSocket", sent=True)
    if told.get(b"sec-websocket-accept") != [_accept(key)]:
        raise ProtocolError("its Sec-WebSocket-Accept does not belong to the key that was sent", sent=True)
    for name in _UNASKED:
        if name in told:
            raise ProtocolError(f"its 101 has a {name.decode()} nobody asked for", sent=True)


def asks_websocket(headers: dict[bytes, bytes]) -> bool:
    """``headers`` as the server's exchanges have them."""
    return _names([headers.get(b"upgrade", b"")], b"websocket")


def check_request(method: bytes, headers: dict[bytes, bytes]) -> bytes:
    """The key of a request for a WebSocket. Raises RequestError (§4.2.1) with 400, or 426 for another version."""
    if method != b"GET" or not _names([headers.get(b"connection", b"")], b"upgrade"):
        raise RequestError(400, "A WebSocket is asked for with GET and `Connection: Upgrade`.")
    if headers.get(b"sec-websocket-version") != _VERSION:
        raise RequestError(426, "The only version of WebSocket spoken here is 13.")
    key = headers.get(b"sec-websocket-key", b"")
    try:
        size = len(base64.b64decode(key, validate=True))
    except binascii.Error:
        size = 0
    if size != _KEY_BYTES:
        raise RequestError(400, "Sec-WebSocket-Key must be 16 bytes in base64.")
    return key


def _accept(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + _ACCEPT_SALT, usedforsecurity=False).digest())


def _names(values: list[bytes], token: bytes) -> bool:
    """Whether a list header has that (lower-case) token."""
    return any(part.strip().lower() == token for value in values for part in value.split(b","))
