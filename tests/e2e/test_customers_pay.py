"""A customer from the first top-up to a debt, through a whole fenli: real processes, real calls, and a crash."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path

import openai
from fenli_service import Fenli, client_of, emulated_market, serving, wait_for

from fenli.market.market import market_key

MODEL = "deepseek/deepseek-flash"
QUESTION = [{"role": "user", "content": "Who pays for this? 谁来付?"}]


def ask(fenli: Fenli, key: str) -> None:
    client_of(fenli, key).chat.completions.create(model=MODEL, messages=QUESTION)


def test_a_customer_pays_for_calls_and_then_owes(tmp_path: Path) -> None:
    with (
        emulated_market("--at-once") as port,
        serving(
            tmp_path / "data",
            config=f'[local]\nenabled = false\n[vendors.deepseek]\nbase_url = "http://127.0.0.1:{port}/deepseek"\n',
            environ={"DEEPSEEK_API_KEY": market_key("deepseek")},
        ) as fenli,
    ):
        fenli.command("customer", "create", "acme")
        fenli.command("project", "create", "web", "--customer", "acme")
        fenli.command("plan", "create", "std", "--markup", "3")
        fenli.command("plan", "assign", "std", "--customer", "acme")
        fenli.command("pack", "buy", "deepseek", "1", "CNY", "--kind", "granted", "--reference", "G")
        key = fenli.listing("key", "create", "--project", "web")["key"]
        wait_for("the key to work", lambda: _works(fenli, key))
        for _ in range(4):
            ask(fenli, key)
        assert fenli.first_key is not None
        ask(fenli, fenli.first_key)
        os.kill(fenli.pids("office")[0], signal.SIGKILL)
        ask(fenli, key)

        rows = {row["customer"]: row for row in fenli.listing("usage", "--by", "customer")}
        cost, charge = Decimal(rows["acme"]["cost"]), Decimal(rows["acme"]["charge"])
        assert rows["acme"]["calls"] == 6
        assert charge == 3 * cost > 0
        (money,) = fenli.listing("wallet", "show", "acme")["money"]
        assert (money["wallet"], Decimal(money["owed"])) == ("0", charge)

        fenli.command("wallet", "topup", "acme", "100", "CNY", "--reference", "INV-1")
        (money,) = fenli.listing("wallet", "show", "acme")["money"]
        assert (Decimal(money["wallet"]), money["owed"]) == (100 - charge, "0")

        (costs,) = fenli.listing("pack", "costs")
        whole = cost + Decimal(rows[""]["cost"])
        assert (Decimal(costs["list_cost"]), Decimal(costs["saved"])) == (whole, whole)
        assert (costs["cash_cost"], costs["payable"]) == ("0", "0")

        fenli.command("plan", "assign", "none", "--customer", "acme")
        ask(fenli, key)
        assert {row["customer"]: row["charge"] for row in fenli.listing("ledger", "list", "--limit", "1")} == {
            "acme": None
        }
        fenli.command("ledger", "verify")
        assert "debits" in fenli.command("ledger", "accounts")


def _works(fenli: Fenli, key: str) -> bool:
    try:
        ask(fenli, key)
    except openai.AuthenticationError:
        return False
    return True
