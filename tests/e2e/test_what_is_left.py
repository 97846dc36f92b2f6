"""What is left with the vendors, through a whole fenli: real processes, real calls, and money that runs out."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from fenli_service import (
    Fenli,
    ask_plainly,
    client_of,
    emulated_market,
    free_port,
    price_file,
    serving,
    told_by_office,
    wait_for,
)

from fenli.market.market import market_key

MODELS = {"deepseek": "deepseek-flash", "moonshot": "kimi-k2.6", "stepfun": "step-3.7-flash"}
KEYS = {"deepseek": "DEEPSEEK_API_KEY", "moonshot": "MOONSHOT_API_KEY", "stepfun": "STEPFUN_API_KEY"}
PRICE = "2.000003"  # a million tokens, in the market and in our price files
QUESTION = [{"role": "user", "content": "How much is left? 还剩几厘?"}]


def configuration(folder: Path, port: int, every: str = "1s") -> str:
    """Prices at which our books must say what the market takes."""
    (folder / "prices").mkdir(exist_ok=True)
    lines = ["[local]", "enabled = false", "[prices]", f'directories = ["{folder}/prices"]']
    lines += ["[office]", f'poll_balances = "{every}"'] if every else []
    for vendor, path in (("deepseek", ""), ("moonshot", "/v1"), ("stepfun", "/v1")):
        lines += [f"[vendors.{vendor}]", f'base_url = "http://127.0.0.1:{port}/{vendor}{path}"']
        prices = dict.fromkeys(("input", "cached_input", "output"), PRICE)
        (folder / "prices" / f"{vendor}.toml").write_text(price_file(vendor, MODELS[vendor], prices))
    return "\n".join(lines) + "\n"


def environ(**changed: str) -> dict[str, str]:
    return {variable: market_key(vendor) for vendor, variable in KEYS.items()} | changed


def call(fenli: Fenli, vendor: str, **more: Any) -> Any:
    return client_of(fenli).chat.completions.create(model=f"{vendor}/{MODELS[vendor]}", messages=QUESTION, **more)


def last(fenli: Fenli, vendor: str) -> dict[str, Any]:
    """Its last answer, from the office's admin API."""
    polls = told_by_office(fenli, "balances")["balances"]
    return next((poll for poll in polls if poll["vendor"] == vendor), {"outcome": None, "holdings": []})


def wait_until(fenli: Fenli, vendor: str, *, left: Decimal | None = None, outcome: str = "ok") -> None:
    def told() -> bool:
        poll = last(fenli, vendor)
        amounts = [Decimal(held["left"]) for held in poll["holdings"]]
        return poll["outcome"] == outcome and amounts == ([] if left is None else [left])

    wait_for(f"{vendor} to tell {left} ({outcome})", told)


def test_what_is_left_goes_down_by_what_the_books_say_to_the_last_digit(tmp_path: Path) -> None:
    accounts = ("--balance", "5+0.0001", "--price", PRICE)
    with (
        emulated_market("--at-once", *accounts) as port,
        serving(tmp_path / "data", config=configuration(tmp_path, port), environ=environ()) as fenli,
    ):
        for vendor in MODELS:
            wait_until(fenli, vendor, left=Decimal("5.0001"))
            call(fenli, vendor)
            list(call(fenli, vendor, stream=True))
        spent = {row["vendor"]: Decimal(row["cost"]) for row in fenli.listing("usage", "--by", "vendor")}
        assert set(spent) == set(MODELS)
        for vendor, cost in spent.items():
            wait_until(fenli, vendor, left=Decimal("5.0001") - cost)
        parts = last(fenli, "deepseek")["holdings"][0]
        assert parts["granted"] == "0"  # grants go first
        assert parts["topped_up"] == parts["left"]
        moves = [Decimal(poll["holdings"][0]["left"]) for poll in fenli.listing("balance", "stepfun")]
        assert moves == sorted(moves, reverse=True)
        assert len(fenli.listing("ledger", "list")) == 6
        fenli.command("ledger", "verify")


def test_a_vendor_that_does_not_tell_stays_on_and_the_office_asks_again(tmp_path: Path) -> None:
    port = free_port()
    config = configuration(tmp_path, port)
    with serving(tmp_path / "data", config=config, environ=environ(MOONSHOT_API_KEY="sk-wrong")) as fenli:
        wait_until(fenli, "deepseek", outcome="server_error")
        with emulated_market("--at-once", port=port):
            wait_until(fenli, "deepseek", left=Decimal(1010))
            wait_until(fenli, "moonshot", outcome="bad_key")
            assert call(fenli, "deepseek").choices
            with pytest.raises(openai.InternalServerError) as refused:
                call(fenli, "moonshot")
            assert refused.value.code == "vendor_credential"
            _, _, models = ask_plainly(fenli, "/models")
            assert f'"moonshot/{MODELS["moonshot"]}"' in models.decode()
        wait_until(fenli, "deepseek", outcome="server_error")
        shown = fenli.command("balance", "deepseek")
        assert shown.count("server_error") >= 2
        assert "It last told" in shown
        assert fenli.output.count("moonshot does not tell what is left (bad_key)") == 1
        assert "deepseek tells again what is left" in fenli.output
        assert "sk-wrong" not in fenli.output + shown + json.dumps(fenli.listing("balance", "moonshot"))


def test_the_office_asks_with_its_own_keys_when_told_to_and_only_then(tmp_path: Path) -> None:
    config = configuration(tmp_path, 0, every="") + 'low_balance = "0.5"\n'
    with emulated_market("--at-once", "--balance", "stepfun:0.0001", "--price", "2") as port:
        config = config.replace("127.0.0.1:0/", f"127.0.0.1:{port}/")
        with serving(tmp_path / "data", config=config, environ=environ()) as fenli:
            while True:
                try:
                    call(fenli, "stepfun")
                except openai.OpenAIError:
                    break  # the money is gone
            assert [poll.get("outcome") for poll in fenli.listing("balance")] == [None, None, None]
            for variable in KEYS.values():
                del fenli.environ[variable]
            shown = fenli.command("balance", "stepfun", "--poll-now")
            assert "stepfun has -0.00" in shown
            assert "less than 0.5 (low_balance)\n  next: pay in" in shown
            fenli.command("balance", "openai", "--poll-now", code=2)
            fenli.command("balance", "--poll-now")
            assert [poll["outcome"] for poll in fenli.listing("balance")] == ["ok", "ok", "ok"]
            assert len(fenli.listing("balance", "stepfun")) == 2
            assert "stepfun has -0.00" in fenli.output
