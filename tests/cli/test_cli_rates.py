"""`fenli rates`: stated, corrected, listed; refused with what to write instead."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from fenli_command import Fenli, FenliHere

ADD = ("rates", "add", "USD/CNY", "7.1234", "--from", "2026-11-01", "--zone", "Asia/Shanghai", "--source", "PBoC")


@pytest.fixture
def fenli(tmp_path: Path) -> FenliHere:
    return FenliHere(tmp_path)


def test_a_rate_is_added_corrected_and_listed_with_those_of_files(fenli: FenliHere) -> None:
    assert "fenli rates add" in fenli.out("rates", "list")
    fenli.write(
        "fx.toml",
        '[[rates]]\npair = "USD/CNY"\nrate = "7.09"\neffective_from = 2026-10-01T00:00:00+08:00\nsource = "bank"\n',
    )
    fenli.write("fenli.toml", '[rates]\nfiles = ["fx.toml"]\n')
    added = fenli.json(*ADD)
    assert added == {
        "pair": "USD/CNY", "rate": "7.1234", "effective_from": "2026-10-31T16:00:00.000Z", "source": "PBoC",
    }  # fmt: skip
    assert "--correct" in fenli.refused(*ADD, code=1)
    fenli.out(*ADD[:3], "7.1243", *ADD[4:], "--correct")
    listed = fenli.json("rates", "list")
    assert [(one["rate"], one["corrected"]) for one in listed] == [("7.09", False), ("7.1234", True), ("7.1243", False)]
    assert listed[0]["recorded_at"] is None
    text = fenli.out("rates", "list", LANG="zh_CN.UTF-8")
    assert "已更正" in text
    assert "来自文件" in text


def test_what_is_no_rate_is_refused_and_nothing_is_kept(fenli: FenliHere) -> None:
    for place, wrong, said in (
        (2, "USD/RMB", "write one of CNY"),
        (3, "7,1234", "write a plain decimal"),
        (5, "2026-11-01T00:00:00", "add Z or an offset"),
    ):
        arguments = [*ADD]
        arguments[place] = wrong
        assert said in fenli.refused(*arguments, code=2 if place == 5 else 1)
    assert "zone" in fenli.refused(*ADD[:7], "Asia/Beijing", *ADD[8:], code=2)
    assert fenli.json("rates", "list") == []


def test_a_file_with_a_mistake_is_refused_by_its_line(fenli: FenliHere) -> None:
    fenli.write("fx.toml", '[[rates]]\npair = "USD/CNY"\nrate = 7.09\neffective_from = 2026-10-01\nsource = "bank"\n')
    fenli.write("fenli.toml", '[rates]\nfiles = ["fx.toml"]\n')
    said = fenli.refused("config", "check", code=2)
    assert "fx.toml:3: rates[0].rate" in said
    assert "fx.toml:4: rates[0].effective_from: is 2026-10-01: write a date-time" in said


def test_usage_is_converted_only_when_asked_and_shows_the_rate(books: Fenli, tmp_path: Path) -> None:
    here = FenliHere(books.folder)
    tmp_path.joinpath("fx.toml").write_text(
        '[[rates]]\npair = "USD/CNY"\nrate = "8"\neffective_from = 2026-10-01T00:00:00+08:00\nsource = "bank"\n'
    )
    config = tmp_path / "fenli.toml"
    config.write_text('[rates]\nfiles = ["fx.toml"]\n')
    [row] = here.json("usage")
    found = here.json("usage", "--currency", "USD", "--config", str(config))
    assert (found["currency"], [rate["rate"] for rate in found["rates"]]) == ("USD", ["8"])
    [converted] = found["rows"]
    assert converted["currency"] == "USD"
    assert abs(Decimal(converted["cost"]) * 8 - Decimal(row["cost"])) <= Decimal("4e-12")
    assert Decimal(converted["unknown_held"]) * 8 == Decimal(row["unknown_held"])
    text = here.out("usage", "--currency", "USD", "--config", str(config))
    assert "USD/CNY is 8 from 2026-09-30T16:00:00.000Z on (bank)." in text
    said = here.refused("usage", "--currency", "USD", code=1)
    assert "fenli rates add CNY/USD RATE --from 2026-11-20" in said
