"""A whole world from one seed: callers, the production gateway, a failing disk, the market, in virtual time.

The gateway is the real one (`App`, `Desk`, `Call`, `Recorder`, the journal's frames); all around it is simulated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from journals import JournalWitness
from visitors import Reciter, Visitor, Wish

from fenli.budgets.purse import Purse
from fenli.calls.call import Call
from fenli.calls.effects import Ended
from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectionLost
from fenli.gateway.app import App
from fenli.gateway.leases import Leases
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.http.transport import Deadlines as TransportDeadlines
from fenli.http.transport import Receiver, Request, Sending
from fenli.ledger.journal import Header, encode_header
from fenli.market.dialects.spelling import Spelling
from fenli.market.faults import Faults, parse_rule
from fenli.market.market import Market, emulate, market_key
from fenli.market.replies import Pace
from fenli.market.transport import MarketSending, MarketTransport, Network
from fenli.prices.offers import Offer
from fenli.prices.units import TOKENS
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.routing.targets import Target
from fenli.sim.kernel import START, Simulation, Timer
from fenli.sim.random import Chance
from fenli.values.ids import run_id
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Disconnect

MODELS = {
    "deepseek": "deepseek-chat",
    "moonshot": "kimi-k2.6",
    "zhipu": "glm-4.6",
    "alibaba": "qwen-plus",
    "bytedance": "doubao-seed-1.6",
    "openai": "gpt-4o-mini",
    "local": "smollm2-135m-instruct",
}
# Picos a token: input, cached input (None: as input), output. On CHANGE every price falls by 85%.
PRICES: dict[str, tuple[str, int, int | None, int]] = {
    "deepseek": ("CNY", 2_000_000, 200_000, 3_000_000),
    "moonshot": ("CNY", 4_000_000, 1_000_000, 16_000_000),
    "zhipu": ("CNY", 4_000_001, None, 16_000_003),
    "alibaba": ("CNY", 800_000, 320_000, 2_000_000),
    "bytedance": ("CNY", 800_000, None, 8_000_000),
    "openai": ("USD", 150_000, 75_000, 600_000),
}
CHANGE = START + 300 * SECOND
BASIS = {name: "end" if name in ("alibaba", "bytedance") else "start" for name in MODELS}
ROUTES = {
    "chat": ("deepseek", "moonshot", "zhipu"),
    "fast": ("alibaba", "bytedance"),
    "wide": ("zhipu", "bytedance", "deepseek", "openai", "alibaba", "moonshot"),
    "home": ("local", "openai"),
}
DRAINING = ("zhipu", "openai")
KEY = "fl-simulated"
TOTAL = 60 * SECOND
ATTEMPTS_MAX = 4
FAULTS: dict[str, tuple[str, ...]] = {
    "deepseek": ("0.03*overloaded", "0.03*cut", "0.02*rate_limited@3", "0.02*stall", "0.02*usage_null"),
    "moonshot": ("0.03*cut_head", "0.03*error_inside", "0.02*garbage", "0.03*no_done", "0.02*unreachable"),
    "zhipu": ("0.03*html", "0.03*usage_larger", "0.02*no_balance", "0.02*slow@9000", "0.03*filtered_inside"),
    "alibaba": ("0.03*empty", "0.03*server_error", "0.03*usage_inconsistent", "0.02*stall_head", "0.04*cut"),
    "bytedance": (
        "0.02*slow_first_byte@20000",
        "0.02*bad_key",
        "0.02*unconnected",
        "0.04*cut",
        "0.02*content_filtered",
    ),
    "openai": ("0.05*rate_limited@1", "0.04*cut", "0.02*unresolved", "0.02*garbage", "0.02*bad_request"),
    "local": ("0.05*overloaded", "0.03*cut_head"),
}


class Disk:
    """One run's journal. What has been synced survives a power cut; what has been written survives a kill."""

    def __init__(self, world: World, run: str) -> None:
        self.world = world
        self.run = run
        self.fault: str | None = None
        self.data = bytearray(encode_header(Header(run, 1, world.sim.now())))
        self.synced = len(self.data)
        self.witness = JournalWitness()

    def write(self, frame: bytes) -> None:
        if "write" in (self.fault, self.world.disk_fault):
            raise OSError(28, "no space left on device")
        self.data += frame
        self.world.sim.trace.feed("journal", self.world.sim.now(), frame)
        records = msgspec.msgpack.decode(frame[8:])
        self.witness.frame(records)
        self.world.written(self.run, records)

    def sync(self) -> None:
        if "sync" in (self.fault, self.world.disk_fault):
            raise OSError(5, "input/output error")
        self.synced = len(self.data)


