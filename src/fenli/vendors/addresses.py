"""Which resolved addresses a request may go to: a public vendor's name must not lead into the private network."""

from __future__ import annotations

import ipaddress
from typing import Final

from fenli.http.transport import Origin
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

_PUBLIC: Final = frozenset(
    origin for vendor in VENDORS.values() if (origin := parse_base_url(vendor.base_url)[0]).scheme in ("https", "wss")
)


def may_connect(origin: Origin, address: str) -> bool:
    """Never to link-local (cloud metadata), multicast or unspecified addresses; to private and loopback ones only where
    the configuration names the origin, which the built-in base URLs do not."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.is_global or origin not in _PUBLIC
