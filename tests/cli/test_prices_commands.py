"""`fenli prices rate|history|diff|check`, as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from fenli_command import Fenli

from fenli.cli.main import main

RATE = ("prices", "rate", "--vendor", "alibaba", "--model", "qwen-plus")
OCTOBER = ("--at", "2024-10-01T00:00:00+08:00")
USAGE = ("--usage", "input=8000,cached=2000,output=1000")

ROW = """
[[offers]]
model = "one"
effective_from = {start}T00:00:00+08:00
{end}
currency = "CNY"
unit = "1M_tokens"
prices = {{ input = "{input}", output = "{output}" }}
source = "contract"
confidence = "high"
"""
ACME = 'vendor = "acme"\nnames = { en = "Acme", zh = "极致" }\ncurrency = "CNY"\ninstant_basis = "start"\n'


class Here(Fenli):
    """The same command in this very process: what it prints is no different, and it is there at once."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["fenli", *arguments])
            for name, value in (self.environ | environ).items():
                patch.setenv(name, value)
            try:
                ended = main()
            except SystemExit as end:
                ended = end.code
        out, err = self.capsys.readouterr()
        assert (ended or 0) == code, f"{arguments} ended with {ended}\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, code, out, err)


@pytest.fixture
def fenli(tmp_path, monkeypatch, capsys) -> Fenli:
    here = Here(tmp_path)
    here.monkeypatch, here.capsys = monkeypatch, capsys
    return here


def acme(price: str, start: str = "2026-01-01", end: str = "", output: str = "") -> str:
    until = f"effective_to = {end}T00:00:00+08:00" if end else ""
    return ROW.format(input=price, output=output or price, start=start, end=until)


def test_a_cost_with_its_row_and_its_working(fenli: Fenli) -> None:
    told = fenli.json(*RATE, *OCTOBER, *USAGE)

    assert (told["cost"], told["currency"], told["rounded"]) == ("0.01", "CNY", False)
    assert told["row"]["effective_from"] == "2024-09-18T16:00:00.000Z"
    assert told["row"]["source"].startswith("Sept 2024 cut (-80%)")
    amounts = {part["meter"]: part["amount"] for part in told["working"]}
    assert amounts == {"input": "0.0064", "cached_input": "0.0016", "output": "0.002"}
    assert told["working"][1]["priced_as"] == "input"
    text = fenli.out(*RATE, *OCTOBER, *USAGE)
    assert text.startswith("cost      0.01 CNY\n")
    assert told["row"]["id"] in text
    assert "0.8 CNY per 1M tokens, as input" in text
    assert max(map(len, text.splitlines()[:3])) <= 100


def test_facts_choose_the_row(fenli: Fenli) -> None:
    at = ("--at", "2026-01-01T12:00:00+08:00", "--usage", "input=5000,output=1000")
    o3 = ("prices", "rate", "--model", "openai/o3", "--at", "2026-11-01T00:00:00Z", "--usage", "in=1000,out=1000")
    caches = ("prices", "rate", "--vendor", "alibaba", "--model", "qwen3.8-max", "--usage", "hit=1000000")

    assert fenli.json(*RATE, *at)["cost"] == "0.006"
    assert fenli.json(*RATE, *at, "--thinking")["cost"] == "0.012"
    assert fenli.json(*o3, "--tier", "priority")["cost"] == "0.0175"
    assert fenli.json(*o3, "--batch")["cost"] == "0.005"
    assert fenli.json(*caches, "--when", "cache_scheme=explicit")["cost"] == "1"
    assert fenli.json(*caches, "--when", "cache_scheme=explicit")["facts"] == "cache_scheme=explicit"
    both = ("prices", "rate", "--vendor", "deepseek", "--model", "deepseek-chat", "--at", "2025-10-01T12:00:00+08:00")
    assert fenli.json(*both, *USAGE)["cost"] == "0.0194"
    assert fenli.json(*both, *USAGE, "--currency", "USD")["currency"] == "USD"


def test_a_price_as_it_was_known(fenli: Fenli) -> None:
    coming = (
        "prices",
        "rate",
        "--model",
        "google/gemini-4-argon",
        "--at",
        "2026-12-24T00:00:00Z",
        "--usage",
        "in=1000000",
    )

    assert fenli.json(*coming)["cost"] == "4"
    assert fenli.json(*coming, "--known-at", "2026-10-20T00:00:00Z")["cost"] == "4"
    said = fenli.refused(*coming, "--known-at", "2026-10-01T00:00:00Z", code=1)
    assert "google/gemini-4-argon had no known price in USD by then: ask with a later --known-at" in said


