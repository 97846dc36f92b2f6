"""Which requests go through which proxy."""

from __future__ import annotations

import pytest

from fenli.errors import ConfigError
from fenli.http.proxy import Proxies, Proxy, is_loopback, parse_proxy
from fenli.http.transport import Origin

PROXY = Proxy("proxy.example", 3128)


def test_each_scheme_has_its_proxy():
    proxies = Proxies.from_environment({"HTTP_PROXY": "http://a:1", "https_proxy": "b:2"})
    assert proxies.find(Origin("http", "vendor.example", 80)) == Proxy("a", 1)
    assert proxies.find(Origin("https", "vendor.example", 443)) == Proxy("b", 2)
    assert Proxies.from_environment({}).find(Origin("https", "vendor.example", 443)) is None


def test_lower_case_wins():
    assert Proxies.from_environment({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}).https == Proxy("b", 2)
    assert Proxies.from_environment({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}).https is None


def test_a_cgi_header_is_no_proxy():
    environment = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil:1"}
    assert Proxies.from_environment(environment).http is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("*", "vendor.example", 443, True),
        ("vendor.example", "vendor.example", 443, True),
        ("vendor.example", "api.vendor.example", 443, True),
        ("vendor.example", "notvendor.example", 443, False),
        (".vendor.example", "api.vendor.example", 443, True),
        ("*.vendor.example", "api.vendor.example", 443, True),
        ("VENDOR.example", "Vendor.Example.", 443, True),
        ("other, vendor.example", "vendor.example", 443, True),
        ("vendor.example:443", "vendor.example", 443, True),
        ("vendor.example:80", "vendor.example", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("[fd00::1]:80", "fd00::1", 443, False),
        ("fd00::1", "fd00::1", 443, True),
        ("10.0.0.0/8", "vendor.example", 443, False),
        ("vendor.example", "10.0.0.1", 443, False),
        (",,", "vendor.example", 443, False),
    ],
)
def test_no_proxy(no_proxy, host, port, direct):
    proxies = Proxies.from_environment({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": no_proxy})
    assert proxies.find(Origin("https", host, port)) == (None if direct else PROXY)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host):
    assert is_loopback(host)
    assert Proxies(http=PROXY).find(Origin("http", host, 80)) is None


@pytest.mark.parametrize("url", ["socks5://a:1", "https://a:1", "http://", "http://a:99999", "http://a:b"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="http://host:port"):
        parse_proxy(url)
