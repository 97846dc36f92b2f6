"""`fenli archive` and `fenli replay`, as a user meets them."""

from __future__ import annotations

import csv
import io
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from fenli_command import MODEL, Fenli

CHEAPER = f"""
vendor = "alibaba"

[[offers]]
model = "{MODEL}"
effective_from = 2026-01-01T00:00:00+08:00
currency = "CNY"
unit = "1M_tokens"
prices = {{ input = "1", output = "2" }}
source = "a rumour"
confidence = "low"
"""
# 1,234 tokens in and 567 out
CHEAP = Decimal("0.002368")


@pytest.fixture
def mine(books: Fenli, tmp_path: Path) -> Fenli:
    """Books of one's own: a call measured, one unknown, one released."""
    own = Fenli(tmp_path)
    shutil.copytree(books.data, own.data)
    return own


def test_the_prices_of_then_come_to_what_was_paid(books: Fenli) -> None:
    found = books.json("replay")
    [total] = found["totals"]
    [used] = [row for row in books.json("usage") if row["currency"] == "CNY"]
    assert total["paid"] == total["cost"] == used["cost"]
    assert (total["attempts"], total["rated"], total["paid_known"], total["difference"]) == (2, 1, 1, "0")
    [doubt] = found["doubts"]
    assert (doubt["reason"], doubt["attempts"], doubt["cost"]) == ("no_usage", 1, None)


def test_another_price_file_tells_the_difference_to_the_pico(books: Fenli) -> None:
    cheaper = books.write("cheaper.toml", CHEAPER)
    [total] = books.json("replay", "--prices", str(cheaper))["totals"]
    assert Decimal(total["cost"]) == CHEAP
    assert Decimal(total["difference"]) == CHEAP - Decimal(total["paid"])
    text = books.out("replay", "--prices", str(cheaper))
    assert f"by {cheaper}" in text
    assert str(CHEAP) in text


def test_archived_or_not_the_answer_is_the_same(mine: Fenli) -> None:
    before = mine.json("replay")
    assert mine.json("archive", "list")["waiting"] == 3
    assert mine.json("archive", "write")["archived"] == 3
    assert mine.json("archive", "check")["sound"] is True
    assert mine.json("replay") == before
    elsewhere = shutil.move(mine.data / "archive", mine.folder / "copy")
    assert mine.json("replay", "--archive", str(elsewhere)) == before


def test_a_damaged_archive_is_found_and_named(mine: Fenli) -> None:
    mine.out("archive", "write")
    [part] = (mine.data / "archive").glob("day=*/*.parquet")
    part.write_bytes(part.read_bytes()[:-20])
    assert "`fenli archive check`" in mine.refused("replay", code=1)
    assert "part_damaged" in mine.run("archive", "check", code=1).stdout


def test_csv_has_a_line_for_each_day_and_model_and_doubts_a_file_of_their_own(books: Fenli) -> None:
    [line] = csv.DictReader(io.StringIO(books.out("replay", "--csv", "--doubtful", "doubts.csv")))
    assert (line["day"], line["vendor"], line["model"], line["difference"]) == ("2026-11-20", "alibaba", MODEL, "0")
    [doubt] = csv.DictReader((books.folder / "doubts.csv").open())
    assert (doubt["reason"], doubt["cost"], doubt["otherwise"]) == ("no_usage", "", "")
    assert doubt["call"].startswith("call_")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--swap", "qwen-maxx=deepseek/deepseek-chat"], 1, "did you mean qwen-max"),
        (["--swap", f"{MODEL}=deepseek-chat", "--as-of", "2024-01-01T00:00:00+08:00"], 1, "its first is of"),
        (["--prices", "nowhere.toml"], 1, "nowhere.toml: cannot be read"),
        (["--as-of", "2024-09-19T00:00:00"], 2, "has no zone"),
        (["--doubtful", "no/where.csv"], 2, "no/where.csv cannot be written"),
        (["--json", "--csv"], 2, "choose one"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_next_step_and_prints_nothing(
    books: Fenli, arguments: list[str], code: int, words: str
) -> None:
    done = books.run("replay", *arguments, code=code)
    assert words in done.stderr
    assert done.stdout == ""


def test_nothing_called_is_said(books: Fenli) -> None:
    assert "Nothing was called" in books.out("replay", "--until", "2020-01-01")
    assert "没有任何调用" in books.out("replay", "--until", "2020-01-01", LANG="zh_CN.UTF-8")


def test_chinese(books: Fenli) -> None:
    text = books.out("replay", "--swap", f"{MODEL}=deepseek/deepseek-v4-pro", LANG="zh_CN.UTF-8")
    assert f"{MODEL} 换成 deepseek/deepseek-v4-pro" in text
    assert "用量未知" in text
