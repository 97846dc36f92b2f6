"""TLS on both sides, and proxies with and without it."""

from __future__ import annotations

import asyncio
import base64
import shutil
import ssl
import subprocess

import http_sockets
import pytest
from http_sockets import PATIENT, Heard, RawClient, Script, answering, client, fetch, request, run, serve, until

from fenli.clock import MILLISECOND
from fenli.errors import ConnectFailed, ConnectionLost, TimedOut
from fenli.http.proxy import Proxies, Proxy
from fenli.http.tls import client_context, server_context
from fenli.http.transport import Pieces

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, file = folder / "key.pem", folder / "certificate.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        key,
        "-out",
        file,
        *name,
    ]
    subprocess.run(make, check=True, capture_output=True)
    return file, key


def echo(exchange) -> None:
    exchange.reply(200, b"", b"%b %b" % (exchange.path, exchange.body))


async def serve_tls(certificate, handler, **settings):
    server = await serve(handler, **settings)
    await server.listen("127.0.0.1", 0, tls=server_context(*certificate))
    return server, server.sockets[1].getsockname()[1]


def test_requests_over_tls_share_a_connection(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        fetching = client(tls=client_context(certificate[0]))
        body = b"x" * 3_000_000
        for host in ("localhost", "127.0.0.1"):
            for _ in range(3):
                heard = await fetch(fetching, port, method=b"POST", target=b"/a", body=body, scheme="https", host=host)
                assert heard.body == b"/a " + body, heard.error
        assert server.accepted == 2
        await fetching.close()
        assert await server.drain(5)

    run(told)


@pytest.mark.parametrize("direct", [http_sockets.direct, 1])
def test_uploads_over_tls_may_be_cut_and_followed_by_anything(certificate, direct, monkeypatch):
    monkeypatch.setattr(http_sockets, "direct", direct)
    bodies = []

    def handler(exchange):
        bodies.append(exchange.body)
        exchange.reply(200, b"", bytes(exchange.body))

    async def told():
        server, port = await serve_tls(certificate, handler)
        raw = await RawClient.connect(port, ssl=client_context(certificate[0]), server_hostname="localhost")
        body = bytes(range(256)) * 4_000
        one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        data = one + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + one
        for at in (100, 20_000, 600_000, len(one) - 1, len(one), len(one) + 1):
            for piece in (data[:at], data[at : at + 3], data[at + 3 :]):
                await raw.send(piece)
                await asyncio.sleep(0.005)
            for expected in (body, b"", body):
                assert (await raw.reply()).body == expected
        assert any(isinstance(body, memoryview) for body in bodies)
        raw.close()
        cut = await RawClient.connect(port, ssl=client_context(certificate[0]), server_hostname="localhost")
        await cut.send(one[:700_000])
        cut.close()
        await until(lambda: server.connections == 0)
        assert await server.drain(5)

    run(told)


def test_a_large_body_in_pieces_goes_out_over_tls(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        fetching = client(tls=client_context(certificate[0]))
        body = Pieces([b"head", memoryview(b"x" * 3_000_000), b"tail"])
        for _ in range(2):
            heard = await fetch(fetching, port, method=b"POST", body=body, scheme="https", host="localhost")
            assert heard.body == b"/ " + bytes(body), heard.error
        await fetching.close()
        assert await server.drain(5)

    run(told)


class Echoing:
    """Says each message again, and closes."""

    def __init__(self, exchange) -> None:
        self.socket = exchange.upgrade(self)

    def message_received(self, data) -> None:
        self.socket.write(data)
        self.socket.finish()

    def client_gone(self) -> None: ...
    def client_slow(self) -> None: ...
    def client_ready(self) -> None: ...


def test_a_websocket_over_tls(certificate):
    async def told():
        server, port = await serve_tls(certificate, Echoing)
        asking = client(tls=client_context(certificate[0]))
        for size in (1, 125, 126, 65_535, 65_536, 3_000_000):
            heard = await fetch(asking, port, body=b"x" * size, scheme="wss", host="localhost")
            assert (heard.status, len(heard.body), heard.events[-1]) == (101, size, "completed"), heard.error
        refused = await fetch(client(), port, body=b"hi", scheme="wss", host="localhost")
        assert isinstance(refused.error, ConnectFailed)
        await asking.close()
        assert await server.drain(5)

    run(told)


def test_a_websocket_over_tls_through_a_tunnel(certificate):
    async def told():
        server, port = await serve_tls(certificate, Echoing)
        script = await Script.play(relaying(port))
        context = client_context(certificate[0])
        context.check_hostname = False
        asking = client(tls=context, proxies=Proxies(https=Proxy("127.0.0.1", script.port)))
        heard = await fetch(asking, 443, body=b"hi", scheme="wss", host="vendor.example")
        assert (heard.status, heard.body, heard.events[-1]) == (101, b"hi", "completed"), heard.error
        assert script.heads == [b"CONNECT vendor.example:443 HTTP/1.1\r\nHost: vendor.example:443\r\n\r\n"]
        await asking.close()
        assert await server.drain(5)

    run(told)


def test_an_unknown_authority_is_not_accepted(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        fetching = client()
        heard = await fetch(fetching, port, scheme="https", host="localhost")
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert "certificate" in str(heard.error)
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_another_name_is_not_accepted(certificate):
    async def told():
        server = await serve(echo)
        await server.listen("127.0.0.2", 0, tls=server_context(*certificate))
        port = server.sockets[1].getsockname()[1]
        fetching = client(tls=client_context(certificate[0]))
        heard = await fetch(fetching, port, scheme="https", host="127.0.0.2")
        assert isinstance(heard.error, ConnectFailed)
        assert "certificate" in str(heard.error)
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_a_port_that_speaks_no_tls(certificate):
    async def told():
        server = await serve(echo)
        fetching = client(tls=client_context(certificate[0]))
        heard = await fetch(fetching, server.port, scheme="https", host="localhost")
        assert isinstance(heard.error, ConnectFailed)
        assert "TLS" in str(heard.error)
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_a_handshake_that_never_ends_is_the_connect_deadline(certificate):
    async def silent(script, reader, writer):
        await reader.read()

    async def told():
        script = await Script.play(silent)
        fetching = client(tls=client_context(certificate[0]))
        spans = PATIENT._replace(connect=100 * MILLISECOND)
        heard = await fetch(fetching, script.port, scheme="https", host="localhost", deadlines=spans)
        assert isinstance(heard.error, TimedOut)
        assert (heard.error.phase, heard.error.sent) == ("connect", False)
        await fetching.close()

    run(told)


def test_a_refusal_over_tls_is_read_to_its_end(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        raw = await RawClient.connect(port, ssl=client_context(certificate[0]), server_hostname="localhost")
        reply = await raw.ask(b"GET / HTTP/1.1\r\n\r\n")
        assert reply.status == 400
        raw.close()
        assert await server.drain(5)

    run(told)


def test_a_stream_cut_under_tls_is_a_lost_connection(certificate):
    def cut(exchange):
        exchange.start(200, b"")
        exchange.write(b"half")
        asyncio.get_running_loop().call_later(0.05, exchange.abort)

    async def told():
        server, port = await serve_tls(certificate, cut)
        fetching = client(tls=client_context(certificate[0]))
        heard = await fetch(fetching, port, scheme="https", host="localhost")
        assert isinstance(heard.error, ConnectionLost)
        assert heard.body == b"half"
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_a_client_that_leaves_under_tls_is_noticed(certificate):
    heard = []

    class Listener:
        def client_gone(self):
            heard.append("gone")

    def wait(exchange):
        exchange.listener = Listener()
        heard.append("request")

    async def told():
        server, port = await serve_tls(certificate, wait)
        raw = await RawClient.connect(port, ssl=client_context(certificate[0]), server_hostname="localhost")
        await raw.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: heard)
        raw.close()
        await until(lambda: heard == ["request", "gone"])
        assert await server.drain(5)

    run(told)


# Proxies. The origin's name is no loopback, for those never go to a proxy.


def test_plain_http_goes_through_a_proxy_in_absolute_form():
    async def told():
        script = await Script.play(answering(HELLO))
        proxy = Proxy("127.0.0.1", script.port, b"Basic dTpw")
        fetching = client(proxies=Proxies(http=proxy))
        for _ in range(2):
            heard = await fetch(fetching, 8080, target=b"/x?y", host="vendor.example")
            assert heard.body == b"hello", heard.error
        assert script.connections == 1
        assert script.heads[0].startswith(b"GET http://vendor.example:8080/x?y HTTP/1.1\r\nHost: a\r\n")
        assert b"\r\nProxy-Authorization: Basic dTpw\r\n" in script.heads[0]
        await fetching.close()

    run(told)


def relaying(target_port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """A proxy: one CONNECT, then bytes both ways."""

    async def pump(reader, writer):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def scene(script, reader, writer):
        await script.request(reader)
        writer.write(answer)
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer), return_exceptions=True)

    return scene


def test_https_goes_through_a_tunnel(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        script = await Script.play(relaying(port))
        context = client_context(certificate[0])
        context.check_hostname = False
        proxy = Proxy("127.0.0.1", script.port, b"Basic dTpw")
        fetching = client(tls=context, proxies=Proxies(https=proxy))
        for _ in range(2):
            heard = await fetch(fetching, 443, method=b"POST", body=b"hi", scheme="https", host="vendor.example")
            assert heard.body == b"/ hi", heard.error
        assert script.connections == 1
        assert script.heads == [
            b"CONNECT vendor.example:443 HTTP/1.1\r\nHost: vendor.example:443\r\n"
            b"Proxy-Authorization: Basic dTpw\r\n\r\n"
        ]
        await fetching.close()
        assert await server.drain(5)

    run(told)


def test_the_certificate_is_checked_through_a_tunnel(certificate):
    async def told():
        server, port = await serve_tls(certificate, echo)
        script = await Script.play(relaying(port))
        fetching = client(tls=client_context(certificate[0]), proxies=Proxies(https=Proxy("127.0.0.1", script.port)))
        heard = await fetch(fetching, 443, scheme="https", host="vendor.example")
        assert isinstance(heard.error, ConnectFailed)
        assert "certificate" in str(heard.error)
        await fetching.close()
        assert await server.drain(5)

    run(told)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nmore",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"x" * 20_000,
        b"",
    ],
)
def test_a_proxy_that_opens_no_tunnel(certificate, answer):
    async def scene(script, reader, writer):
        await script.request(reader)
        writer.write(answer)

    async def told():
        script = await Script.play(scene)
        proxies = Proxies(https=Proxy("127.0.0.1", script.port))
        fetching = client(tls=client_context(certificate[0]), proxies=proxies)
        heard = await fetch(fetching, 443, scheme="https", host="vendor.example")
        assert isinstance(heard.error, ConnectFailed)
        assert not heard.error.sent
        assert "tunnel" in str(heard.error)
        await fetching.close()

    run(told)


def test_a_silent_proxy_is_the_connect_deadline(certificate):
    async def silent(script, reader, writer):
        await reader.read()

    async def told():
        script = await Script.play(silent)
        proxies = Proxies(https=Proxy("127.0.0.1", script.port))
        fetching = client(tls=ssl.create_default_context(), proxies=proxies)
        heard = Heard()
        fetching.send(
            request(443, scheme="https", host="vendor.example"), PATIENT._replace(connect=50 * MILLISECOND), heard
        )
        await heard.over()
        assert isinstance(heard.error, TimedOut)
        await until(lambda: script.connections == 1)
        await fetching.close()

    run(told)


def test_loopback_never_goes_to_a_proxy():
    async def told():
        script = await Script.play(answering(HELLO))
        fetching = client(proxies=Proxies(http=Proxy("127.0.0.1", 1)))
        assert (await fetch(fetching, script.port)).body == b"hello"
        assert (await fetch(fetching, script.port, host="localhost")).body == b"hello"
        await fetching.close()

    run(told)


def test_credentials_of_a_proxy_url():
    proxy = Proxies.from_environment({"HTTPS_PROXY": "http://me:p%40ss@proxy.example:3128"}).https
    assert proxy == Proxy("proxy.example", 3128, b"Basic " + base64.b64encode(b"me:p@ss"))