class Asked(msgspec.Struct):
    """One request that went out to a vendor."""

    token: str
    run: str
    number: int
    at: int
    vendor: str


class WorkerTransport:
    """The market, watched: whoever sends must have written it down first. Its sockets die with the worker."""

    def __init__(self, worker: Worker, market: MarketTransport) -> None:
        self._worker = worker
        self._market = market
        self._sendings: list[MarketSending] = []

    def send(self, request: Request, deadlines: TransportDeadlines, receiver: Receiver) -> Sending:
        worker, world = self._worker, self._worker.world
        body = bytes(request.body)
        at = body.index(b"say ") + 4
        token = body[at : body.index(b" ", at)].decode()
        vendor = next(name for name in MODELS if f"{market_key(name)}\r".encode() in request.headers)
        witness = worker.disk.witness
        number = witness.numbers.get(token, -1)
        attempts = [attempt for opened, attempt in witness.open if opened == number] if number >= 0 else []
        if not attempts:
            world.complain(f"{vendor} was asked for {token}, which the journal does not know to be open")
        visitor = world.visitors[token]
        if world.sim.now() >= visitor.received + TOTAL:
            world.complain(f"{vendor} was asked for {token} after its deadline")
        visitor.limited = visitor.limited or b'_tokens":' in body
        world.asked.append(Asked(token, worker.run, number, world.sim.now(), vendor))
        sending = MarketSending(self._market, request, deadlines, receiver)
        self._sendings.append(sending)
        if len(self._sendings) > 4096:
            self._sendings = self._sendings[2048:]  # the older ones ended long ago: no call lasts that many others
        return sending

    def die(self) -> None:
        for sending in self._sendings:
            sending.cancel()

    def close(self) -> None:
        """As the real client closes: what is under way fails."""
        for sending in self._sendings:
            if sending._receiver is not None:
                sending._fail(ConnectionLost("the client was closed", sent=True))


