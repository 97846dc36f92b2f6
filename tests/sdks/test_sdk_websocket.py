"""fenli's WebSocket client against a server of another make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sdk_drivers import Driver, Drivers

from fenli.clock import SECOND
from fenli.errors import ConnectionLost
from fenli.http.client import Client
from fenli.http.proxy import Proxies
from fenli.http.transport import Deadlines, Origin, Request

PATIENT = Deadlines(10 * SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND)
WORDS = "分厘 and mills " * 40_000


class Heard:
    """Leaves once it has heard ``enough`` messages."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.status = 0
        self.messages: list[bytes] = []
        self.end: object = None
        self.sending: Any = None
        self.over = asyncio.Event()

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.status = status

    def body_received(self, data: bytes) -> None:
        self.messages.append(data)
        if len(self.messages) == self.enough:
            self.sending.cancel()
            self._end("left")

    def completed(self) -> None:
        self._end("completed")

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        raise AssertionError("a WebSocket is never answered in one")

    def failed(self, error: Exception) -> None:
        self._end(error)

    def _end(self, how: object) -> None:
        self.end = how
        self.over.set()


def talk(port: int, path: str, said: str = "hi", enough: int = 0) -> Heard:
    async def told() -> Heard:
        client, heard = Client(proxies=Proxies()), Heard(enough)
        lines = f"Host: 127.0.0.1:{port}\r\n".encode()
        request = Request(Origin("ws", "127.0.0.1", port), b"GET", path.encode(), lines, said.encode())
        heard.sending = client.send(request, PATIENT, heard)
        await asyncio.wait_for(heard.over.wait(), 20)
        await asyncio.sleep(0)
        await client.close()
        return heard

    return asyncio.run(told())


@pytest.fixture(scope="module")
def peer(drivers: Drivers) -> tuple[Driver, int]:
    driver = drivers.get("current", "websocket_peer")
    port: int = driver.ask(asked="port")["port"]
    return driver, port


@pytest.mark.parametrize("path", ["/echo", "/fragments"])
@pytest.mark.parametrize("said", ["hi", "x" * 125, "x" * 126, "x" * 65_535, "x" * 65_536, WORDS])
def test_what_is_said_comes_back(peer: tuple[Driver, int], path: str, said: str) -> None:
    driver, port = peer
    heard = talk(port, path, said)
    assert (heard.status, heard.end) == (101, "completed")
    assert [message.decode() for message in heard.messages] == [said]
    assert driver.ask(asked="heard") == {"size": len(said), "text": True}


def test_its_pings_are_answered(peer: tuple[Driver, int]) -> None:
    driver, port = peer
    heard = talk(port, "/pings")
    assert (heard.messages, heard.end) == ([b"a", b"b"], "completed")
    assert driver.ask(asked="heard")["ponged"] is True


def test_a_close_that_says_why_is_a_failure(peer: tuple[Driver, int]) -> None:
    heard = talk(peer[1], "/wrong")
    assert heard.messages == [b"so far"]
    assert isinstance(heard.end, ConnectionLost)
    assert "1011 (the engine failed)" in str(heard.end)


def test_a_client_that_has_heard_enough_closes_as_it_should(peer: tuple[Driver, int]) -> None:
    driver, port = peer
    heard = talk(port, "/waits", enough=1)
    assert heard.end == "left"
    assert driver.ask(asked="closed")["closed"] == 1000
