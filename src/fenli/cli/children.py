"""A child that is kept alive: started, watched, started again after a pause when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from fenli.cli.child import encode

PAUSE_S: Final = 0.5
PAUSE_MAX_S: Final = 30.0
STEADY_S: Final = 60.0  # a child that lived this long starts over with the short pause


class Child:
    """``module`` runs as a process of its own, with ``options`` on its standard input.

    ``died`` is told the exit code and the pause before the next start; ``changed`` that the pid is another.
    """

    def __init__(
        self,
        role: str,
        module: str,
        options: Any,
        *,
        died: Callable[[Child, int, float], None],
        changed: Callable[[], None],
    ) -> None:
        self.role = role
        self.deaths = 0
        self._module = module
        self._options = options
        self._died = died
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        await self._spawn()
        self._keeping = asyncio.ensure_future(self._keep())

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, within_s: float) -> bool:
        """SIGTERM, then SIGKILL. Whether it ended by itself in time."""
        self._stopping = True
        if self._keeping is None or self._process is None:
            return True
        if self._process.returncode is not None:
            self._keeping.cancel()  # it was in a pause
        self.send(signal.SIGTERM)
        done, _ = await asyncio.wait([self._keeping], timeout=within_s)
        if not done:
            self.kill()
            await asyncio.wait([self._keeping], timeout=5)
        return bool(done)

    def kill(self) -> None:
        self._stopping = True
        self.send(signal.SIGKILL)

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", self._module,
            stdin=asyncio.subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the supervisor, which stops its children in order
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(encode(self._options))
        self._changed()

    async def _keep(self) -> None:
        pause = PAUSE_S
        while True:
            assert self._process is not None
            started = time.monotonic()
            code = await self._process.wait()
            self._changed()
            if self._stopping:
                return
            self.deaths += 1
            pause = PAUSE_S if time.monotonic() - started > STEADY_S else pause
            self._died(self, code, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_S)
            await self._spawn()
