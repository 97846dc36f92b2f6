"""`fenli budget` as a person uses it, on books that a worker wrote and the office posted."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from fenli_command import Fenli


@pytest.fixture
def own(books: Fenli, tmp_path: Path) -> Fenli:
    """A copy, since budgets are made in it."""
    copy = Fenli(tmp_path)
    shutil.copytree(books.data, copy.data)
    return copy


SOUND = ("--scope", "organisation", "--limit", "5", "--currency", "CNY", "--period", "total")


def test_a_budget_is_made_with_what_was_spent_changed_and_removed(own: Fenli) -> None:
    [cost] = [each["cost"] for each in own.json("ledger", "list") if each["cost"]]
    made = own.json("budget", "create", "all", *SOUND)
    assert (made["spent"], made["held"], made["resets_at"]) == (_sum(cost, "0.005"), "0", None), (
        "unknown counts as held"
    )
    assert own.json("budget", "list") == [made]
    assert own.json("budget", "change", made["id"], "--limit", "0.001")["limit"] == "0.001"
    assert [each["percent"] for each in own.json("budget", "show", "all")["passed"]] == [100, 80]
    text = own.out("budget", "show", "all")
    assert "all passed 80 %" in text
    assert "-0." in text, "there is less than nothing left"
    assert "all" in own.out("budget", "remove", "all")
    assert own.json("budget", "list") == []
    assert "No budgets yet" in own.out("budget", "list")


def test_bars_are_drawn_where_somebody_looks(own: Fenli) -> None:
    own.run("budget", "create", "all", *SOUND)
    own.run("budget", "change", "all", "--limit", "0.05")
    with_bars = own.out("budget", "list", COLUMNS="120")
    assert "█" in with_bars
    assert "░" in with_bars
    own.environ.pop("COLUMNS")
    assert "█" not in own.out("budget", "list")
    assert "所有人" in own.out("budget", "list", LANG="zh_CN.UTF-8")


def test_what_is_not_there_or_there_already(own: Fenli) -> None:
    assert "there is none yet" in own.refused("budget", "show", "all", code=1)
    assert "above 0" in own.refused("budget", "create", "all", *SOUND[:3], "-5", *SOUND[4:], code=1)
    own.run("budget", "create", "all", *SOUND)
    assert "choose another name" in own.refused("budget", "create", "all", *SOUND, code=1)
    assert "there are all" in own.refused("budget", "change", "any", "--limit", "5", code=1)
    assert "soon is no span" in own.refused("budget", "create", "b", *SOUND[:-1], "rolling", "--span", "soon", code=2)


def test_a_missing_rate_is_told_and_counted_when_it_is_there(own: Fenli) -> None:
    options = [*SOUND[:5], "USD", *SOUND[6:]]
    made = own.json("budget", "create", "dollars", *options)
    assert (made["spent"], made["uncounted"]) == ("0", 2)
    assert "fenli budget recount" in own.out("budget", "list")
    assert "draw_without_rate" in own.out("doctor")
    own.run("rates", "add", "USD/CNY", "10", "--from", "2020-01-01", "--source", "the bank")
    counted = own.json("budget", "recount", "dollars")
    [cost] = [each["cost"] for each in own.json("ledger", "list") if each["cost"]]
    assert (counted["spent"], counted["uncounted"]) == (_sum(_tenth(cost), "0.0005"), 0)
    assert "draw_without_rate" not in own.out("doctor")


def _sum(*amounts: str) -> str:
    return f"{sum(map(Decimal, amounts)).normalize():f}"


def _tenth(amount: str) -> str:
    return f"{Decimal(amount) / 10:f}"
