"""`fenli serve --market`: a rehearsal in which a price rises and a vendor leaves, and the route goes on answering."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fenli_service import Fenli, client_of, wait_for

from fenli.market.served import Serving, read_served
from fenli.values.instants import parse_instant
from fenli.values.money import decimal_of, picos_of
from fenli.vendors.catalog import VENDORS

SCENARIO = """
title = "a rise, and an exit"

[[events]]
at = "0s"
kind = "price"
vendor = "moonshot"
model = "kimi-k2.6"
prices = { input = "1", cached_input = "0.25", output = "2" }

[[events]]
at = "2s"
kind = "price"
vendor = "moonshot"
model = "kimi-k2.6"
prices = { input = "1000", cached_input = "250", output = "3000" }

[[events]]
at = "4s"
kind = "exit"
how = "refused"
vendor = "moonshot"
says = { en = "it is gone", zh = "走了" }
"""
CONFIG = """
[[routes]]
name = "chat"
targets = ["moonshot/kimi-k2.6", "zhipu/glm-5.2"]
"""
OWN = """
[vendors.acme]
adapter = "zhipu"
base_url = "https://llm.acme.example/v1"
api_key = "${env:ACME_API_KEY}"
models = ["acme-large"]

[vendors.vllm]
base_url = "http://10.0.0.5:8000/v1"
models = ["mine"]
"""
# Picos of one token, before and after the rise.
CHEAP = {"input": 10**6, "cached": 250_000, "output": 2 * 10**6}
DEAR = {"input": 10**9, "cached": 250 * 10**6, "output": 3 * 10**9}


class Rehearsal:
    def __init__(self, fenli: Fenli) -> None:
        self.fenli = fenli
        found = re.search(r"Where it stands: curl (\S+)", fenli.output)
        assert found is not None
        self.market = found[1]

    def happened(self) -> list[str]:
        with urllib.request.urlopen(self.market, timeout=10) as reply:
            return [each["kind"] for each in json.load(reply)["scenario"]["happened"]]

    def call(self, *, stream: bool) -> str:
        """The vendor that answered."""
        body = {"model": "chat", "stream": stream, "messages": [{"role": "user", "content": "What does a token cost?"}]}
        request = urllib.request.Request(
            f"{self.fenli.url}/chat/completions",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.fenli.first_key}"},
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            answer = reply.read()
            assert answer.endswith(b"data: [DONE]\n\n") is stream
            return reply.headers["x-fenli-vendor"]

    def served(self) -> dict[str, Serving]:
        return {each.id: each for each in read_served((self.fenli.data / "served.jsonl").read_bytes())}


@contextlib.contextmanager
def rehearsing(data: Path, *arguments: str, **options: Any) -> Iterator[Fenli]:
    fenli = Fenli(data, **options)
    fenli.arguments += ["--market", *arguments]
    try:
        yield fenli.start()
    finally:
        if fenli._process is not None:
            fenli._process.kill()
            fenli._process.wait()


def test_prices_rise_a_vendor_leaves_and_both_books_agree(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO)
    environ = {"MOONSHOT_API_KEY": "sk-real", "HTTPS_PROXY": "http://127.0.0.1:9"}  # neither key nor way out is used
    with rehearsing(tmp_path / "books", "--scenario", str(scenario), config=CONFIG, environ=environ) as fenli:
        rehearsal = Rehearsal(fenli)
        answered = []
        while "exit" not in rehearsal.happened():
            answered.append(rehearsal.call(stream=len(answered) % 2 == 0))
        wait_for("the exit to be told", lambda: "(it is gone)" in fenli.output)
        after = [rehearsal.call(stream=stream) for stream in (False, True, False)]
        assert after == ["zhipu"] * 3

        entries = fenli.listing("ledger", "list", "--limit", "1000")
        served = rehearsal.served()
        paid = [entry for entry in entries if entry["outcome"] == "ok"]
        assert len(paid) == len(answered) + len(after)
        for entry in paid:
            agree(entry, served[entry["upstream_id"]], _rise(fenli.data))
        refused = [entry for entry in entries if entry["outcome"] != "ok"]
        assert {entry["vendor"] for entry in refused} == {"moonshot"}
        # A connection that was open already is reset, once; new ones are refused, and nothing is owed for those.
        grades = Counter(entry["grade"] for entry in refused)
        assert grades["none"] >= len(after) - 1
        assert grades["none"] + grades["unknown"] == len(refused)
        assert grades["unknown"] <= 1
        assert _sums(fenli.listing("usage", "--by", "vendor")) == _sums_of(paid)
        fenli.command("ledger", "verify")

        assert fenli.stop() == 0
        assert "REHEARSAL" in fenli.output
        # Its books are of one rehearsal, and no other process takes them for real ones.
        ports = ["--port", "0", "--office-port", "0"]
        fenli.command("serve", *ports, code=1)
        fenli.command("serve", "--market", *ports, code=1)


def test_every_vendor_of_the_catalogue_answers_and_charges_what_we_book(tmp_path: Path) -> None:
    models = {name: vendor.models[0].id for name, vendor in VENDORS.items() if vendor.models}
    models |= {"acme": "acme-large", "vllm": "mine"}
    with rehearsing(tmp_path / "books", config=OWN) as fenli:
        client = client_of(fenli)

        def answer(vendor: str) -> str | None:
            asked = [{"role": "user", "content": f"What does a token of {vendor} cost?"}]
            reply = client.chat.completions.create(model=f"{vendor}/{models[vendor]}", messages=asked)
            return reply.choices[0].message.content

        with ThreadPoolExecutor(8) as callers:
            assert all(callers.map(answer, models))
        entries = fenli.listing("ledger", "list", "--limit", "1000")
        assert {entry["vendor"]: entry["outcome"] for entry in entries} == dict.fromkeys(models, "ok")
        served = {each.id: each for each in read_served((fenli.data / "served.jsonl").read_bytes()) if each.model}
        charged = {each.vendor: (each.cost, each.currency) for each in served.values()}
        assert {entry["vendor"]: (entry["cost"], entry["currency"]) for entry in entries} == charged
        assert sum(cost is not None for cost, _ in charged.values()) > len(models) // 2


def agree(entry: dict[str, Any], serving: Serving, rise: int) -> None:
    """What our books say a call cost is what the vendor says it charges. The instant of a rise is each one's own."""
    asked, came = parse_instant(entry["rated_at"]), serving.at
    if (asked < rise) != (came < rise):
        return
    assert (entry["cost"], entry["currency"], entry["offer"]) == (serving.cost, serving.currency, serving.price)
    if serving.vendor == "moonshot":
        price = CHEAP if came < rise else DEAR
        uncached = serving.prompt_tokens - serving.cached_tokens
        picos = (
            uncached * price["input"] + serving.cached_tokens * price["cached"]
            + serving.completion_tokens * price["output"]
        )  # fmt: skip
        assert picos_of(entry["cost"]) == picos


def _rise(data: Path) -> int:
    return int((data / "began").read_text()) + 2_000_000_000


def _sums_of(entries: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry in entries:
        sums[entry["vendor"], entry["currency"]] += picos_of(entry["cost"])
    return {place: decimal_of(picos) for place, picos in sums.items()}


def _sums(rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {(row["vendor"], row["currency"]): row["cost"] for row in rows if row["currency"] is not None}
