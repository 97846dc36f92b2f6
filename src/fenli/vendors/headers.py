"""The head of a request, as far as it stays the same from call to call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fenli import __version__
from fenli.errors import ConfigError
from fenli.http.transport import Origin

_JSON: Final = "Content-Type: application/json"
_PATH_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+!-]*")
_ANYTHING: Final = "Accept: */*"


def head_lines(vendor: str, origin: Origin, own: Iterable[str]) -> bytes:
    """Ready for the wire. ``own`` are lines of the vendor's, such as the one with the key.

    Raises ConfigError where one of them has characters that no header can carry.
    """
    lines = [
        f"Host: {host_of(origin)}",
        _JSON,
        _ANYTHING,
        f"User-Agent: fenli/{__version__}",
        *own,
    ]
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise ConfigError(f"the key of {vendor} has characters that no HTTP header can carry")
    return "".join(line + "\r\n" for line in lines).encode()


def typed(lines: bytes, content_type: bytes) -> bytes:
    """Such a head for a body of that type."""
    return lines.replace(_JSON.encode(), b"Content-Type: " + content_type, 1)


def accepting(lines: bytes, content_type: bytes) -> bytes:
    """Such a head that asks for an answer of that type."""
    return lines.replace(_ANYTHING.encode(), b"Accept: " + content_type, 1)


def path_part(name: str) -> str:
    """``name`` as one part of a path: callers may name any model, and none may lead elsewhere. Raises ConfigError."""
    if not _PATH_PART.fullmatch(name):
        raise ConfigError(f"{name[:80]!r} cannot stand in the address that this vendor is asked at: name a model of it")
    return name


def host_of(origin: Origin) -> str:
    """What the Host header says."""
    default_port = {"http": 80, "https": 443, "ws": 80, "wss": 443}.get(origin.scheme)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == default_port else f"{host}:{origin.port}"


def bearer(secret: str) -> tuple[str, ...]:
    """The line with the key, none where there is no key."""
    return (f"Authorization: Bearer {secret}",) if secret else ()
