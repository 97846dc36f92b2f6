"""The child process that serves the on-device model, as `fenli serve` sees it.

The child lives as long as the pipe to its standard input: when this process ends, however it ends, so does the child.
A process forked from this one without exec would hold the pipe open too; start workers with spawn.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from fenli.errors import ConfigError
from fenli.vendors.local.weights import Weights

CONTEXT_TOKENS: Final = 4096
SLOTS: Final = 2
READY: Final = b"ready\n"
LOG_TAIL_BYTES: Final = 2000


class LocalModel:
    """An OpenAI-compatible server of one model on 127.0.0.1. ``port`` is chosen once and kept over restarts.

    ``context`` is the limit of prompt and answer together, in tokens, for each of ``slots`` calls served at a time;
    further calls wait. ``threads`` defaults to half the cores: the other half is the gateway's. ``key`` is what a
    caller has to present; without one everybody on this machine may call. ``log`` takes the engine's errors, which go
    to standard error without it.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        port: int | None = None,
        threads: int | None = None,
        context: int = CONTEXT_TOKENS,
        slots: int = SLOTS,
        alias: str = "local",
        key: str = "",
        log: Path | None = None,
    ) -> None:
        if not 0 < context <= weights.context_length:
            raise ConfigError(
                f"the on-device model's context of {context} tokens is outside 1 to {weights.context_length}, "
                f"what {weights.path.name} was trained for"
            )
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError("the on-device model needs its engine: `pip install 'fenli[local]'`, or switch it off")
        self.weights = weights
        self.port = port if port is not None else free_port()
        self.threads = threads if threads is not None else max(1, len(os.sched_getaffinity(0)) // 2)
        self.context = context
        self.slots = slots
        self.alias = alias
        self.log = log
        self._key = key
        self._log_start = 0
        self._ready = False
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Returns at once; `wait_ready` waits. After a child that ended, `restart` is meant."""
        assert self._child is None
        self._ready = False
        if self.log is None:
            self._child = self._spawn(None)
        else:
            with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
                self._log_start = log.tell()
                self._child = self._spawn(log)

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Raises ConfigError when the model does not load, or not in time."""
        # The child's own word, not /health: whoever else holds the port would answer that.
        assert self._child is not None
        assert self._child.stdout is not None
        spoken = select.poll()
        spoken.register(self._child.stdout, select.POLLIN)
        give_up = time.monotonic() + timeout_s
        while not self._ready:
            if not spoken.poll(max(0.0, give_up - time.monotonic()) * 1000):
                raise ConfigError(f"the on-device model was not ready after {timeout_s:g} s{self._reason()}")
            said = os.read(self._child.stdout.fileno(), 4096)
            if not said:
                raise ConfigError(f"the on-device model {self.weights.path.name} did not start{self._reason()}")
            self._ready = READY in said

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends the child; calls that it is serving are cut off."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            pipe.close()
        self._child = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _spawn(self, log: IO[bytes] | None) -> subprocess.Popen[bytes]:
        # Waiting threads give their core up: when the gateway is busy too, spinning ones get a tenth of the work done.
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
        child = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-P", "-m", "fenli.vendors.local", *self._arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            process_group=0,  # Ctrl-C in the terminal is for the gateway, which drains before it stops this
        )
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already: `wait_ready` says why
            os.write(child.stdin.fileno(), self._key.encode() + b"\n")  # its arguments are for all to see
        return child

    def _arguments(self) -> list[str]:
        options = {
            "model": self.weights.path,
            "port": self.port,
            "threads": self.threads,
            "context": self.context,
            "slots": self.slots,
            "alias": self.alias,
        }
        return [f"--{name}={value}" for name, value in options.items()]

    def _reason(self) -> str:
        if self.log is None:
            return "; the reason is on standard error"
        with self.log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, 2) - LOG_TAIL_BYTES))
            return f"; {self.log} ends:\n{log.read().decode(errors='replace').strip()}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
