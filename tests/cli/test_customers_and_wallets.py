"""Customers, wallets, plans and packs as a user runs them, beside books that an office made."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fenli_command import Fenli

from fenli.cli.main import build
from fenli.errors import FenliError


@pytest.fixture(scope="module")
def empty_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of one customer with one project."""
    fenli = Fenli(tmp_path_factory.mktemp("shop"))
    fenli.out("customer", "create", "acme", "--name", "Acme 公司")
    fenli.out("project", "create", "web", "--customer", "acme")
    return fenli.data


@pytest.fixture
def shop(fenli: Fenli, empty_shop: Path) -> Fenli:
    shutil.copytree(empty_shop, fenli.data)
    return fenli


def test_from_a_customer_to_a_key(shop: Fenli) -> None:
    made = shop.json("key", "create", "--name", "app", "--project", "web")
    assert made["project"] == "web"
    (key,) = shop.json("key", "list")
    assert key["project"] == "web"
    assert "web" in shop.out("key", "list")
    assert "Made plan std: cost × 1.2" in shop.out("plan", "create", "std", "--markup", "1.2")
    assert "acme pays by std from" in shop.out("plan", "assign", "std", "--customer", "acme")
    shown = shop.json("customer", "show", "acme")
    assert (shown["projects"], shown["plans"][0]["plan"]) == (["web"], "std")
    assert "acme (Acme 公司)" in shop.out("customer", "show", "acme")


def test_money_comes_in_is_shown_and_goes_back(shop: Fenli) -> None:
    topped = shop.json("wallet", "topup", "acme", "100.5", "CNY", "--reference", "INV-1", "--note", "by bank")
    assert (topped["booked"], topped["money"]["wallet"]) == (True, "100.5")
    again = shop.json("wallet", "topup", "acme", "100.5", "CNY", "--reference", "INV-1")
    assert (again["booked"], again["money"]["wallet"]) == (False, "100.5")
    shop.out(
        "wallet", "credit", "acme", "5", "CNY", "--reference", "W", "--expires", "2099-01-01", "--zone", "Asia/Shanghai"
    )
    shop.out("wallet", "refund", "acme", "0.5", "CNY", "--reference", "R")
    shown = shop.json("wallet", "show", "acme")
    (money,) = shown["money"]
    assert (money["wallet"], money["credit"], money["owed"]) == ("100", "5", "0")
    assert money["credits"][0]["expires_at"] == "2098-12-31T16:00:00.000Z"
    assert [each["kind"] for each in shown["movements"]] == ["top_up", "credit", "refund"]
    table = shop.out("wallet", "show", "acme")
    assert "+100.5" in table
    assert "INV-1, by bank" in table
    assert "钱包 100" in shop.out("wallet", "show", "acme", LANG="zh_CN.UTF-8")
    assert "CNY: debits 106 = credits 106" in shop.out("ledger", "accounts")
    assert "given away acme" in shop.out("ledger", "transfers")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("wallet topup acme -5 CNY --reference A", "a top-up of -5 CNY: write an amount above 0"),
        ("wallet topup acme 0 CNY --reference A", "write an amount above 0"),
        ("wallet topup acme 1e3 CNY --reference A", "write a plain decimal such as 0.0008"),
        ("wallet topup acme 5 RMB --reference A", "'RMB' is no currency that fenli knows: write one of CNY, USD"),
        ("wallet topup acme 5 cny --reference A", "'cny' is no currency that fenli knows"),
        ("wallet topup other 5 CNY --reference A", "there is no customer 'other': there are acme"),
        ("wallet refund acme 5 CNY --reference A", "take no more than there is"),
        ("wallet credit acme 5 CNY --reference A --expires 2020-01-01", "write a later end"),
        ("plan create std --markup 20%", "such as 1.2 for 20 % on top"),
        ("plan create std", "a plan has one rule"),
        ("plan create std --markup 1 --per-call 1", "a plan has one rule"),
        ("plan create std --per-call 1", "write --currency CNY"),
        ("plan create std --per-call -1 --currency CNY", "the price of a call is -1: write more than 0"),
        ("plan create std --markup 1 --fee 5", "write all three, or none of them"),
        ("plan create none --markup 1", "choose another name for the plan"),
        ("plan create std --list nothing.toml", "nothing.toml cannot be read"),
        ("plan assign std --customer acme", "there is no plan 'std'"),
        ("pack buy nobody 5 calls --price 1 --currency CNY --reference A", "there is no vendor nobody: write one of"),
        ("pack buy baidu 5 tokens --reference A", "what did it cost?"),
        ("pack buy baidu 0.5 tokens --price 1 --currency CNY --reference A", "write a whole number"),
        ("pack buy baidu -5 CNY --reference A", "a pack of"),
        ("pack buy baidu 5 CNY --currency USD --reference A", "leave --currency out"),
        ("pack pay baidu -5 CNY --reference A", "write an amount above 0"),
        ("project create other --customer nobody", "there is no customer 'nobody'"),
        ("key create --project nothing", "there is no project 'nothing'"),
    ],
)
def test_what_is_refused_says_what_to_write(
    empty_shop: Path, monkeypatch: pytest.MonkeyPatch, words: str, says: str
) -> None:
    """In this process, since there are many of them; the next test is one as a user meets it."""
    monkeypatch.setenv("FENLI_DATA", str(empty_shop))
    before = sorted(sqlite3.connect(empty_shop / "fenli.db").iterdump())
    with pytest.raises(FenliError, match=re.escape(says)):
        build(words.split())(args=words.split(), standalone_mode=False)
    assert sorted(sqlite3.connect(empty_shop / "fenli.db").iterdump()) == before


