"""Both faces of the market behind one question: send this request, tell what came back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from fenli.clock import MILLISECOND, SECOND
from fenli.http.client import Client
from fenli.http.server import Server
from fenli.http.transport import Deadlines, Origin, Request, Transport
from fenli.market.market import Market, emulate, market_key
from fenli.market.model import EmulatedVendor
from fenli.market.replies import Echo, Pace
from fenli.market.served import Serving
from fenli.market.server import MarketServer
from fenli.market.transport import MarketTransport, Network
from fenli.sim.kernel import Simulation
from fenli.sim.random import Chance
from fenli.sim.wall import Wall
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import parse_base_url

MODELS = {
    "deepseek": "deepseek-chat",
    "moonshot": "kimi-k2.6",
    "zhipu": "glm-4.6",
    "minimax": "MiniMax-M3",
    "stepfun": "step-3.7-flash",
    "baichuan": "Baichuan4",
    "01ai": "yi-lightning",
    "alibaba": "qwen-plus",
    "bytedance": "doubao-seed-1.6",
    "tencent": "hunyuan-turbos-latest",
    "baidu": "ernie-4.5-turbo-128k",
    "huawei": "deepseek-v3.1",
    "iflytek": "max-32k",
    "sensetime": "SenseChat-5",
    "metaso": "fast",
    "openai": "gpt-4o-mini",
    "vllm": "openbmb/MiniCPM4.1-8B",
    "ollama": "minicpm-v",
    "local": "smollm2-135m-instruct",
}
EMULATED = tuple(MODELS)
# What adapters add, so that an answer has OpenAI's shape.
ASKED_FOR = {"minimax": {"reasoning_split": True}, "iflytek": {"tool_calls_switch": True}}
QUICK = Deadlines(SECOND // 2, SECOND // 2, SECOND // 2, SECOND // 2)
PATIENT = Deadlines(5 * SECOND, 60 * SECOND, 60 * SECOND, 60 * SECOND)


@dataclass
class Heard:
    """What a receiver was told. ``end`` is None while nothing has ended."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    end: str | Exception | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        assert self.status == 0
        assert self.end is None
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}

    def body_received(self, data: bytes) -> None:
        assert self.status
        assert self.end is None
        assert data
        self.pieces.append(data)

    def completed(self) -> None:
        assert self.end is None
        self.end = "completed"

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.head_received(status, headers)
        if body:
            self.body_received(body)
        self.completed()

    def failed(self, error: Exception) -> None:
        assert self.end is None
        self.end = error


def ask_of(vendor: str, body: bytes | dict[str, object], *, key: str | None = None, origin: Origin | None = None,
           fault: str = "", method: bytes = b"POST", path: str | None = None) -> Request:  # fmt: skip
    emulated = emulate(vendor)
    data = body if isinstance(body, bytes) else msgspec.json.encode({"model": MODELS[vendor], **body})
    key = market_key(vendor) if key is None else key
    lines = f"Host: market\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
    if fault:
        lines += f"x-market-fault: {fault}\r\n"
    target = f"/{vendor}{emulated.prefix}{path or '/chat/completions'}".encode()
    where = origin or parse_base_url(emulated.vendor.base_url)[0]
    return Request(where, method, target, lines.encode(), data)


def ask_plainly(
    face: VirtualFace, vendor: str, method: str, path: str, body: bytes = b"", *, more: str = "", key: str = ""
) -> tuple[int, bytes]:
    """Status and body, at the vendor's own host. ``more`` are header lines."""
    origin = parse_base_url(VENDORS[vendor].base_url)[0]
    lines = f"Host: market\r\nAuthorization: Bearer {key or market_key(vendor)}\r\n{more}"
    heard = face.ask(Request(origin, method.encode(), path.encode(), lines.encode(), body))
    return heard.status, heard.body


def says(text: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], **more}


def echoing(*names: str, pace: Pace | None = None) -> list[EmulatedVendor]:
    """Echoing vendors, a millisecond a token unless a pace is given."""
    pace = pace or Pace(MILLISECOND, MILLISECOND)
    return [emulate(name, behaviour=Echo(), pace=pace) for name in names or EMULATED]


class VirtualFace:
    name = "virtual"

    def __init__(self, vendors: list[EmulatedVendor], seed: int = 1, network: Network | None = None) -> None:
        self.sim = Simulation()
        self.market = Market(self.sim, Chance(seed), vendors)
        self.transport = MarketTransport(self.market, network)

    def ask(self, request: Request, deadlines: Deadlines = PATIENT) -> Heard:
        heard = Heard()
        self.transport.send(request, deadlines, heard)
        assert heard.end is None
        self.sim.run()
        return heard

    def served(self) -> list[Serving]:
        return list(self.market.book)


class RealFace:
    name = "real"

    def __init__(self, vendors: list[EmulatedVendor], seed: int = 1) -> None:
        self._vendors = vendors
        self._seed = seed
        self.market: Market | None = None

    def ask(self, request: Request, deadlines: Deadlines = PATIENT) -> Heard:
        return asyncio.run(self._ask(request, deadlines))

    async def _ask(self, request: Request, deadlines: Deadlines) -> Heard:
        wall = Wall(asyncio.get_running_loop())
        if self.market is None:
            self.market = Market(wall, Chance(self._seed), self._vendors)
        self.market.scheduler = wall
        server = Server(MarketServer(self.market).handle)
        await server.listen("127.0.0.1", 0)
        client = Client(tick=20 * MILLISECOND)
        scheme = "ws" if request.origin.scheme in ("ws", "wss") else "http"
        here = Origin(scheme, "127.0.0.1", server.port)
        asked = Request(here, request.method, request.target, request.headers, request.body)
        heard = await ask(client, asked, deadlines)
        await client.close()
        await server.drain(0.5)
        wall.close()
        return heard

    def served(self) -> list[Serving]:
        assert self.market is not None
        return list(self.market.book)


Face = VirtualFace | RealFace


async def ask(transport: Transport, request: Request, deadlines: Deadlines = PATIENT) -> Heard:
    heard = Heard()
    transport.send(request, deadlines, heard)
    for _ in range(2000):
        if heard.end is not None:
            return heard
        await asyncio.sleep(0.005)
    raise AssertionError(f"nothing ended: {heard}")
