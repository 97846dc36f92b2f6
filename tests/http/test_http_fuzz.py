"""Noise over real sockets: no crash, no hang, never two answers to one request."""

from __future__ import annotations

import asyncio
import random

import http_sockets
import pytest
from http_sockets import HOST, PATIENT, RawClient, Script, client, fetch, run, serve, until
from test_http_reader import ACCEPTED, REFUSED, read
from test_http_upstream import BROKEN, FOLLOWED, WHOLE

from fenli.clock import MILLISECOND
from fenli.http.limits import Limits, PoolLimits, ServerDeadlines

LIMITS = Limits(header_bytes=2_000, headers=20, body_bytes=1_000, pipelined=1_000)


def mutate(dice: random.Random, data: bytes, others: list[bytes]) -> bytes:
    noisy = bytearray(data)
    for _ in range(dice.randint(0, 4)):
        at = dice.randint(0, len(noisy))
        match dice.randint(0, 4):
            case 0:
                noisy[at : at + 1] = bytes([dice.randint(0, 255)])
            case 1:
                del noisy[at : at + dice.randint(1, 30)]
            case 2:
                noisy[at:at] = dice.choice((b"\r\n", b"\n", b" ", b"\0", b"\r\n\r\n", b"Content-Length: 3\r\n"))
            case 3:
                noisy += dice.choice(others)
            case 4:
                noisy[at:at] = noisy[at : at + dice.randint(1, 60)]
    return bytes(noisy)


@pytest.mark.parametrize("direct", [http_sockets.direct, 1], ids=["parsed", "direct"])
def test_noise_against_the_server(direct, monkeypatch):
    """Every request gets its reply in order; after a refusal there is nothing."""
    monkeypatch.setattr(http_sockets, "direct", direct)
    dice = random.Random(7)
    samples = [*ACCEPTED.values(), *(data for _, data in REFUSED.values())]

    def handler(exchange):
        match dice.randint(0, 2):
            case 0:
                exchange.reply(200, b"", exchange.method)
            case 1:
                exchange.start(200, b"")
                exchange.write(exchange.method)
                exchange.finish()
            case 2:
                asyncio.get_running_loop().call_soon(exchange.reply, 200, b"", exchange.method)

    async def attack(port: int) -> None:
        data = mutate(dice, dice.choice(samples), samples)
        asked, refusal = read(data, limits=LIMITS)
        raw = await RawClient.connect(port)
        at = dice.randint(0, len(data))
        await raw.send(data[:at])
        await asyncio.sleep(0)
        await raw.send(data[at:])
        for message in asked:
            if message[0] != b"HEAD" and message[6]:
                reply = await raw.reply()
                if reply.status == 100:
                    reply = await raw.reply()
                assert (reply.status, reply.body) == (200, message[0])
        if refusal is not None and all(message[0] != b"HEAD" and message[6] for message in asked):
            reply = await raw.reply()
            if reply.status == 100:
                reply = await raw.reply()
            assert reply.status == refusal
            assert await raw.rest() == b""
        raw.close()

    async def told():
        spans = ServerDeadlines(linger=50 * MILLISECOND)
        server = await serve(handler, limits=LIMITS, deadlines=spans)
        for _ in range(40):
            await asyncio.gather(*(attack(server.port) for _ in range(15)))
        raw = await RawClient.connect(server.port)
        assert (await raw.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")).status == 200
        raw.close()
        await until(lambda: server.connections == 0)
        await server.drain(5)

    run(told, 60)


def test_noise_against_the_client():
    """Each request ends exactly once; the pool loses no connection and keeps none that was lied on."""
    dice = random.Random(8)
    samples = [
        *(data for data, _, _ in WHOLE.values()),
        *FOLLOWED.values(),
        *(data for data, _ in BROKEN.values()),
    ]

    async def noise(script, reader, writer):
        for _ in range(dice.randint(1, 3)):
            await script.request(reader)
            data = mutate(dice, dice.choice(samples), samples)
            at = dice.randint(0, len(data))
            writer.write(data[:at])
            await asyncio.sleep(0)
            writer.write(data[at:])
            await writer.drain()

    async def told():
        script = await Script.play(noise)
        fetching = client(limits=PoolLimits(header_bytes=1_000, connections=10))
        spans = PATIENT._replace(head=200 * MILLISECOND, first_byte=200 * MILLISECOND, idle=200 * MILLISECOND)
        for _ in range(40):
            for heard in await asyncio.gather(
                *(
                    fetch(fetching, script.port, deadlines=spans, method=dice.choice((b"GET", b"HEAD")))
                    for _ in range(15)
                )
            ):
                ends = [event for event in heard.events if event in ("completed", "failed")]
                assert ends == heard.events[-1:]
        await until(lambda: all(pool.open == len(pool.idle) for pool in fetching.pools.values()))
        await fetching.close()

    run(told, 60)
