"""Keys, ledger and usage, on books that a worker wrote and the office posted."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

from fenli_command import MODEL, OPENED, Fenli

from fenli.prices.book import PriceBook


def test_a_key_is_made_listed_and_revoked(fenli: Fenli) -> None:
    made = fenli.json("key", "create", "--name", "app", "--model", "local", "--model", "chat", "--show-cost")
    assert made["key"].startswith("fl-")
    [listed] = fenli.json("key", "list")
    assert (listed["id"], listed["name"], listed["models"], listed["show_cost"]) == (
        made["id"],
        "app",
        ["local", "chat"],
        True,
    )
    assert made["key"] not in fenli.out("key", "list")
    assert "app" in fenli.out("key", "revoke", "app")
    assert fenli.json("key", "list")[0]["revoked_at"] is not None
    assert (fenli.data.stat().st_mode & 0o777) == 0o700


def test_a_key_without_a_name_gets_one_and_its_secret_is_shown_once(fenli: Fenli) -> None:
    text = fenli.out("key", "create")
    assert text.count("fl-") == 1
    assert "key-1" in text
    assert "key-2" in fenli.out("key", "create")


def test_a_name_in_use_or_a_key_that_is_not_there_is_1(fenli: Fenli) -> None:
    assert "`fenli serve`" in fenli.refused("key", "list", code=1)
    fenli.out("key", "create", "--name", "app")
    assert "already" in fenli.refused("key", "create", "--name", "app", code=1)
    assert "does not exist" in fenli.refused("key", "revoke", "nobody", code=1)


def test_the_ledger_shows_exact_amounts_and_says_unknown(books: Fenli) -> None:
    released, unknown, measured = books.json("ledger", "list")
    assert Decimal(measured["cost"]) == _cost()
    assert (measured["grade"], measured["usage"], measured["currency"]) == (
        "measured",
        {"input": 1234, "output": 567},
        "CNY",
    )
    assert (unknown["grade"], unknown["cost"], unknown["held"]) == ("unknown", None, "0.005")
    assert (released["grade"], released["cost"], released["outcome"]) == ("none", None, "bad_key")
    assert max(map(len, books.out("ledger", "list").splitlines())) <= 80
    rows = [line.split() for line in books.out("ledger", "list", COLUMNS="100").splitlines()]
    assert rows[1][-4:] == ["-", "CNY", "none:", "bad_key"]
    assert rows[2][-4:] == ["unknown", "CNY", "unknown:", "truncated"]
    assert rows[3][2:] == [f"alibaba/{MODEL}", "1234", "567", measured["cost"], "CNY", "measured"]


def test_the_ledger_is_filtered(books: Fenli) -> None:
    assert len(books.json("ledger", "list", "--limit", "1")) == 1
    assert [entry["grade"] for entry in books.json("ledger", "list", "--grade", "unknown")] == ["unknown"]
    assert books.json("ledger", "list", "--vendor", "openai") == []
    assert books.json("ledger", "list", "--until", "2026-11-20") == []
    assert len(books.json("ledger", "list", "--since", "2026-11-20", "--model", MODEL, "--key", "key_1")) == 3


def test_usage_adds_up_and_keeps_the_unknown_apart(books: Fenli) -> None:
    [row] = books.json("usage", "--by", "model")
    assert (row["model"], row["currency"], row["calls"], row["unknown"]) == (f"alibaba/{MODEL}", "CNY", 3, 1)
    assert Decimal(row["cost"]) == _cost()
    assert row["unknown_held"] == "0.005"
    text = books.out("usage")
    assert f"{row['cost']} " in text
    assert "1 unknown" in text
    assert [line["day"] for line in books.json("usage", "--by", "day")] == ["2026-11-20"]
    assert "zone" in books.refused("usage", "--by", "day", "--zone", "Mars/Base", code=2)


def test_verify_is_0_on_sound_books_and_1_on_changed_ones(books: Fenli, fenli: Fenli) -> None:
    assert "Sound: 3 entries" in books.out("ledger", "verify")
    assert books.json("ledger", "verify")["sound"] is True
    fenli.data.mkdir()
    with sqlite3.connect(books.data / "fenli.db") as source, sqlite3.connect(fenli.data / "fenli.db") as copy:
        source.backup(copy)
        copy.execute("UPDATE entries SET picos = 1 WHERE grade = 'measured'")
    copy.close()
    found = fenli.json("ledger", "verify", code=1)
    assert not found["sound"]
    assert {finding["kind"] for finding in found["findings"]} >= {"entry_changed", "cost_wrong"}
    assert "next:" in fenli.run("ledger", "verify", code=1).stdout


def _cost() -> Decimal:
    prices = PriceBook.load().find("alibaba", MODEL, at=OPENED, usage={"input": 1234, "output": 567}).prices
    return Decimal(1234 * prices["input"] + 567 * prices["output"]) / 10**12


def test_unposted_journals_are_mentioned(books: Fenli, fenli: Fenli, tmp_path: Path) -> None:
    fenli.out("key", "create")
    (fenli.data / "journal").symlink_to(books.data / "journal")
    assert "has not posted" in fenli.run("ledger", "list").stderr
