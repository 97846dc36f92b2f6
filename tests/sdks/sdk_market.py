"""``fenli market serve``, as a user opens it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from fenli.market.served import Serving, read_served


class SdkMarket:
    """``arguments`` are the command's own. Without any, answers come at once."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.file = folder / "served.jsonl"
        command = [sys.executable, "-m", "fenli", "market", "serve", "--port", "0", "--at-once"]
        self._process = subprocess.Popen(
            [*command, "--served", str(self.file), *arguments], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        found = re.search(r"http://[0-9.]+:[0-9]+", self._process.stdout.readline())
        assert found is not None
        self.url = found[0]
        with urllib.request.urlopen(f"{self.url}/market/vendors", timeout=10) as reply:
            self._places: dict[str, str] = json.load(reply)

    def base_url(self, vendor: str) -> str:
        """What stands in for the vendor's own base URL."""
        return self.url + self._places[vendor]

    def served(self) -> list[Serving]:
        """The vendors' own book, from its beginning."""
        return read_served(self.file.read_bytes())

    def serving(self, answer: str) -> Serving:
        """The entry of the answer with that id."""
        [entry] = [entry for entry in self.served() if entry.id == answer]
        return entry

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
