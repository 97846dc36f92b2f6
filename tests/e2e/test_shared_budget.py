"""Four gateway processes share a budget of 5 yuan: hammered, killed, and not a pico beyond it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from fenli_service import Fenli, emulated_market, wait_for

from fenli.market.market import market_key
from fenli.market.served import read_served

WORKERS = 4
CLIENTS = 12
REFUSAL = re.compile(
    r"budget 'five' \(organisation, total\) has not enough left, in CNY: limit ([\d.]+), spent ([\d.]+), "
    r"held ([\d.]+); this call may cost [\d.]+; it never begins anew: .*`fenli budget change`"
)
PRICE = {"input": Decimal("6.5"), "cached_input": Decimal("1.1"), "output": Decimal(27)}  # yuan for a million


class Clients:
    """Call on and on, in threads. ``refused`` counts by process how often a call that needs little was refused."""

    def __init__(self, fenli: Fenli) -> None:
        self.statuses: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._fenli = fenli
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(seed,), daemon=True) for seed in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def all_are_refused(self) -> bool:
        """Whether every process that runs now has refused such a call again and again."""
        return sum(times > 3 for times in self.refused.values()) >= WORKERS

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._call(chance)

    def _call(self, chance: random.Random) -> None:
        size = chance.choice((100, 4_000, 20_000))
        body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": f"{chance.random()} " + "x" * size}]}
        if chance.random() < 0.5:
            body["stream"] = True
        if chance.random() < 0.6:
            body["max_tokens"] = 20
        connection = http.client.HTTPConnection("127.0.0.1", self._fenli.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {self._fenli.first_key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            reply = connection.getresponse()
            answer = reply.read()
        except ConnectionRefusedError:
            time.sleep(0.02)
            raise
        finally:
            connection.close()
        self.statuses[reply.status] += 1
        if reply.status == 402:
            self._refused(answer, reply.headers)
            if size == 100 and "max_tokens" in body:
                self.refused[reply.headers["x-request-id"].partition("_")[2][:15]] += 1
            time.sleep(0.02)

    def _refused(self, answer: bytes, headers: http.client.HTTPMessage) -> None:
        error = json.loads(answer)["error"]
        told = REFUSAL.fullmatch(error["message"])
        good = (
            told is not None
            and error["code"] == error["type"] == "insufficient_quota"
            and headers["x-should-retry"] == "false"
            and Decimal(told[2]) + Decimal(told[3]) <= Decimal(told[1])
        )
        if not good:
            self.complaints.append(f"{error} {headers.items()}")


def kill(fenli: Fenli, role: str, which: int = 0) -> None:
    """The supervisor starts another one; its run is a new one."""
    before = fenli.pids(role)
    os.kill(before[which], signal.SIGKILL)
    wait_for(f"another {role}", lambda: fenli.pids(role) != before and 0 not in fenli.pids(role))


def drawn(fenli: Fenli) -> Decimal:
    """By our own arithmetic: what is known, and what was held where it is not."""
    entries = fenli.listing("ledger", "list", "--limit", "100000")
    owed = [entry for entry in entries if entry["grade"] != "none"]
    assert all(entry["currency"] == "CNY" for entry in owed)
    for entry in owed:
        if entry["grade"] == "measured":
            cost = sum(PRICE[meter] * units for meter, units in entry["usage"].items()).scaleb(-6)
            assert Decimal(entry["cost"]) == cost
    return sum((Decimal(entry["held"] if entry["cost"] is None else entry["cost"]) for entry in owed), Decimal(0))


def served(file: Path) -> Decimal:
    """What the vendor would bill, by its own book."""
    total = Decimal(0)
    for each in read_served(file.read_bytes()):
        total += PRICE["input"] * (each.prompt_tokens - each.cached_tokens)
        total += PRICE["cached_input"] * each.cached_tokens + PRICE["output"] * each.completion_tokens
    return total.scaleb(-6)


def check(fenli: Fenli, limit: Decimal, file: Path) -> None:
    budget = wait_for("all calls to be posted", lambda: settled(fenli))
    total = drawn(fenli)
    print(f"{total} of {limit} drawn, {served(file)} served: {budget}")
    assert Decimal(budget["limit"]) == limit
    assert Decimal("0.9") * limit < total <= limit
    assert Decimal(budget["spent"]) == total
    assert served(file) <= limit
    fenli.command("ledger", "verify")


def settled(fenli: Fenli):
    budget = fenli.listing("budget", "show", "five")
    return budget if Decimal(budget["held"]) == 0 else None


@pytest.fixture
def fenli(tmp_path: Path) -> Iterator[Fenli]:
    market = (
        "--vendor=moonshot",
        "--served",
        str(tmp_path / "served"),
        "--tokens-per-second=2000",
        "--first-token-ms=5",
    )
    lies = ("--fault=0.05*usage_larger", "--fault=0.03*usage_null", "--fault=0.03*cut", "--fault=0.03*overloaded")
    with emulated_market(*market, *lies) as port:
        config = f'[local]\nenabled = false\n[vendors.moonshot]\nbase_url = "http://127.0.0.1:{port}/moonshot/v1"\n'
        made = Fenli(tmp_path / "data", config=config, environ={"MOONSHOT_API_KEY": market_key("moonshot")})
        try:
            yield made.start(workers=WORKERS)
            assert made.stop() == 0
        finally:
            if made._process is not None:
                made._process.kill()
                made._process.wait()


def test_four_processes_share_five_yuan(fenli: Fenli, tmp_path: Path) -> None:
    wanted = ("--scope", "organisation", "--limit", "5", "--currency", "CNY", "--period", "total")
    fenli.command("budget", "create", "five", *wanted)
    time.sleep(1.2)  # it binds from a second after it was made
    with Clients(fenli) as clients:
        for role in ("gateway", "office", "gateway"):
            time.sleep(0.7)
            kill(fenli, role)
        clients.refused.clear()
        wait_for("all of them to refuse", clients.all_are_refused)
    assert clients.complaints == []
    assert clients.statuses[200] > 50
    check(fenli, Decimal(5), tmp_path / "served")

    fenli.command("budget", "change", "five", "--limit", "6.5")
    with Clients(fenli) as clients:
        wait_for("calls to be served again", lambda: clients.statuses[200] > 20)
        kill(fenli, "gateway", 1)
        clients.refused.clear()
        wait_for("all of them to refuse again", clients.all_are_refused)
    assert clients.complaints == []
    wait_for("what the dead one had to come back", lambda: settled(fenli))
    with Clients(fenli) as clients:
        wait_for("all of them to refuse for good", clients.all_are_refused)
    assert clients.complaints == []
    check(fenli, Decimal("6.5"), tmp_path / "served")
