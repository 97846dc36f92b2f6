from __future__ import annotations

import pytest

from fenli.http.transport import Origin
from fenli.vendors.addresses import may_connect

PUBLIC = Origin("https", "api.deepseek.com", 443)
OWN = Origin("http", "models.lan", 8000)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1"])
def test_a_public_address_is_open_to_all(address: str) -> None:
    assert may_connect(PUBLIC, address)
    assert may_connect(OWN, address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.5"])
def test_a_vendors_name_does_not_lead_into_the_private_network_and_an_origin_of_ones_own_may(address: str) -> None:
    assert not may_connect(PUBLIC, address)
    assert may_connect(OWN, address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "::"]
)
def test_metadata_services_and_the_like_are_never_connected_to(address: str) -> None:
    assert not may_connect(PUBLIC, address)
    assert not may_connect(OWN, address)
