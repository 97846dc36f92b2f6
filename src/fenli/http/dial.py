"""Opening a connection: resolve, check each address, connect, tunnel, TLS. Off the hot path, so coroutines."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from fenli.clock import SECOND
from fenli.errors import ConnectFailed
from fenli.http.proxy import Proxy, Tunnel, authority
from fenli.http.transport import Origin

Allowed = Callable[[Origin, str], bool]
ProtocolT = TypeVar("ProtocolT", bound=asyncio.Protocol)


class Route(NamedTuple):
    """How one origin is reached. ``context`` is None where no TLS is spoken."""

    origin: Origin
    proxy: Proxy | None
    context: ssl.SSLContext | None
    allowed: Allowed | None

    @property
    def tunnels(self) -> bool:
        """Whether a proxy has to open a tunnel: it can pass on plain HTTP by itself, and nothing else."""
        return self.proxy is not None and self.origin.scheme != "http"


async def dial(route: Route, make: Callable[[], ProtocolT], span: int) -> ProtocolT:
    """Connects within ``span`` (ns; the caller enforces it, here it is shared out between addresses).

    ``allowed`` sees the very addresses that are connected to, so a name that resolves anew cannot slip past it. Through
    a proxy it sees the origin's host only if that is an address: a proxy resolves names itself. Raises ConnectFailed.
    """
    origin, proxy = route.origin, route.proxy
    host, port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
    where = describe(origin)
    try:
        if proxy is not None:
            _check(route, [origin.host] if _is_address(origin.host) else [])
        addresses = await _resolve(host, port)
        if proxy is None:
            addresses = _check(route, addresses)
        return await _connect(route, addresses, port, make, span)
    except socket.gaierror as error:
        reason = f"the name {host} does not resolve ({error.strerror}). Check the name and the DNS of this machine."
    except ssl.SSLCertVerificationError as error:
        reason = f"its certificate is not accepted ({error.verify_message}). Check the host name and the authorities."
    except ssl.SSLError as error:
        reason = f"TLS failed ({error.reason or error}). Check that the port speaks TLS."
    except TimeoutError:
        reason = "no address answered in time. Check the address and the firewall."
    except (OSError, UnicodeError) as error:
        reason = f"{error or type(error).__name__}. Check the address and the firewall."
    raise ConnectFailed(f"No connection to {where}: {reason}", sent=False)


def describe(origin: Origin) -> str:
    return f"{origin.scheme}://{authority(origin.host, origin.port)}"


async def _resolve(host: str, port: int) -> list[str]:
    if _is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    # Families take turns, so that one that leads nowhere costs one attempt (RFC 8305 §4, without its races).
    first = [address for address in addresses if (":" in address) == (":" in addresses[0])]
    second = [address for address in addresses if address not in first]
    merged = [address for pair in zip(first, second, strict=False) for address in pair]
    return merged + [address for address in addresses if address not in merged]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check(route: Route, addresses: list[str]) -> list[str]:
    if route.allowed is None or not addresses:
        return addresses
    allowed = [address for address in addresses if route.allowed(route.origin, address)]
    if not allowed:
        raise ConnectFailed(
            f"No connection to {describe(route.origin)}: its address {addresses[0]} is not allowed. "
            "Allow it, or correct the host.",
            sent=False,
        )
    return allowed


async def _connect(
    route: Route, addresses: list[str], port: int, make: Callable[[], ProtocolT], span: int
) -> ProtocolT:
    share = span / SECOND / len(addresses)
    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(share):
                return await _connect_one(route, address, port, make)
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, TimeoutError):
            continue
    return await _connect_one(route, addresses[-1], port, make)


async def _connect_one(route: Route, address: str, port: int, make: Callable[[], ProtocolT]) -> ProtocolT:
    loop = asyncio.get_running_loop()
    context, proxy, name = route.context, route.proxy, route.origin.host
    if proxy is None or not route.tunnels:
        server = name if context is not None else None
        return (await loop.create_connection(make, address, port, ssl=context, server_hostname=server))[1]
    transport, tunnel = await loop.create_connection(lambda: Tunnel(loop, route.origin, proxy), address, port)
    through: asyncio.Transport | None = transport
    try:
        await tunnel.opened
        protocol = make()
        if context is None:
            transport.set_protocol(protocol)
        else:
            through = await loop.start_tls(transport, protocol, context, server_hostname=name)
    except BaseException:
        transport.abort()
        raise
    assert through is not None
    protocol.connection_made(through)
    return protocol
