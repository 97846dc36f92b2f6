from __future__ import annotations

import asyncio

import pytest
from http_sockets import HOST, PATIENT, TICK, run, serve

from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectFailed, ConnectionLost, ProtocolError, TimedOut, TransportError
from fenli.http.client import Client
from fenli.http.exchange import ServerExchange
from fenli.http.fetch import BODY_MAX, Fetched, fetch
from fenli.http.transport import Origin, Request

TYPE = b"content-type: text/plain\r\n"


def answer(exchange: ServerExchange) -> None:
    """What the path asks for."""
    what = exchange.path.strip(b"/").decode()
    if what == "whole":
        exchange.reply(418, TYPE, b"short and stout")
    elif what == "pieces":
        exchange.start(200, TYPE)
        for piece in (b"a", b"b" * 50_000, b"c"):
            exchange.write(piece)
        exchange.finish()
    elif what == "large":
        exchange.reply(200, TYPE, b"x" * (BODY_MAX + 1))
    elif what == "endless":
        exchange.start(200, TYPE)
        exchange.write(b"x" * (BODY_MAX + 1))
    elif what == "cut":
        exchange.start(200, TYPE)
        exchange.write(b"x")
        exchange.abort()
    elif what == "drip":
        exchange.start(200, TYPE)
        drip(exchange)


def drip(exchange: ServerExchange) -> None:
    exchange.write(b"x")
    asyncio.get_running_loop().call_later(0.02, drip, exchange)


async def asked(path: str, within: int = 20 * SECOND) -> Fetched:
    server = await serve(answer)
    client = Client(tick=TICK)
    request = Request(Origin("http", "127.0.0.1", server.port), b"GET", b"/" + path.encode(), HOST, b"")
    try:
        return await fetch(client, request, PATIENT, within)
    finally:
        await client.close()
        await server.drain(0)


def test_a_whole_reply_comes_back_whatever_its_status() -> None:
    async def story() -> None:
        reply = await asked("whole")
        assert (reply.status, reply.body) == (418, b"short and stout")
        assert (b"content-type", b"text/plain") in reply.headers

    run(story)


def test_a_reply_in_pieces_is_joined() -> None:
    async def story() -> None:
        assert (await asked("pieces")).body == b"a" + b"b" * 50_000 + b"c"

    run(story)


@pytest.mark.parametrize(
    ("path", "error"),
    [("large", ProtocolError), ("endless", ProtocolError), ("cut", ConnectionLost), ("drip", TimedOut),
     ("silence", TimedOut)],
)  # fmt: skip
def test_what_is_not_whole_is_an_error(path: str, error: type[TransportError]) -> None:
    async def story() -> None:
        with pytest.raises(error):
            await asked(path, within=300 * MILLISECOND if error is TimedOut else 20 * SECOND)

    run(story)


def test_nobody_there_is_an_error() -> None:
    async def story() -> None:
        client = Client(tick=TICK)
        with pytest.raises(ConnectFailed):
            await fetch(client, Request(Origin("http", "127.0.0.1", 1), b"GET", b"/", HOST, b""), PATIENT, SECOND)
        await client.close()

    run(story)
