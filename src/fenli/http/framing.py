"""What the parser lets through and RFC 9112 does not: checks on the head of a message.

llhttp 9 itself refuses: Content-Length beside Transfer-Encoding, a second Content-Length, a Content-Length that is not
digits, bare CR, bare LF, obs-fold, whitespace before the colon, control bytes, malformed or overflowing chunk sizes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fenli.errors import RequestError

# RFC 9110 §5.3 lets lists be joined; these are no lists, and two of them mean two readings of one request.
SINGLE: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"authorization", b"expect", b"content-type")
)

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+;=-]*)(?::[0-9]*)?")


def check_version(version: str) -> None:
    if version not in ("1.1", "1.0"):
        raise RequestError(505, f"HTTP/{version} is not spoken here. Use HTTP/1.1.")


@lru_cache(maxsize=1024)
def check_host(host: bytes | None) -> None:
    """RFC 9112 §3.2: exactly one Host, and a valid one (a second is refused when it arrives)."""
    if host is None:
        raise RequestError(400, "The Host header is missing. HTTP/1.1 needs exactly one.")
    if not valid_host(host):
        raise RequestError(400, "The Host header is not a host name.")


def valid_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


def check_coding(coding: bytes, version: str) -> None:
    """RFC 9112 §6.1: the one transfer coding we take is ``chunked``, once; from HTTP/1.0 it is faulty framing."""
    if version == "1.0":
        raise RequestError(400, "Transfer-Encoding does not exist in HTTP/1.0. Use Content-Length.")
    if coding.lower() != b"chunked":
        raise RequestError(400, "The only Transfer-Encoding taken is a single `chunked`.")


def split_target(url: bytes, headers: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Path and query of a request target.

    RFC 9112 §3.2.2: an absolute form is taken, and its authority replaces Host.
    """
    if b"#" in url:
        raise RequestError(400, "A request target has no fragment. Leave out `#` and what follows.")
    if not url.startswith(b"/") and url != b"*":
        scheme, mark, rest = url.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https"):
            raise RequestError(400, "The request target must start with `/`.")
        end = min(at for at in (rest.find(b"/"), rest.find(b"?"), len(rest)) if at >= 0)
        check_host(rest[:end])
        headers[b"host"] = rest[:end]
        url = rest[end:]
        if not url.startswith(b"/"):
            url = b"/" + url
    path, _, query = url.partition(b"?")
    return path, query