def test_a_price_by_the_minute_may_end_in_a_fraction_of_a_pico(fenli: Fenli) -> None:
    fenli.write(
        "acme.toml",
        ACME
        + """
[[offers]]
model = "ear"
effective_from = 2026-01-01T00:00:00+08:00
currency = "CNY"
unit = "minute"
prices = { audio_seconds = "0.01" }
minimum = { audio_seconds = 10 }
source = "contract"
confidence = "high"
""",
    )
    (fenli.folder / "prices").mkdir()
    (fenli.folder / "acme.toml").rename(fenli.folder / "prices/acme.toml")
    fenli.write("fenli.toml", '[prices]\ndirectories = ["prices"]\n')

    told = fenli.json("prices", "rate", "--model", "acme/ear", "--usage", "seconds=1")
    assert (told["cost"], told["rounded"]) == ("0.001666666667", True)
    (part,) = told["working"]
    assert (part["units"], part["charged"], part["amount"]) == (1, 10, "1/600")
    text = fenli.out("prices", "rate", "--model", "acme/ear", "--usage", "seconds=1")
    assert "1 (charged: 10)" in text
    assert "rounded to a pico (1e-12), once, half up" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((*RATE, *USAGE, "--at", "2024-10-01"), 2, "'2024-10-01' has no zone: add Z or an offset such as +08:00"),
        ((*RATE, *USAGE, "--at", "2024-10-01T00:00:00"), 2, "has no zone: add Z or an offset such as +08:00"),
        ((*RATE, *USAGE, "--at", "yesterday"), 2, "write one such as 2024-10-01T00:00:00+08:00"),
        ((*RATE, *OCTOBER, *USAGE, "--currency", "RMB"), 1, "has no prices in RMB: write --currency CNY, or leave it"),
        ((*RATE, *OCTOBER, "--usage", "inptu=1"), 1, "there is no meter 'inptu'. Did you mean input?"),
        ((*RATE, *OCTOBER, "--usage", "qqqq=1"), 1, "There are input, cached_input, cache_write"),
        ((*RATE, *OCTOBER, "--usage", "input=1.5"), 1, "write meters and whole numbers, such as input=8000"),
        ((*RATE, *OCTOBER, "--usage", "input=-1"), 1, "write meters and whole numbers"),
        ((*RATE, *OCTOBER, "--usage", "input"), 1, "write meters and whole numbers"),
        ((*RATE, *OCTOBER, "--usage", "cached=1,cached_input=2"), 1, "cached_input is given twice: add the two up"),
        ((*RATE, *OCTOBER, *USAGE, "--when", "colour=red"), 1, "write NAME=VALUE, where NAME is one of thinking,"),
        ((*RATE, *OCTOBER, *USAGE, "--when", "promo=yes"), 1, "--when promo=yes: write true or false"),
        ((*RATE, *OCTOBER, *USAGE, "--tier", "flex"), 1, "no row in force has these conditions"),
        ((*RATE, "--at", "2020-01-01T00:00:00Z", *USAGE), 1, "no row was in force; there are:"),
        ((*RATE[:-1], "qwen-plsu", *OCTOBER, *USAGE), 1, "Did you mean qwen-plus"),
        (("prices", "rate", "--vendor", "alibab", "--model", "x", *USAGE), 1, "did you mean alibaba?"),
        (("prices", "rate", "--model", "deepseek-v4-pro", *USAGE), 1, "is sold by alibaba, bytedance, deepseek,"),
    ],
)  # fmt: skip
def test_what_cannot_be_rated_says_what_to_write(fenli: Fenli, arguments, code, said) -> None:
    done = fenli.run(*arguments, code=code)

    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_the_history_of_a_model_is_a_table_and_a_chart(fenli: Fenli) -> None:
    text = fenli.out("prices", "history", "alibaba/qwen-turbo", COLUMNS="100")
    (cut,) = [row for row in text.splitlines() if row.startswith("2024-09-19")]

    assert cut.split()[:4] == ["2024-09-19", "2025-04-28", "always", "0.3"]
    assert cut.endswith("input -85%, output -90%")
    assert "─ input  ━ output   CNY per 1M tokens, logarithmic" in text
    assert "0.3 ┤" in text
    assert text.splitlines()[-1].split()[:2] == ["2023-09-23", "2025"]
    told = fenli.json("prices", "history", "qwen-turbo", "--vendor", "alibaba")[0]
    percents = {row["effective_from"]: [change["percent"] for change in row["changes"]] for row in told["rows"]}
    assert percents["2024-09-18T16:00:00.000Z"] == ["-85%", "-90%"]
    assert told["rows"][0]["changes"] == []


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_a_chart_is_as_wide_as_the_terminal_lets_it(fenli: Fenli, columns: str) -> None:
    text = fenli.out("prices", "history", "deepseek-chat", "--vendor", "deepseek", "--currency", "CNY", COLUMNS=columns)
    chart = text[text.index("─ input") :].splitlines()[1:]

    assert len(chart) == 12
    assert max(map(len, chart)) <= min(int(columns), 120)
    assert {"┓", "┗", "┏", "┛"} <= set("".join(chart))


def test_a_history_shows_a_row_that_was_withdrawn(fenli: Fenli) -> None:
    taken_back = acme("9", "2026-06-01").replace(
        "source", "known_from = 2026-03-01T00:00:00Z\nwithdrawn_at = 2026-05-01T00:00:00Z\nsource"
    )
    (fenli.folder / "prices").mkdir()
    fenli.write("prices/acme.toml", ACME + acme("2") + taken_back)
    fenli.write("fenli.toml", '[prices]\ndirectories = ["prices"]\n')

    assert "withdrawn on 2026-05-01: input 9, output 9 from 2026-06-01" in fenli.out("prices", "history", "one")
    (told,) = fenli.json("prices", "history", "one")
    assert [row["prices"]["input"] for row in told["rows"]] == ["2"]
    assert [row["withdrawn_at"] for row in told["withdrawn"]] == ["2026-05-01T00:00:00.000Z"]


