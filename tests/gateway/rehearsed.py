"""The gateway's app before the emulated market, in one process and in virtual time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fenli.budgets.purse import Purse
from fenli.clock import SECOND
from fenli.gateway.app import App
from fenli.gateway.leases import Leases
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.ledger.journal import MAGIC, Header, Reader
from fenli.ledger.records import Released, Settled
from fenli.market.bills import Bills
from fenli.market.flavours import FLAVOURS
from fenli.market.market import Market, market_key
from fenli.market.model import EmulatedVendor
from fenli.market.replies import AT_ONCE
from fenli.market.senses import Senses
from fenli.market.served import Serving
from fenli.market.timeline import Timeline
from fenli.market.transport import MarketTransport
from fenli.prices.offers import Offer
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key, Route, Snapshot, VendorSettings
from fenli.sim.kernel import START, Simulation, Timer
from fenli.sim.random import Chance
from fenli.vendors.catalog import VENDORS

SECRET = "fl-rehearsal"


class Exchange:
    """One request, as the app sees it, and what the caller got."""

    def __init__(self, body: bytes, headers: dict[bytes, bytes], received: int) -> None:
        self.method, self.path, self.query = b"POST", b"/v1/chat/completions", b""
        self.headers = {b"authorization": b"Bearer " + SECRET.encode(), **headers}
        self.body: bytes | memoryview = body
        self.received = received
        self.listener: Any = None
        self.status = 0
        self.lines = b""
        self.got = b""
        self.over = False
        self.aborted = False

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.start(status, headers)
        self.finish(body)

    def start(self, status: int, headers: bytes) -> None:
        self.status, self.lines = status, headers

    def write(self, data: bytes) -> None:
        self.got += data

    def finish(self, data: bytes = b"") -> None:
        self.got += data
        self.over = True

    def abort(self) -> None:
        self.over = self.aborted = True

    def header(self, name: str) -> str:
        lines = dict(line.split(": ", 1) for line in self.lines.decode().split("\r\n") if line)
        return lines.get(name, "")

    @property
    def json(self) -> Any:
        return json.loads(self.got)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The answer's objects: all of a stream's, or the one."""
        if not self.got.startswith(b"data:"):
            return [self.json]
        payloads = (line[5:].strip() for line in self.got.split(b"\n") if line.startswith(b"data:"))
        return [json.loads(payload) for payload in payloads if payload != b"[DONE]"]

    @property
    def message(self) -> dict[str, Any]:
        """The message of the answer, its deltas joined."""
        joined: dict[str, Any] = {}
        for part in self.parts:
            for choice in part["choices"]:
                for name, value in (choice.get("message") or choice["delta"]).items():
                    more = isinstance(value, str | list) and type(value) is type(joined.get(name))
                    joined[name] = joined[name] + value if more else value or joined.get(name)
        return joined


class _Loop:
    def __init__(self, sim: Simulation) -> None:
        self._sim = sim

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        return self._sim.call_soon(callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        return self._sim.call_later(int(delay * SECOND), callback, *args)


class _Disk:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def sync(self) -> None:
        pass


def _base_url(emulated: EmulatedVendor) -> str:
    scheme = emulated.vendor.base_url.partition(":")[0]
    return f"{scheme}://market.example/{emulated.vendor.id}{emulated.prefix}"


class Rehearsal:
    """Every emulated vendor of ``names`` is on. Each thinks unasked where it can be told not to, so that being told so
    shows. ``offers`` are by vendor, and so are ``currencies`` that are not CNY. With a ``timeline`` the vendors live
    through its scenario."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        routes: tuple[Route, ...] = (),
        offers: dict[str, tuple[Offer, ...]] | None = None,
        currencies: Mapping[str, str] | None = None,
        timeline: Timeline | None = None,
        bills: Bills | None = None,
    ) -> None:
        self.sim = Simulation(START)
        self.offers = offers or {}
        chance = Chance(7)
        emulated = []
        for name in names:
            flavour = FLAVOURS[name]
            senses = msgspec.structs.replace(flavour.senses or Senses(), unasked="")
            flavour = msgspec.structs.replace(flavour, senses=senses if flavour.senses is not None else None)
            keys = frozenset([market_key(name)])
            emulated.append(EmulatedVendor(VENDORS[name], flavour, keys=keys, pace=AT_ONCE))
        self.market = Market(self.sim, chance, emulated, timeline=timeline, bills=bills)
        settings = tuple(
            VendorSettings(
                id=one.vendor.id, adapter=one.vendor.id, base_url=_base_url(one),
                credential=market_key(one.vendor.id), models=tuple(model.id for model in one.vendor.models),
                currency=(currencies or {}).get(one.vendor.id, "CNY"),
            )
            for one in emulated
        )  # fmt: skip
        key = Key("k", "k", hashlib.sha256(SECRET.encode()).digest())
        snapshots = SnapshotFile(Path("/nonexistent"))
        snapshots.directory = Directory(
            Snapshot("v", 0, (key,), settings, routes, self.offers), lambda reference: reference
        )
        self._disk = _Disk()
        self._recorder = recorder = Recorder(self._disk, self.sim.call_soon, self.sim.now, sync_each=False)
        purse = Purse()
        leases = Leases(purse, Path("/nonexistent"), "r", self.sim, _Loop(self.sim), recorder)
        self.app = App(
            run="r", clock=self.sim, transport=MarketTransport(self.market), recorder=recorder, snapshots=snapshots,
            metrics=Metrics(Path("/nonexistent"), 0), open_metrics=True, purse=purse, lender=leases,
        )  # fmt: skip

    def ask(self, model: str, *, cost: bool = False, **fields: Any) -> Exchange:
        headers = {b"x-fenli-cost": b"true"} if cost else {}
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}).encode()
        return self.send(body, headers)

    def send(self, body: bytes, headers: dict[bytes, bytes]) -> Exchange:
        """The exchange once it is over."""
        exchange = Exchange(body, headers, self.sim.now())
        self.app.handle(exchange)  # type: ignore[arg-type]
        while not exchange.over:
            assert self.sim.step()
        return exchange

    @property
    def booked(self) -> Settled | Released:
        """How the journal says that the last attempt ended."""
        self._recorder.flush()
        reader = Reader(len(MAGIC), Header("r", 1, START))
        records = [record for frame in self._disk.frames[-2:] for record in reader.feed(frame)]
        return [record for record in records if isinstance(record, Settled | Released)][-1]

    @property
    def served(self) -> list[Serving]:
        return list(self.market.book)