class Loop:
    """A worker's timers as an event loop has them, in seconds; they go with it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._sim = worker.world.sim

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        return self._sim.call_soon(self._run, callback, args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        return self._sim.call_later(int(delay * SECOND), self._run, callback, args)

    def _run(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._worker.alive:
            callback(*args)


class Worker:
    """One life of the gateway process: everything in it is gone when it dies, but for the bytes on its disk."""

    def __init__(self, world: World, durability: str) -> None:
        self.world = world
        self.run = run_id(world.sim.now(), world.chance.stream(f"run/{len(world.workers)}").integer(0, 2**30 - 1))
        self.durability = durability
        self.alive = True
        self.crash: str | None = None
        self.died_at = 0
        self.disk = Disk(world, self.run)
        self.transport = WorkerTransport(self, world.transport)
        self.recorder = Recorder(self.disk, self._call_soon, world.sim.now, sync_each=durability == "each")
        snapshots = SnapshotFile(Path("/nonexistent"))
        snapshots.directory = world.directory
        self.purse = Purse()
        self.purse.update(world.directory.snapshot.budgets, world.directory.rates)
        self.leases = Leases(self.purse, Path("/nonexistent"), self.run, world.sim, Loop(self), self.recorder)
        self.app = App(
            run=self.run, clock=world.sim, transport=self.transport, recorder=self.recorder, snapshots=snapshots,
            metrics=Metrics(Path("/nonexistent"), 0), open_metrics=True, purse=self.purse, lender=self.leases,
        )  # fmt: skip
        self.app.desk.ended = self._ended
        self.visitors: list[Visitor] = []
        world.sim.call_later(250 * MILLISECOND, self._watch)
        if durability == "group":
            world.sim.call_later(20 * MILLISECOND, self._sync)

    def take(self, visitor: Visitor) -> None:
        self.visitors.append(visitor)
        visitor.arrive()
        self.app.handle(visitor)  # type: ignore[arg-type]
        if len(self.visitors) > 1000:
            self.visitors = [visitor for visitor in self.visitors if visitor.end is None]

    def die(self, how: str) -> None:
        """``kill``: the kernel keeps what was written. ``power``: an arbitrary part of what was not synced is lost."""
        self.alive, self.crash, self.died_at = False, how, self.world.sim.now()
        if how == "power":
            kept = self.world.crashes.integer(self.disk.synced, len(self.disk.data))
            del self.disk.data[kept:]
        for visitor in self.visitors:
            visitor.crash()
        self.transport.die()

    def drain(self) -> None:
        """A restart in good order: no new calls, half a minute for the others, then the rest is cut off."""
        self.app.draining = True
        self.world.sim.call_later(30 * SECOND, self._cut_off)

    def _cut_off(self) -> None:
        if self.alive:
            for visitor in self.visitors:
                visitor.leave()
            self.world.sim.call_soon(self._stop)

    def _stop(self) -> None:
        """As the worker ends: what is read on for its usage still is given up, then the journal ends."""
        self.recorder.flush()
        self.transport.close()
        self._call_soon(self._end)

    def _end(self) -> None:
        self.alive = False

    def _call_soon(self, callback: Callable[[], None]) -> None:
        self.world.sim.call_soon(self._run, callback)

    def _run(self, callback: Callable[[], None]) -> None:
        if self.alive:
            callback()

    def _watch(self) -> None:
        if self.alive:
            self.app.desk.wake()
            self.recorder.retry()
            self.world.sim.call_later(250 * MILLISECOND, self._watch)

    def _sync(self) -> None:
        if self.alive:
            if self.recorder.dirty:
                self.recorder.dirty = False
                span = self.world.crashes.exponential(2 * MILLISECOND)
                self.world.sim.call_later(span, self._synced, len(self.disk.data))
            self.world.sim.call_later(20 * MILLISECOND, self._sync)

    def _synced(self, size: int) -> None:
        if self.alive:
            self.disk.synced = max(self.disk.synced, size)

    def _ended(self, call: Call, ended: Ended, now: int) -> None:
        self.app.metrics.ended(call, ended, now)
        self.world.ended[call.id] = self.world.ended.get(call.id, 0) + 1
        self._call_soon(lambda: self.world.sim.call_soon(self._released, call.number))

    def _released(self, number: int) -> None:
        """No hold outlives its call: what the call appended has been written by now, if the disk takes anything."""
        if self.alive and self.recorder.failing is None:
            left = [opened for opened in self.disk.witness.open if opened[0] == number]
            if left:
                self.world.complain(f"{self.run}: holds {left} outlive their call")


class World:
    """``crashing`` lets workers die; ``disk_troubles`` (``write``, ``sync``) come and go, ``disk_mean`` apart."""

    start = START
    change = CHANGE
    faults = FAULTS

    def __init__(
        self, seed: int, calls: int, *, crashing: bool = True, disk_troubles: tuple[str, ...] = (),
        disk_mean: int = 40 * SECOND, interval: int = 40 * MILLISECOND,
    ) -> None:  # fmt: skip
        self.seed = seed
        self.sim = Simulation(self.start)
        self.chance = Chance(seed)
        self.crashes = self.chance.stream("crashes")
        self.wishes = self.chance.stream("wishes")
        self.calls = calls
        self.interval = interval
        self.crashing = crashing
        self.disk_troubles = disk_troubles
        self.disk_mean = disk_mean
        self.disk_fault: str | None = None
        self.complaints: list[str] = []
        self.visitors: dict[str, Visitor] = {}
        self.turned_away = 0
        self.asked: list[Asked] = []
        self.ended: dict[str, int] = {}
        self.workers: list[Worker] = []
        self.market = Market(
            self.sim,
            self.chance,
            [
                emulate(
                    name,
                    behaviour=Reciter(),
                    pace=Pace(300 * MILLISECOND, 15 * MILLISECOND),
                    faults=Faults(tuple(map(parse_rule, self.faults[name]))),
                )
                for name in MODELS
            ],
        )
        dialects = self.chance.stream("dialects")
        for emulated in self.market.vendors.values():
            emulated.spelling = dialects.choice(tuple(Spelling))
            emulated.event_prefix = dialects.choice((b"data: ", b"data: ", b"data:"))
        self.transport = MarketTransport(self.market, Network(piece=dialects.choice((40, 400, 4096))))
        self.directory = Directory(self.snapshot(), market_key)
        assert not self.directory.problems
        self._draining()

    def complain(self, what: str) -> None:
        self.complaints.append(f"at {(self.sim.now() - self.start) / SECOND:.3f} s: {what}")

    def price_of(self, vendor: str, at: int) -> tuple[int, int, int]:
        """Picos a token at an instant: input, cached input, output."""
        _, fresh, cached, output = PRICES[vendor]
        cached = fresh if cached is None else cached
        return (
            (fresh, cached, output) if at < self.change else (fresh * 15 // 100, cached * 15 // 100, output * 15 // 100)
        )

    def written(self, run: str, records: list[list[Any]]) -> None:
        """A run's journal has these, decoded but not interpreted."""

    def snapshot(self) -> Snapshot:
        deadlines = Deadlines(2 * SECOND, 8 * SECOND, 8 * SECOND, 6 * SECOND, 15 * SECOND, TOTAL)
        vendors = tuple(
            VendorSettings(name, name, VENDORS[name].base_url, name, (model,), _currency(name), BASIS[name], deadlines)
            for name, model in MODELS.items()
        )
        routes = tuple(Route(name, tuple(f"{v}/{MODELS[v]}" for v in targets)) for name, targets in ROUTES.items())
        offers = {name: self._offers(name) for name in PRICES}
        keys = (Key("key-1", "simulated", hashlib.sha256(KEY.encode()).digest()),)
        return Snapshot("simulated", START, keys, vendors, routes, offers, ATTEMPTS_MAX)

    def _offers(self, vendor: str) -> tuple[Offer, ...]:
        made = []
        for name, since, until in (("before", START - SECOND, self.change), ("after", self.change, None)):
            fresh, cached, output = self.price_of(vendor, since)
            prices: dict[str, Any] = {"input": fresh, "output": output}
            if PRICES[vendor][2] is not None:
                prices["cached_input"] = cached
            made.append(
                Offer(f"{vendor}-{name}", vendor, MODELS[vendor], _currency(vendor), since, until, TOKENS, prices)
            )
        return tuple(made)

    def run(self) -> World:
        self._open()
        self._visit(0)
        if self.crashing:
            self.sim.call_later(self.crashes.exponential(60 * SECOND), self._crash)
        if self.disk_troubles:
            self.sim.call_later(self.crashes.exponential(self.disk_mean), self._spoil_disk)
        while len(self.visitors) + self.turned_away < self.calls or any(v.end is None for v in self._recent()):
            if not self.sim.run(max_steps=5_000):
                break
        self.disk_fault = None
        self.sim.run(until=self.sim.now() + 3 * TOTAL)  # drains end, and what waited for the disk is written
        worker = self.workers[-1]
        worker.recorder.flush()
        worker.alive = False
        if worker.app.desk.drivers and worker.crash is None:
            self.complain(f"{len(worker.app.desk.drivers)} calls never ended")
        return self

    def _recent(self) -> list[Visitor]:
        return list(self.visitors.values())[-2000:]

    def _open(self) -> None:
        self.workers.append(Worker(self, self.crashes.choice(("group", "each", "os"))))

    def _visit(self, number: int) -> None:
        if number >= self.calls:
            return
        self.sim.call_later(self.wishes.exponential(self.interval), self._visit, number + 1)
        wish = self._wish(f"c{number}")
        worker = self.workers[-1]
        if not worker.alive:
            self.turned_away += 1
            return
        key = "fl-wrong" if wish.spoilt == "key" else KEY
        visitor = self.visitors[wish.token] = Visitor(self.sim, self.chance.stream(f"v/{number}"), wish, key)
        worker.take(visitor)

    def _wish(self, token: str) -> Wish:
        draw = self.wishes
        name = draw.choice(tuple(MODELS))
        wish = Wish(
            token=token,
            model=draw.choice((*ROUTES, *ROUTES, f"{name}/{MODELS[name]}")),
            words=draw.integer(0, 12),
            stream=draw.probability(0.7),
            wants_cost=draw.probability(0.3),
            tools=draw.probability(0.1),
            thinks=draw.probability(0.1),
            padding=draw.choice((0, 0, 0, 600, 5000)),
        )
        wish.wants_usage = wish.stream and draw.probability(0.5)
        if draw.probability(0.1):
            wish.limit = draw.integer(1, 12)
        if draw.probability(0.05):
            wish.choices = draw.integer(2, 3)
        if draw.probability(0.15):
            wish.leaves = draw.choice((0, draw.exponential(3 * MILLISECOND), draw.exponential(SECOND)))
        if draw.probability(0.1):
            wish.reads = draw.choice((500, 5_000, 50_000))
        if draw.probability(0.02):
            wish.spoilt = draw.choice(("json", "key", "model"))
            wish.model = "no-such-model" if wish.spoilt == "model" else wish.model
        return wish

    def _crash(self) -> None:
        if self.sim.now() > START + self.calls * self.interval:
            return
        worker, how = self.workers[-1], self.crashes.choice(("kill", "power", "drain"))
        if how == "drain":
            worker.drain()
            self._open()
        else:
            worker.die(how)
            self.sim.call_later(self.crashes.exponential(SECOND), self._open)
        self.sim.call_later(2 * SECOND + self.crashes.exponential(60 * SECOND), self._crash)

    def _spoil_disk(self) -> None:
        self.disk_fault = self.crashes.choice(self.disk_troubles)
        self.sim.call_later(self.crashes.exponential(SECOND // 2), self._mend_disk)

    def _mend_disk(self) -> None:
        self.disk_fault = None
        if self.sim.now() < START + self.calls * self.interval:
            self.sim.call_later(self.crashes.exponential(self.disk_mean), self._spoil_disk)

    def _draining(self) -> None:
        """Some vendors are read on when the caller leaves: a policy of the adapter, changed here for two of them."""
        for name in [*ROUTES, *(f"{vendor}/{model}" for vendor, model in MODELS.items())]:
            plan = self.directory.plan(name)
            targets = tuple(_drained(target) if target.vendor_id in DRAINING else target for target in plan.targets)
            self.directory._plans[name] = msgspec.structs.replace(plan, targets=targets)


def _drained(target: Target) -> Target:
    vendor: Any = target.vendor
    return msgspec.structs.replace(target, vendor=msgspec.structs.replace(vendor, disconnect=Disconnect.DRAIN))


def _currency(vendor: str) -> str:
    return PRICES[vendor][0] if vendor in PRICES else "CNY"
