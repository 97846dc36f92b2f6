"""Clients that read streams without end, and clients that hold streams on which nothing happens."""

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from typing import cast

import uvloop

from . import process, samples
from .service import Target

_END = b"0\r\n\r\n"


@dataclass(slots=True)
class Relayed:
    """Chunks that arrived in the window, their delays since the upstream wrote them, and the tree's bill."""

    streams: int
    seconds: float = 0
    chunks: int = 0
    finished: int = 0
    failed: int = 0
    delays_us: "array[float]" = field(default_factory=lambda: array("d"))
    bill: process.Bill | None = None


class _Reader(asyncio.Protocol):
    """Asks for a stream, reads it to its end, asks for the next; connects again if the contender closes after one."""

    def __init__(self, target: Target, body: bytes, tally: Relayed) -> None:
        self._port = target.port
        self._request = target.head(body) + body
        self._tally = tally
        self._marks = 0
        self._tail = b""
        self._closing = False
        self._transport: asyncio.Transport | None = None
        self.first_chunk = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError:
            self._give_up()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._begin()

    def close(self) -> None:
        self._closing = True
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        marks = data.count(samples.MARK)
        if marks:
            self._marks += marks
            self._tally.chunks += marks
            at = data.find(samples.MARK) + 1
            stamp = data[at : at + samples.STAMP_DIGITS]
            if len(stamp) == samples.STAMP_DIGITS:  # else the stamp was cut in two: one sample less
                self._tally.delays_us.append((now - int(stamp)) / 1_000)
            if not self.first_chunk.done():
                self.first_chunk.set_result(None)
        elif self._marks == 0 and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
            self._give_up()
        self._tail = (self._tail + data)[-len(_END) :]
        if self._tail == _END:
            self._count_stream()
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._closing:
            return
        if self._marks:
            self._count_stream()
        self._again = asyncio.ensure_future(self.connect())

    def _begin(self) -> None:
        self._marks, self._tail = 0, b""
        if self._transport and not self._closing:
            self._transport.write(self._request)

    def _count_stream(self) -> None:
        if self._marks == samples.CHUNKS:
            self._tally.finished += 1
        else:
            self._tally.failed += 1

    def _give_up(self) -> None:
        self._tally.failed += 1
        self._closing = True
        if not self.first_chunk.done():
            self.first_chunk.set_result(None)


def relay(target: Target, body: bytes, streams: int, warm_seconds: float, seconds: float, pid: int | None) -> Relayed:
    """`streams` streams at a time; the window opens after the warm-up and is billed from edge to edge."""
    return uvloop.run(_relay(target, body, streams, warm_seconds, seconds, pid))


async def _relay(
    target: Target, body: bytes, streams: int, warm_seconds: float, seconds: float, pid: int | None
) -> Relayed:
    tally = Relayed(streams)
    readers = [_Reader(target, body, tally) for _ in range(streams)]
    for reader in readers:
        await reader.connect()
        await asyncio.sleep(samples.CHUNKS * samples.INTERVAL_MS / 1_000 / streams)
    await asyncio.sleep(warm_seconds)
    tally.chunks = tally.finished = 0
    del tally.delays_us[:]
    before, start = process.tree(pid) if pid else {}, time.monotonic()
    await asyncio.sleep(seconds)
    chunks, tally.seconds = tally.chunks, time.monotonic() - start
    if pid:
        tally.bill = process.bill(before, process.tree(pid))
    tally.chunks = chunks
    for reader in readers:
        reader.close()
    return tally


@dataclass(slots=True)
class Held:
    """Memory of a contender's tree before and while it holds streams on which nothing moves."""

    streams: int
    before: list[process.Memory]
    during: list[process.Memory]


def hold(target: Target, streams: int, settle_seconds: float, pid: int) -> Held:
    """Open `streams` streams, wait for the first chunk of each, and weigh the tree."""
    return uvloop.run(_hold(target, streams, settle_seconds, pid))


async def _hold(target: Target, streams: int, settle_seconds: float, pid: int) -> Held:
    tally = Relayed(streams)
    before = process.memory(pid)
    readers: list[_Reader] = []
    while len(readers) < streams:
        batch = [_Reader(target, samples.question(stream=True), tally) for _ in range(min(100, streams - len(readers)))]
        await asyncio.gather(*(reader.connect() for reader in batch))
        await asyncio.wait_for(asyncio.gather(*(reader.first_chunk for reader in batch)), 60)
        readers += batch
    await asyncio.sleep(settle_seconds)
    during = process.memory(pid)
    for reader in readers:
        reader.close()
    return Held(len(readers) - tally.failed, before, during)
