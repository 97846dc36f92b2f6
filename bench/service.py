"""A server that the benchmark starts, waits for and stops."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import process
from .needs import HERE, RESULTS, NotReady


@dataclass(frozen=True, slots=True)
class Target:
    """Where a load goes and the headers that it must carry."""

    port: int
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, body: bytes) -> bytes:
        """The head of a POST of `body`."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()

    def try_once(self, body: bytes, timeout: float = 60) -> str:
        """One call; the empty string if it was answered with 200, else what went wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json", **self.headers})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return "" if answer.status == 200 else f"HTTP {answer.status}: {text[:300]!r}"


class Service:
    """A process and its children, in a session of their own so that they can be ended together."""

    def __init__(self, name: str, argv: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        RESULTS.mkdir(exist_ok=True)
        self.log = RESULTS / f"{name}.log"
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                argv,
                cwd=HERE.parent,
                env=os.environ | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def wait_until_answering(self, target: Target, body: bytes, seconds: float = 90) -> None:
        """Ready is when a real call comes back, not when a port is open."""
        end, problem = time.monotonic() + seconds, "never tried"
        while time.monotonic() < end:
            if self._child.poll() is not None:
                raise NotReady(f"{self.name} ended with {self._child.returncode}:\n{self._last_words()}")
            if _listens(target.port):
                problem = target.try_once(body)
                if not problem:
                    return
            time.sleep(0.1)
        raise NotReady(f"{self.name} gave no good answer within {seconds:.0f} s, last: {problem}\n{self._last_words()}")

    def stop(self) -> None:
        """Ask, wait ten seconds, then insist."""
        below = list(process.tree(self.pid))
        for ask in (signal.SIGTERM, signal.SIGKILL):
            if self._child.poll() is None:
                self._child.send_signal(ask)
            try:
                self._child.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
        for pid in below[1:]:
            _end_if_ours(pid, self.pid)

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-12:])


def start(
    name: str, argv: list[str], target: Target, body: bytes, environment: Mapping[str, str] | None = None
) -> Service:
    """A service that answers, or NotReady and nothing left behind."""
    service = Service(name, argv, environment)
    try:
        service.wait_until_answering(target, body)
    except BaseException:
        service.stop()
        raise
    return service


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def folder_for(name: str, base: Path) -> Path:
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_if_ours(pid: int, session: int) -> None:
    """A child that outlived its parent. Its session says that it is still the process that we mean."""
    try:
        if os.getsid(pid) == session:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
