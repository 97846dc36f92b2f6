"""Programs that use a vendor's official SDK, on its own interpreter: one process for each, asked over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
# An SDK that asks for anything but the market fails: there is no proxy at this port.
_CLOSED = "http://127.0.0.1:9"
_NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"), _CLOSED)


class Driver:
    """``drivers/NAME.py``, run in the environment ``.sdks/ENVIRONMENT``. It starts with nothing of ours set: no key, no
    home, no ``.env`` file to find."""

    def __init__(self, environment: str, name: str, folder: Path) -> None:
        python = ROOT / ".sdks" / environment / "bin" / "python"
        assert python.exists(), f"there is no {python}: run tools/sdks"
        self._errors = folder / f"{name}.stderr"
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1", **_NOWHERE}
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [python, Path(__file__).parent / "drivers" / f"{name}.py"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=environ,
            )  # fmt: skip

    def ask(self, **question: Any) -> dict[str, Any]:
        """The driver's answer; ``raised`` is in it when the SDK raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(WITHIN_S, self._process.kill)
        late.start()
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        assert line, f"the driver ended, or said nothing for {WITHIN_S:g} s: {self._errors.read_text()[-2000:]}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Drivers:
    """Started when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[tuple[str, str], Driver] = {}

    def get(self, environment: str, name: str) -> Driver:
        if (environment, name) not in self._started:
            self._started[environment, name] = Driver(environment, name, self._folder)
        return self._started[environment, name]

    def close(self) -> None:
        for driver in self._started.values():
            driver.close()