def test_what_changed_between_two_days(fenli: Fenli) -> None:
    days = ("prices", "diff", "--from", "2024-09-18", "--to", "2024-09-20", "--vendor", "alibaba")
    changes = {(one["model"], one["meter"]): one["percent"] for one in fenli.json(*days) if one["percent"]}

    assert changes[("qwen-turbo", "input")] == "-85%"
    assert changes[("qwen-plus", "input")] == "-80%"
    assert changes[("qwen-max", "input")] == "-50%"
    for one in fenli.json(*days):
        if one["before"] and one["after"] and Fraction(one["before"]):
            exact = 100 * (Fraction(one["after"]) / Fraction(one["before"]) - 1)
            assert abs(Fraction(one["percent"].removesuffix("%")) - exact) <= Fraction(1, 20)
    text = fenli.out(*days)
    assert "6 prices changed" in text.splitlines()[0]
    assert [row.split()[-1] for row in text.splitlines() if row.startswith("alibaba/qwen-turbo ")] == ["-85%", "-90%"]
    assert fenli.json("prices", "diff", "--from", "2024-09-18", "--to", "2024-09-18") == []


def test_what_changed_between_two_files(fenli: Fenli) -> None:
    fenli.write("old.toml", ACME + acme("2"))
    fenli.write("new.toml", ACME + acme("3", output="5"))
    told = fenli.json("prices", "diff", "old.toml", "new.toml")

    assert [(one["meter"], one["before"], one["after"], one["percent"]) for one in told] == [
        ("input", "2", "3", "+50%"),
        ("output", "2", "5", "+150%"),
    ]
    assert "say what to compare: --from" in fenli.refused("prices", "diff", code=2)
    assert "say what to compare" in fenli.refused("prices", "diff", "old.toml", code=2)
    assert "there is no gone.toml" in fenli.refused("prices", "diff", "old.toml", "gone.toml", code=2)


def test_sound_files(fenli: Fenli) -> None:
    fenli.write("acme.toml", ACME + acme("2"))

    assert fenli.out("prices", "check").startswith("fenli's own files: sound.")
    assert fenli.out("prices", "check", "acme.toml").startswith("acme.toml: sound. With them there are ")
    assert fenli.json("prices", "check", "acme.toml") == []


def test_files_with_mistakes_are_refused_whole_with_every_line(fenli: Fenli) -> None:
    bad = ACME + acme("2", end="2026-06-01") + acme("0", "2026-03-01") + acme("4").replace("1M_tokens", "1M_token")
    fenli.write("acme.toml", bad.replace("effective_from = 2026-03-01T00:00:00+08:00", "effective_from = 2026-03-01"))
    done = fenli.run("prices", "check", "acme.toml", code=1)

    lines = done.stderr.splitlines()
    assert done.stdout == ""
    assert [row.split(" ")[0] for row in lines[:-1]] == [
        "acme.toml:18:",
        "acme.toml:22:",
        "acme.toml:22:",
        "acme.toml:31:",
    ]
    assert "row 2 (one): effective_from is 2026-03-01: write a date-time with its offset" in lines[0]
    assert "row 2 (one): prices.input is zero: write free = true if that is meant" in lines[1]
    assert "row 3 (one): unit is '1M_token' (did you mean 1M_tokens?)" in lines[3]
    assert lines[-1].startswith("4 problems.")
    told = fenli.json("prices", "check", "acme.toml", code=1)
    assert (told[0]["line"], told[0]["row"], told[0]["field"]) == (18, 2, "effective_from")
    assert "there is no gone: name a price file or a folder" in fenli.refused("prices", "check", "gone", code=2)


def test_rows_that_meet_are_refused_and_so_is_every_command(fenli: Fenli) -> None:
    (fenli.folder / "prices").mkdir()
    fenli.write("prices/acme.toml", ACME + acme("2") + acme("3", "2026-06-01"))
    fenli.write("fenli.toml", '[prices]\ndirectories = ["prices"]\n')

    said = fenli.refused("prices", "check", code=1)
    assert "acme.toml:16: row 2 (one): overlaps row 1 of " in said
    assert "end one where the other starts, or tell their conditions apart" in said
    assert "overlaps row 1" in fenli.refused("prices", "show", "one", code=1)


def test_in_chinese(tmp_path) -> None:
    fenli = Fenli(tmp_path)
    text = fenli.out(*RATE, *OCTOBER, *USAGE, LANG="zh_CN.UTF-8")

    assert "以请求开始为准(假定:厂商未说明)" in text
    assert "计量项" in text
    assert "变化" in fenli.out("prices", "history", "alibaba/qwen-turbo", LANG="zh_CN.UTF-8")