def test_a_refusal_is_one_line_and_code_1(shop: Fenli) -> None:
    refused = shop.refused("wallet", "topup", "acme", "-5", "CNY", "--reference", "A", code=1)
    assert refused == "error: a top-up of -5 CNY: write an amount above 0\n"


def test_a_date_without_its_zone_is_refused(shop: Fenli) -> None:
    bad = ("wallet", "credit", "acme", "5", "CNY", "--reference", "A", "--expires", "2099-01-01T00:00:00")
    assert "has no zone: add Z or an offset such as +08:00" in shop.refused(*bad, code=2)
    assert "no time zone" in shop.refused(*bad[:-1], "2099-01-01", "--zone", "Beijing", code=2)


def test_a_price_list_of_our_own(shop: Fenli, tmp_path: Path) -> None:
    text = """vendor = "us"
names = { en = "Our prices" }
currency = "CNY"
instant_basis = "start"

[[offers]]
model = "smart"
effective_from = 2026-01-01T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = { input = "2", output = "8" }
source = "our price list"
confidence = "high"
"""
    file = shop.write("ours.toml", text)
    assert "price list" in shop.out("plan", "create", "ours", "--list", str(file))
    file.unlink()  # the plan has it
    shop.out("plan", "assign", "ours", "--project", "web")
    bad = shop.write("bad.toml", text.replace('"8"', "8.0"))
    refused = shop.refused("plan", "create", "bad", "--list", str(bad), code=1)
    assert "bad.toml:11" in refused


def test_packs_and_what_they_come_to(shop: Fenli) -> None:
    buy: list[Any] = ["pack", "buy", "baidu", "10000000", "tokens", "--price", "63", "--currency", "CNY"]
    buy += ["--reference", "B-1", "--expires", "2099-05-01", "--model", "ernie-4.0-8k"]
    assert "Booked 10000000 tokens of baidu for 63 CNY" in shop.out(*buy)
    assert "booked before" in shop.out(*buy)
    shop.out("pack", "buy", "deepseek", "100", "CNY", "--kind", "topped_up", "--reference", "T")
    packs = {pack["reference"]: (pack["left"], pack["paid"]) for pack in shop.json("pack", "list")}
    assert packs == {"B-1": ("10000000", "63"), "T": ("100", "100")}
    assert "ernie-4.0-8k" in shop.out("pack", "list", "baidu")
    shop.out("pack", "pay", "baidu", "1.5", "CNY", "--reference", "P")
    costs = {each["vendor"]: (each["unused"], each["payable"]) for each in shop.json("pack", "costs")}
    assert costs == {"baidu": ("63", "-1.5"), "deepseek": ("100", "0")}
    assert "cash cost" in shop.out("pack", "costs")


def test_nothing_yet_says_what_to_do(fenli: Fenli) -> None:
    assert "fenli serve" in fenli.refused("customer", "list", code=1)
    fenli.out("key", "create")
    assert "fenli customer create" in fenli.out("customer", "list")
    assert "No accounts yet" in fenli.out("ledger", "accounts")
