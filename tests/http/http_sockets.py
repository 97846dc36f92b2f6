"""Both ends of a socket, for tests: raw clients against the server, scripted servers and stubs against the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvloop

from fenli.clock import MILLISECOND, SECOND
from fenli.http.client import Client
from fenli.http.limits import Limits, PoolLimits
from fenli.http.plain import PlainReplies
from fenli.http.proxy import Proxies
from fenli.http.server import Server
from fenli.http.sweeper import NEVER
from fenli.http.transport import Deadlines, Origin, Pieces, Request
from fenli.http.upstream import ClientConnection

TICK = 10 * MILLISECOND
PATIENT = Deadlines(connect=20 * SECOND, head=20 * SECOND, first_byte=20 * SECOND, idle=20 * SECOND)
HOST = b"Host: a\r\n"
direct = Limits().direct  # for every server: 1 sends each body of declared length past the parser as soon as it can


def run(story: Callable[[], Coroutine[Any, Any, None]], seconds: float = 20) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), seconds)

    uvloop.run(bounded())


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Waits for something that happens beside the test."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.002)


async def serve(handler, **settings) -> Server:
    settings.setdefault("tick", TICK)
    settings["limits"] = settings.get("limits", Limits())._replace(direct=direct)
    server = Server(handler, **settings)
    await server.listen("127.0.0.1", 0)
    return server


class Reply:
    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes, whole: bool) -> None:
        self.status, self.headers, self.body, self.whole = status, headers, body, whole


class RawClient:
    """Writes whatever it is told and reads replies by their own framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sent = 0

    @classmethod
    async def connect(cls, port: int, **options) -> RawClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port, **options))

    async def send(self, data: bytes) -> None:
        self.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, head: bool = False) -> Reply:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        status = int(lines[0].split()[1])
        headers = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        body, whole = b"", True
        if head or status in (100, 204, 304):
            pass
        elif b"content-length" in headers:
            body = await self.reader.readexactly(int(headers[b"content-length"]))
        elif b"transfer-encoding" in headers:
            try:
                while True:
                    size = int(await self.reader.readuntil(b"\r\n"), 16)
                    piece = await self.reader.readexactly(size + 2)
                    if not size:
                        break
                    body += piece[:-2]
            except (asyncio.IncompleteReadError, ConnectionError):
                whole = False
        else:
            body = await self.reader.read()
        return Reply(status, headers, body, whole)

    async def ask(self, data: bytes) -> Reply:
        await self.send(data)
        return await self.reply()

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read()

    def close(self) -> None:
        self.writer.close()


class Heard:
    """A receiver that writes down what it hears."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.error: Exception | None = None
        self._over = asyncio.Event()

    def head_received(self, status, headers) -> None:
        self.events.append("head")
        self.status, self.headers = status, headers

    def body_received(self, data) -> None:
        assert data
        if self.events[-1] != "body":
            self.events.append("body")
        self.body += data

    def completed(self) -> None:
        self.events.append("completed")
        self._over.set()

    def answered(self, status, headers, body) -> None:
        self.head_received(status, headers)
        if body:
            self.body_received(body)
        self.completed()

    def failed(self, error) -> None:
        self.events.append("failed")
        self.error = error
        self._over.set()

    async def over(self) -> Heard:
        await self._over.wait()
        return self


def request(
    port: int,
    method: bytes = b"GET",
    target: bytes = b"/",
    body: bytes | Pieces = b"",
    scheme: str = "http",
    host: str = "127.0.0.1",
) -> Request:
    return Request(Origin(scheme, host, port), method, target, HOST, body)


def client(**settings) -> Client:
    settings.setdefault("tick", TICK)
    settings.setdefault("proxies", Proxies())
    return Client(**settings)


async def fetch(client: Client, port: int, *, deadlines: Deadlines = PATIENT, **fields) -> Heard:
    heard = Heard()
    client.send(request(port, **fields), deadlines, heard)
    assert heard.events == [], "callbacks never come from inside send()"
    return await heard.over()


class Script:
    """A server that plays one coroutine a connection; ``seen`` collects what the connections read first."""

    def __init__(self) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return self.server.sockets[0].getsockname()[1]

    @classmethod
    async def play(
        cls, *scenes: Callable[[Script, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> Script:
        """The first connection plays the first scene, and so on; the last scene is repeated."""
        script = cls()

        async def connected(reader, writer):
            scene = scenes[min(script.connections, len(scenes) - 1)]
            script.connections += 1
            try:
                await scene(script, reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        script.server = await asyncio.start_server(connected, "127.0.0.1", 0)
        return script

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                head += await reader.readexactly(int(line[15:]))
        return head


def answering(*replies: bytes, then_close: bool = False):
    """A scene: one request, one of the replies; the last one again and again unless ``then_close``."""

    async def scene(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            await script.request(reader)
            writer.write(reply)
            await writer.drain()
        while not then_close:
            await script.request(reader)
            writer.write(replies[-1])

    return scene


class StubSweeper:
    now = 0
    tick = 0

    def add(self, member) -> None:
        pass

    def discard(self, member) -> None:
        pass


class StubTransport:
    """A transport that only remembers."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, parts) -> None:
        self.written += b"".join(parts)

    def close(self) -> None:
        self.closed = True

    abort = close
    is_closing = lambda self: self.closed  # noqa: E731

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class StubPool:
    where = "http://a:80"
    prefix = extra = b""

    def __init__(self) -> None:
        self.back = 0

    def give_back(self, connection) -> None:
        self.back += 1

    def forget(self, connection) -> None:
        pass


class StubClient:
    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self.sweeper = StubSweeper()
        self.plain = PlainReplies(limits)


class StubExchange:
    """What a ClientConnection needs of an exchange."""

    def __init__(self, receiver, method: bytes) -> None:
        self.request = Request(Origin("http", "a", 80), method, b"/", HOST, b"")
        self.deadlines = PATIENT
        self.receiver = receiver
        self.connection = None
        self.deadline = NEVER
        self.ended = self.paused = self.retried = self.sent = False

    def fail(self, error) -> None:
        assert not self.ended
        self.ended = True
        self.receiver.failed(error)


class Notes:
    """The receiver for stubs: no loop needed."""

    __init__ = lambda self: self.reset()  # noqa: E731

    def reset(self) -> None:
        self.told: list[object] = []
        self.body = b""

    def head_received(self, status, headers) -> None:
        self.told.append((status, tuple(headers)))

    def body_received(self, data) -> None:
        self.body += data

    def completed(self) -> None:
        self.told.append("completed")

    def answered(self, status, headers, body) -> None:
        self.head_received(status, headers)
        if body:
            self.body_received(body)
        self.completed()

    def failed(self, error) -> None:
        self.told.append(type(error).__name__)


def read_reply(pieces: list[bytes], *, method: bytes = b"GET", limits: PoolLimits | None = None):
    """Feeds a reply to a connection without a socket, then ends it.

    Returns what the receiver was told, the body, and whether the connection was kept for another request."""
    notes, pool = Notes(), StubPool()
    connection = ClientConnection(StubClient(limits or PoolLimits()), pool)
    transport = StubTransport()
    connection.connection_made(transport)
    assert connection.begin(StubExchange(notes, method))
    for piece in pieces:
        if transport.closed:
            break
        connection.data_received(piece)
    kept = pool.back == 1 and not transport.closed
    if not transport.closed:
        connection.eof_received()
    connection.connection_lost(None)
    return notes.told, notes.body, kept
