"""A whole gateway on loopback, with vendors that play from a script: the app as its callers meet it."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from fenli.budgets.purse import Purse
from fenli.clock import SECOND, SystemClock
from fenli.gateway.app import App, http_error
from fenli.gateway.leases import Leases
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.gateway.storage import JournalStorage
from fenli.http.client import Client
from fenli.http.limits import Limits
from fenli.http.proxy import Proxies
from fenli.http.server import Server
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.journal import Reader
from fenli.prices.offers import Offer
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings, write_snapshot

SECRET, LIMITED, SHOWING = "fl-secret", "fl-limited", "fl-showing"
VENDOR_SECRET = "sk-of-the-house"
BODY_MAX = 1024 * 1024
USAGE = b'{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}'
WHOLE = b'{"id":"up-1","model":"their-name","choices":[{"index":0,"message":{"content":"Hi"}}],"usage":' + USAGE + b"}"
ROLE = b'data: {"id":"up-1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
HI = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
EXTRA = b'data: {"choices":[],"usage":' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"

Step = bytes | str | float


def reply(status: int, body: bytes, kind: str = "application/json", *lines: str) -> list[Step]:
    """A reply in one piece."""
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines, "", ""]
    return ["\r\n".join(head).encode() + body]


def stream(*pieces: Step, end: bool = True) -> list[Step]:
    """A streamed reply. ``end``: whether its last chunk is sent; otherwise the connection closes without it."""
    steps: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"]
    steps += [b"%x\r\n%b\r\n" % (len(piece), piece) if isinstance(piece, bytes) else piece for piece in pieces]
    return [*steps, b"0\r\n\r\n" if end else "close"]


@dataclass
class Asked:
    head: bytes
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class ScriptedVendor:
    """Answers each request with the next script: bytes to write, a number of seconds to wait, ``close`` or ``hold``
    (say nothing more until the other side goes). Without a script, with ``WHOLE``."""

    asked: list[Asked] = field(default_factory=list)
    scripts: list[list[Step]] = field(default_factory=list)
    left: int = 0
    port: int = 0

    async def listen(self) -> None:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=2**26)
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
                self.asked.append(Asked(head, await reader.readexactly(int(length or 0))))
                for step in self.scripts.pop(0) if self.scripts else reply(200, WHOLE):
                    if isinstance(step, bytes):
                        writer.write(step)
                        await writer.drain()
                    elif step == "hold":
                        await reader.read(1)
                        self.left += 1
                    elif step == "close":
                        return
                    else:
                        await asyncio.sleep(float(step))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left += 1
        finally:
            writer.close()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found


class House:
    """``deepseek`` costs 1 pico in and 2 out, ``moonshot`` ten times that, ``zhipu`` has no price."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.deepseek, self.moonshot, self.zhipu = ScriptedVendor(), ScriptedVendor(), ScriptedVendor()
        self.full = self.shaky = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=uvloop.run, args=(self._live(),))
        self._thread.start()
        assert self._ready.wait(20)

    async def _live(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for vendor in (self.deepseek, self.moonshot, self.zhipu):
            await vendor.listen()
        self.storage = JournalStorage(self.data / "journal", "r1", 0)
        self.recorder = Recorder(self, self.loop.call_soon, SystemClock().now, sync_each=False)
        self.snapshots = SnapshotFile(self.data / "snapshot", lambda reference: VENDOR_SECRET if reference else "")
        write_snapshot(self.snapshot(), self.data / "snapshot")
        self.snapshots.refresh()
        assert self.snapshots.directory is not None
        assert self.snapshots.directory.problems == []
        client = Client(proxies=Proxies(), tick=10_000_000)
        purse = Purse()
        self.app = App(
            run="r1", clock=SystemClock(), transport=client, recorder=self.recorder, snapshots=self.snapshots,
            metrics=Metrics(self.data, 0), open_metrics=True, purse=purse,
            lender=Leases(purse, self.data / "leases.sock", "r1", SystemClock(), self.loop, self.recorder),
        )  # fmt: skip
        server = Server(self.app.handle, limits=Limits(body_bytes=BODY_MAX), error_body=http_error, tick=10_000_000)
        await server.listen("127.0.0.1", 0)
        self.port = server.port
        self._ready.set()
        while not self._stop.is_set():
            self.app.desk.wake()
            self.recorder.retry()
            await asyncio.sleep(0.01)
        await server.drain(2)
        await client.close()

    # Storage of the recorder: a disk that can be full, or fail to keep what it took

    def write(self, frame: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.storage.write(frame)

    def sync(self) -> None:
        if self.shaky:
            raise OSError(5, "Input/output error")
        self.storage.sync()

    def snapshot(self, **changes: Any) -> Snapshot:
        deadlines = Deadlines(head=2 * SECOND, first_byte=2 * SECOND, idle=2 * SECOND, first_content=2 * SECOND)
        vendors = [
            VendorSettings(
                name, name, f"http://127.0.0.1:{vendor.port}/base", "env:X", models, "CNY", deadlines=deadlines
            )
            for name, vendor, models in (
                ("deepseek", self.deepseek, ("deepseek-chat",)),
                ("moonshot", self.moonshot, ("kimi-k2.6",)),
                ("zhipu", self.zhipu, ("glm-4.6",)),
            )
        ]
        offers = {
            name: (Offer(f"o-{name}", name, model, "CNY", 0, None, "1M_tokens", {"input": price, "output": 2 * price}),)
            for name, model, price in (("deepseek", "deepseek-chat", 1), ("moonshot", "kimi-k2.6", 10))
        }
        given: dict[str, Any] = {
            "version": "v1",
            "compiled_at": 1_700_000_000 * SECOND,
            "keys": tuple(
                Key(name, name, hashlib.sha256(secret.encode()).digest(), models, shows)
                for name, secret, models, shows in (
                    ("plain", SECRET, None, False),
                    ("limited", LIMITED, ("deepseek/deepseek-chat",), False),
                    ("showing", SHOWING, None, True),
                )
            ),
            "vendors": tuple(vendors),
            "routes": (
                Route("fast", ("deepseek/deepseek-chat", "moonshot/kimi-k2.6")),
                Route("gone", ("openai/gpt-9",)),
            ),
            "offers": offers,
        }
        return Snapshot(**(given | changes))

    def swap(self, **changes: Any) -> None:
        async def swap() -> None:
            write_snapshot(self.snapshot(**changes), self.data / "snapshot")
            assert self.snapshots.refresh()

        self.within(swap)

    def within(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(20)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    # Callers

    def ask(
        self, path: str = "/v1/chat/completions", body: Any = None, *, method: str = "POST", key: str | None = SECRET,
        **headers: str,
    ) -> Answer:  # fmt: skip
        """``body``: bytes as they are, otherwise fields added to a plain request for ``fast``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            lines.setdefault("authorization", f"Bearer {key}")
        data = None
        if method == "POST":
            data = body if isinstance(body, bytes) else json.dumps(plain(**body or {})).encode()
        try:
            connection.request(method, path, data, lines)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def call(self, **fields: Any) -> Answer:
        return self.ask(body=fields)

    def dial(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def raw(self, request: bytes) -> bytes:
        """Everything that comes back until the gateway closes."""
        with self.dial() as connection:
            connection.sendall(request)
            return read_all(connection)

    # Books

    def books(self, calls: int = 1) -> list[Entry]:
        """The entries of the journal, once that many calls have ended and all of them are closed."""
        deadline = time.monotonic() + 60
        while True:
            poster, entries = Poster("r1"), []
            for path in sorted((self.data / "journal" / "r1").glob("*.log")):
                reader = Reader()
                for record in reader.feed(path.read_bytes()):
                    if (entry := poster.post(record)) is not None:
                        entries.append(entry)
                assert reader.damage is None
            if sum(entry.final for entry in entries) >= calls and not poster.open:
                return entries
            assert time.monotonic() < deadline, f"the books hold {entries} and {poster.open} is open"
            time.sleep(0.01)


def plain(**fields: Any) -> dict[str, Any]:
    return {"model": "fast", "messages": [{"role": "user", "content": "Hello"}], **fields}


def request_bytes(fields: dict[str, Any] | None = None, *lines: str) -> bytes:
    body = msgspec.json.encode(plain(**fields or {}))
    head = ["POST /v1/chat/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {SECRET}"]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", *lines, "", ""]).encode() + body


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        piece = connection.recv(65536)
        assert piece, f"{mark!r} never came: {data!r}"
        data += piece
    return data


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def events(body: bytes) -> list[Any]:
    """The JSON of a stream's events; strings for the end mark and for comments."""
    found: list[Any] = []
    for event in body.split(b"\n\n")[:-1]:
        payload = event.removeprefix(b"data: ")
        found.append(json.loads(payload) if payload.startswith(b"{") else payload.decode())
    return found
