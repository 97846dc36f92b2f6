"""kill -9 of the gateway, the office, or both, at random instants under load: the books stay right."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from fenli_service import Fenli, emulated_market, wait_for

from fenli.cli.child import encode
from fenli.cli.orders import OfficeStart
from fenli.gateway.worker import WorkerOptions
from fenli.market.market import market_key
from fenli.market.served import read_served

KILLS = 200
CLIENTS = 4


class Children:
    """The two processes of `fenli serve`, without its patience between restarts."""

    def __init__(self, fenli: Fenli) -> None:
        self._orders = {
            "gateway": ("fenli.cli.gateway_process", WorkerOptions("127.0.0.1", fenli.port, fenli.data)),
            "office": ("fenli.cli.office_process", OfficeStart(fenli.data, fenli.office_port, fenli.file, None)),
        }
        self._environ = fenli.environ
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, role: str) -> None:
        module, options = self._orders[role]
        process = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, env=self._environ)
        process.stdin.write(encode(options))
        process.stdin.flush()
        self.running[role] = process

    def kill(self, role: str) -> None:
        process = self.running.pop(role)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.running.clear()


class Client(threading.Thread):
    """Calls on and on; remembers the ids of the calls that were answered whole."""

    def __init__(self, fenli: Fenli, seed: int) -> None:
        super().__init__(daemon=True)
        self.whole: list[str] = []
        self.stopping = threading.Event()
        self._fenli = fenli
        self._chance = random.Random(seed)

    def run(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._call()

    def _call(self) -> None:
        stream = self._chance.random() < 0.5
        body = {"model": "qwen-plus", "stream": stream, "messages": [{"role": "user", "content": "hi " * 20}]}
        connection = http.client.HTTPConnection("127.0.0.1", self._fenli.port, timeout=20)
        try:
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(body), {"Authorization": f"Bearer {self._fenli.first_key}"}
            )
            reply = connection.getresponse()
            answer = reply.read()
            if reply.status == 200 and (not stream or answer.endswith(b"data: [DONE]\n\n")):
                self.whole.append(reply.headers["x-fenli-call-id"])
        except ConnectionRefusedError:
            time.sleep(0.02)
            raise
        finally:
            connection.close()


def answers(fenli: Fenli) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", fenli.port, timeout=2)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def test_the_books_equal_what_the_upstream_served(tmp_path: Path):
    served_file = tmp_path / "served.jsonl"
    with emulated_market(
        "--vendor=alibaba", "--served", str(served_file), "--tokens-per-second=2000", "--first-token-ms=5"
    ) as port:
        config = (
            "[local]\nenabled = false\n[vendors.alibaba]\n"
            f'base_url = "http://127.0.0.1:{port}/alibaba/compatible-mode/v1"\n'
        )
        fenli = Fenli(tmp_path / "data", config=config, environ={"DASHSCOPE_API_KEY": market_key("alibaba")})
        fenli.start()
        assert fenli.stop() == 0
        children = Children(fenli)
        seed = int(os.environ.get("FENLI_KILL_SEED", time.time_ns() % 10**6))
        print(f"FENLI_KILL_SEED={seed}")
        chance = random.Random(seed)
        for role in ("office", "gateway"):
            children.start(role)
        wait_for("the gateway", lambda: answers(fenli))
        clients = [Client(fenli, seed + number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            roles = chance.choice((("gateway",), ("office",), ("gateway", "office")))
            time.sleep(chance.random() * 0.2)
            for role in roles:
                children.kill(role)
            for role in roles:
                children.start(role)
            if "gateway" in roles:
                wait_for("the gateway", lambda: answers(fenli))
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(30)
        children.stop()
        fenli.start()  # whatever is still unposted is posted now
        check(fenli, served_file, [call for client in clients for call in client.whole])
        fenli.command("ledger", "verify")
        fenli.stop()


def check(fenli: Fenli, served_file: Path, whole: list[str]) -> None:
    entries = wait_for("every journal to be posted", lambda: all_posted(fenli))
    served = read_served(served_file.read_bytes())
    calls = Counter(entry["call"] for entry in entries)
    assert max(calls.values()) == 1, "a call is in the books twice"
    booked = {entry["call"] for entry in entries if entry["grade"] == "measured"}
    assert not set(whole) - booked, "a call that was answered whole is not in the books as such"

    measured = {entry["upstream_id"]: entry for entry in entries if entry["grade"] == "measured"}
    truth = {serving.id: serving for serving in served if serving.outcome == "whole"}
    assert len(measured) == sum(entry["grade"] == "measured" for entry in entries), "an answer was booked twice"
    for upstream_id, entry in measured.items():
        serving = truth[upstream_id]
        prompt = entry["usage"]["input"] + entry["usage"].get("cached_input", 0)
        assert (prompt, entry["usage"]["output"]) == (serving.prompt_tokens, serving.completion_tokens)

    # Whatever the vendor served and the books did not measure is listed there as unknown (or estimated).
    others = [entry for entry in entries if entry["grade"] in ("unknown", "estimated")]
    assert len(truth) - len(measured) <= len(others)
    assert len(served) <= len(measured) + len(others)
    assert all(entry["held"] is not None for entry in others)
    assert all(entry["cost"] is None for entry in others if entry["grade"] == "unknown")
    lost = sum(entry["outcome"] == "lost" for entry in entries)
    print(f"{len(entries)} calls, {len(measured)} measured, {lost} unfinished and listed, {len(served)} seen upstream")
    assert len(measured) > KILLS
    assert lost > 0


def all_posted(fenli: Fenli):
    status = fenli.listing("ledger", "list", "--limit", "1000000")
    time.sleep(0.5)
    again = fenli.listing("ledger", "list", "--limit", "1000000")
    return again if len(status) == len(again) else None
