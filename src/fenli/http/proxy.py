"""Which requests go through a proxy, and how: the environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from fenli.errors import ConfigError
from fenli.http.transport import Origin

_HEAD_LIMIT: Final = 16 * 1024


class Proxy(NamedTuple):
    """``authorization`` is the value of Proxy-Authorization, or empty."""

    host: str
    port: int
    authorization: bytes = b""


class Proxies(NamedTuple):
    """One proxy for what goes without TLS, one for what goes with it, and the hosts that are reached directly: names,
    ``.suffixes``, addresses, networks."""

    http: Proxy | None = None
    https: Proxy | None = None
    direct: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Proxies:
        """The lower-case variables win, as in curl. Raises ConfigError on an address that is none."""

        def variable(name: str) -> str:
            return environment.get(name, environment.get(name.upper(), "")).strip()

        # Upper-case HTTP_PROXY is what a CGI server makes of a client's `Proxy:` header.
        http = variable("http_proxy") if "REQUEST_METHOD" not in environment else environment.get("http_proxy", "")
        direct = tuple(entry.strip().lower() for entry in variable("no_proxy").split(",") if entry.strip())
        return cls(parse_proxy(http), parse_proxy(variable("https_proxy")), direct)

    def find(self, origin: Origin) -> Proxy | None:
        proxy = self.https if origin.scheme in ("https", "wss") else self.http
        if proxy is None or is_loopback(origin.host) or any(_matches(origin, entry) for entry in self.direct):
            return None
        return proxy


def parse_proxy(url: str) -> Proxy | None:
    """``http://[user:password@]host[:port]``, with or without the scheme; None for an empty string."""
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or port == 0:
        raise ConfigError(f"{parts.scheme}://{parts.hostname} is not a proxy address. Write http://host:port.")
    authorization = b""
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(credentials.encode())
    return Proxy(parts.hostname, port or 80, authorization)


def is_loopback(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _matches(origin: Origin, entry: str) -> bool:
    if entry == "*":
        return True
    name, _, port = entry.rpartition(":")
    if name and port.isdigit() and (":" not in name or name.endswith("]")):
        if int(port) != origin.port:
            return False
        entry = name
    entry = entry.strip("[]")
    host = origin.host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        suffix = entry.removeprefix("*").lstrip(".").rstrip(".")
        return host == suffix or host.endswith("." + suffix)
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Tunnel(asyncio.Protocol):
    """Asks a proxy for a tunnel (RFC 9110 §9.3.6). ``opened`` ends with None, or with OSError saying what came."""

    __slots__ = ("_buffer", "_request", "opened")

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin, proxy: Proxy) -> None:
        target = authority(origin.host, origin.port).encode("idna" if origin.host.isascii() is False else "ascii")
        self._request = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (target, target)
        if proxy.authorization:
            self._request += b"Proxy-Authorization: %b\r\n" % proxy.authorization
        self._request += b"\r\n"
        self._buffer = b""
        self.opened: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            if len(self._buffer) > _HEAD_LIMIT:
                self._end("its answer has no end")
            return
        line = head.partition(b"\r\n")[0]
        words = line.split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].startswith(b"2"):
            self._end(f"it answered {line[:80].decode('latin-1')!r}")
        elif rest:
            # A TLS server does not speak first: these bytes are the proxy's own.
            self._end("it sent bytes nobody asked for")
        else:
            self._end(None)

    def eof_received(self) -> bool:
        self._end("it closed the connection")
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._end("it closed the connection")

    def _end(self, reason: str | None) -> None:
        if self.opened.done():
            return
        if reason is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(OSError(f"the proxy opened no tunnel: {reason}"))
