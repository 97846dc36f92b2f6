"""One gateway process: the listener, the loop's few timers, and a drain at the end."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import threading
from pathlib import Path
from typing import Final, Literal

import msgspec
import uvloop

from fenli.budgets.messages import LEASES_SOCKET
from fenli.budgets.purse import Purse
from fenli.clock import SECOND, SystemClock
from fenli.gateway.app import App, http_error
from fenli.gateway.leases import Leases
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.gateway.storage import JournalStorage
from fenli.http.client import Client
from fenli.http.limits import Limits, ServerDeadlines
from fenli.http.server import Server
from fenli.http.tls import server_context
from fenli.values.ids import run_id
from fenli.vendors.addresses import may_connect

log = logging.getLogger(__name__)

_SYNC_S: Final = 0.02
_WAKE_S: Final = 0.25
_SHARE_S: Final = 1.0


class WorkerOptions(msgspec.Struct, frozen=True):
    """``durability``: ``group`` syncs the journal within 20 ms of a write, ``each`` before any vendor is asked, ``os``
    leaves it to the kernel. ``drain_s`` bounds how long streams may go on after SIGTERM."""

    host: str
    port: int
    data: Path
    index: int = 0
    reuse_port: bool = True
    durability: Literal["group", "each", "os"] = "group"
    limits: Limits = Limits()
    deadlines: ServerDeadlines = ServerDeadlines()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    drain_s: float = 30.0
    metrics: Literal["auto", "open", "key"] = "auto"


def run_worker(options: WorkerOptions) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Worker(options).run())


class _Worker:
    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._clock = SystemClock()
        started = self._clock.now()
        run = run_id(started)
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._storage = JournalStorage(options.data / "journal", run, started)
        self._snapshots = SnapshotFile(options.data / "snapshot")
        shared = options.data / "run"
        shared.mkdir(mode=0o700, exist_ok=True)
        self._metrics = Metrics(shared, options.index)
        self._over = threading.Event()
        self._run = run

    async def run(self) -> None:
        options = self._options
        loop = asyncio.get_running_loop()
        client = Client(allowed=may_connect)
        recorder = Recorder(self._storage, loop.call_soon, self._clock.now, sync_each=options.durability == "each")
        purse = Purse()
        leases = Leases(purse, options.data / "run" / LEASES_SOCKET, self._run, self._clock, loop, recorder)
        self._snapshots.changed = lambda directory: purse.update(directory.snapshot.budgets, directory.rates)
        app = App(
            run=self._run,
            clock=self._clock,
            transport=client,
            recorder=recorder,
            snapshots=self._snapshots,
            metrics=self._metrics,
            open_metrics=options.metrics == "open" or (options.metrics == "auto" and _is_loopback(options.host)),
            purse=purse,
            lender=leases,
        )
        self._snapshots.refresh()
        server = Server(
            app.handle, limits=options.limits, deadlines=options.deadlines, clock=self._clock, error_body=http_error
        )
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert is not None else None
        await server.listen(options.host, options.port, reuse_port=options.reuse_port, tls=tls)
        timers = [
            asyncio.ensure_future(timer) for timer in (self._watch(app, recorder), self._share(app), leases.run())
        ]
        syncing = threading.Thread(target=self._sync, args=(recorder,), name="journal-sync", daemon=True)
        if options.durability == "group":
            syncing.start()
        # What exists now stays: collecting it again and again would cost every call.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        log.info("worker %d serves on %s:%d, run %s", options.index, options.host, server.port, self._run)
        await stop.wait()
        app.draining = True
        log.info("worker %d drains", options.index)
        await server.drain(options.drain_s)
        await client.close()
        for timer in timers:
            timer.cancel()
        recorder.flush()  # what the last of them settled
        if recorder.pending:
            log.error("%d records could not be written: their calls will be unknown", recorder.pending)
        self._over.set()
        if syncing.is_alive():
            syncing.join()
        self._storage.close()

    async def _watch(self, app: App, recorder: Recorder) -> None:
        followed = self._clock.now()
        while True:
            await asyncio.sleep(_WAKE_S)
            for step in (self._snapshots.refresh, app.desk.wake, recorder.retry):
                try:
                    step()
                except Exception:  # whatever one of them meets, deadlines go on being watched
                    log.exception("a turn of the watch failed")
            now = self._clock.now()
            if now - followed > 10 * SECOND:
                self._clock.follow()
                followed = now

    def _sync(self, recorder: Recorder) -> None:
        """A thread of its own: the loop neither waits for the disk nor pays for a future 50 times a second."""
        while not self._over.wait(_SYNC_S):
            recorder.sync()

    async def _share(self, app: App) -> None:
        while True:
            await asyncio.sleep(_SHARE_S)
            app.gauge()
            try:
                self._metrics.share()
            except OSError as error:
                log.error("the counters cannot be shared: %s", error)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
