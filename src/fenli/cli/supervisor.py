"""`fenli serve` at work: starts every process in order, keeps them alive, and takes them down in order."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import msgspec

from fenli.cli.child import encode
from fenli.cli.children import Child
from fenli.cli.language import say
from fenli.cli.orders import MarketStart, OfficeStart, Prepare, Prepared
from fenli.cli.running import Running, forget_running, write_running
from fenli.clock import SystemClock
from fenli.errors import ConfigError, FenliError
from fenli.gateway.worker import WorkerOptions
from fenli.values import format_instant
from fenli.vendors.local.process import LocalModel

SNAPSHOT_S: Final = 30.0
READY_S: Final = 30.0
OFFICE_S: Final = 20.0
MARKET_S: Final = 60.0
MARKET_STOP_S: Final = 5.0
POLL_S: Final = 0.02
DEATHS_BEFORE_READY: Final = 3

Say = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True):
    """All that `fenli serve` was asked for, checked. ``base_url`` is what clients use; ``market``: of a rehearsal."""

    data: Path
    base_url: str
    office: OfficeStart
    workers: tuple[WorkerOptions, ...]
    drain_s: float
    market: MarketStart | None = None


class NotStarted(FenliError):
    pass


class Supervisor:
    """``tell`` prints a line. ``ready`` is called once the endpoint answers, with the first key where one was made."""

    def __init__(self, plan: Plan, local: LocalModel | None, tell: Say, ready: Callable[[str | None], None]) -> None:
        self._plan = plan
        self._local = local
        self._tell = tell
        self._announce = ready
        self._ready = False
        self._started_at = format_instant(SystemClock().now())
        self._stop = asyncio.Event()
        self._interrupts = 0
        self._waits: list[asyncio.Task[None]] = []
        self._office = self._child("office", "fenli.cli.office_process", plan.office)
        self._workers = [self._child("gateway", "fenli.cli.gateway_process", options) for options in plan.workers]
        self._market = self._child("market", "fenli.cli.market_process", plan.market)

    async def run(self) -> int:
        """The exit code, once everything has ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._interrupted)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            await self._until_stopped(self._start())
            if self._ready:
                await self._stop.wait()
            return 0
        finally:
            await self._take_down()

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        starting = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting

    async def _start(self) -> None:
        prepared = await self._prepare()
        try:
            if self._local is not None:
                self._local.start()
                self._waits.append(asyncio.ensure_future(self._keep_local(self._local)))
            await self._office.start()
            await self._until(self._has_snapshot, SNAPSHOT_S, [self._office], "serve.no_snapshot")
            for worker in self._workers:
                await worker.start()
            await self._until(self._answers, READY_S, self._workers, "serve.not_ready")
            if self._plan.market is not None:
                await self._market.start()
                await self._until(self._market_answers, MARKET_S, [self._market], "rehearse.no_market")
        except BaseException:
            if prepared.first_key is not None:
                self._tell(say("serve.first_key_anyway", key=prepared.first_key))
            raise
        self._ready = True
        self._write()
        self._announce(prepared.first_key)

    async def _prepare(self) -> Prepared:
        """The database brought up to date, in a process of its own whose memory goes with it."""
        order = Prepare(self._plan.data, self._plan.office.config, say("serve.first_key_name"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "fenli.cli.prepare_process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate(encode(order))
        if process.returncode:
            kind = ConfigError if process.returncode == 2 else NotStarted
            raise kind(errors.decode(errors="replace").strip())
        return msgspec.json.decode(out, type=Prepared)

    async def _until(self, done: Callable[[], bool], within_s: float, children: list[Child], problem: str) -> None:
        give_up = time.monotonic() + within_s
        while not await asyncio.to_thread(done):
            if time.monotonic() > give_up or max(child.deaths for child in children) >= DEATHS_BEFORE_READY:
                raise NotStarted(say(problem))
            await asyncio.sleep(POLL_S)

    def _has_snapshot(self) -> bool:
        """The office opens its listener once the snapshot is up to date."""
        return listens("127.0.0.1", self._plan.office.port) and (self._plan.data / "snapshot").exists()

    def _answers(self) -> bool:
        first = self._plan.workers[0]
        return all(worker.pid for worker in self._workers) and answers(
            first.host, first.port, first.tls_cert is not None
        )

    def _market_answers(self) -> bool:
        return self._plan.market is not None and is_market("127.0.0.1", self._plan.market.port)

    async def _keep_local(self, local: LocalModel) -> None:
        pause = 1.0
        while not self._stop.is_set():
            try:
                await asyncio.to_thread(local.wait_ready)
            except ConfigError as error:
                self._tell(say("serve.local_failed", reason=error))
            else:
                self._write()
                if self._ready or pause > 1:
                    self._tell(say("serve.local_ready"))
                while local.running:
                    await asyncio.sleep(0.5)
                self._tell(say("serve.local_died", pause=pause))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 60.0)
            local.restart()

    def _child(self, role: str, module: str, options: object) -> Child:
        return Child(role, module, options, died=self._mourn, changed=self._write)

    def _mourn(self, child: Child, code: int, pause: float) -> None:
        reason = signal.Signals(-code).name if code < 0 else say("serve.exit_code", code=code)
        self._tell(say("serve.died", role=child.role, reason=reason, pause=f"{pause:g}"))

    def _write(self) -> None:
        first = self._plan.workers[0]
        pids = {
            "supervisor": [os.getpid()],
            "office": [self._office.pid] if self._office.pid else [],
            "gateway": [worker.pid for worker in self._workers if worker.pid],
            "local": [self._local.pid] if self._local is not None and self._local.running and self._local.pid else [],
        }
        if self._plan.market is not None:
            pids["market"] = [self._market.pid] if self._market.pid else []
        office_port, started = self._plan.office.port, self._started_at
        config = str(self._plan.office.config) if self._plan.office.config is not None else None
        running = Running(self._plan.base_url, first.host, first.port, office_port, self._ready, started, pids, config)
        write_running(self._plan.data, running)

    def _interrupted(self) -> None:
        self._interrupts += 1
        self._stop.set()
        if self._interrupts == 2:
            self._tell(say("serve.killing"))
            for child in (*self._workers, self._market, self._office):
                child.kill()

    def _reload(self) -> None:
        self._tell(say("serve.reloading"))
        self._office.send(signal.SIGHUP)

    async def _take_down(self) -> None:
        """Workers first, which finish their streams; the office last, which posts what they wrote."""
        if self._ready:
            self._tell(say("serve.draining", seconds=f"{self._plan.drain_s:g}"))
        for wait in self._waits:
            wait.cancel()
        await asyncio.gather(*(worker.stop(self._plan.drain_s + 5) for worker in self._workers))
        await self._market.stop(MARKET_STOP_S)
        if self._local is not None:
            await asyncio.to_thread(self._local.stop)
        if not await self._office.stop(OFFICE_S) and self._interrupts < 2:
            self._tell(say("serve.office_killed"))
        forget_running(self._plan.data)
        if self._ready:
            self._tell(say("serve.stopped"))


def answers(host: str, port: int, tls: bool) -> bool:
    """Whether a ready gateway is there. Any certificate will do: it is our own."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    connection = (
        http.client.HTTPSConnection(target, port, timeout=1, context=ssl._create_unverified_context())  # noqa: S323
        if tls
        else http.client.HTTPConnection(target, port, timeout=1)
    )
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_market(host: str, port: int) -> bool:
    """Whether a market answers there, and nobody else."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().startswith(b'{"vendors":')
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
