"""The one-off conversion, on rows of the shapes that the history has."""

from __future__ import annotations

import csv
import io
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fenli.prices.calendars import CalendarFile
from fenli.prices.files import read_price_file

TOOL = Path(__file__).parents[2].joinpath("tools", "convert_price_history.py")
_spec = spec_from_file_location("convert_price_history", TOOL)
tool = module_from_spec(_spec)
_spec.loader.exec_module(tool)
CN = CalendarFile("cn", "Asia/Shanghai", "weekend", ()).compiled()
PEAK = "01:00-04:00,06:00-10:00@UTC@Mon-Fri"
HISTORY = f"""\
vendor,model,effective_from,effective_to,currency,unit,input,output,cached_input,condition,source,confidence
deepseek,a,2026-04-26,2026-08-16,USD,1M_tokens,0.435,0.87,0.003625,note: until 16:00 UTC 2026-08-16,page,high
deepseek,a,2026-08-16,,USD,1M_tokens,0.66,1.98,0.022,"window!={PEAK}",page,high
deepseek,a,2026-08-16,,USD,1M_tokens,1.3,3.9,0.04,"window={PEAK}; note: CN public holidays count as off-peak",page,high
deepseek,b,2025-08-19,,CNY,1M_tokens,0.8,2,,prompt_tokens<=128000 and thinking=false,"a ""quoted"" page",low
deepseek,b,2025-08-19,,CNY,1M_tokens,2.4,20,,prompt_tokens>128000 and prompt_tokens<=256000 and thinking=false,page,low
deepseek,c,2025-08-19,,CNY,image,,0,,note: listed as free,page,low
"""


def run(tmp_path: Path, *options: str) -> int:
    """The tool's exit status on HISTORY, or on what stands in its place."""
    history = tmp_path.joinpath("history.csv")
    if not history.exists():
        history.write_text(HISTORY, encoding="utf-8")
    return tool.main([str(history), str(tmp_path), *options])


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    assert run(tmp_path) == 0
    return tmp_path.joinpath("deepseek.toml")


def test_what_it_writes_is_a_price_file(toml):
    file, wrong = read_price_file(toml.name, toml.read_text(encoding="utf-8"), {"cn": CN})

    assert wrong == []
    assert file is not None
    before, outside, inside, low, top, free = file.offers
    assert before.effective_to == outside.effective_from == inside.effective_from == 1_786_896_000 * 10**9
    assert outside.conditions.window.calendar == inside.conditions.window.calendar == CN
    assert (outside.conditions.window.outside, inside.conditions.window.outside) == (True, False)
    assert (low.conditions.prompt_tokens.context_limit, top.conditions.prompt_tokens.context_limit) == (False, True)
    assert free.free


def test_the_check_proves_it(tmp_path, toml):
    assert run(tmp_path, "--check") == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"0.435"', '"0.436"'),
        ("2026-08-16T16:00:00Z", "2026-08-16T15:00:00Z"),
        ("2026-08-16T16:00:00Z", "2026-08-16T00:00:00Z"),
        ("2025-08-19T00:00:00+08:00", "2025-08-19T00:00:00Z"),
        ("gt = 128000", "ge = 128000"),
        (", context_limit = true", ""),
        (', calendar = "cn"', ""),
        (", outside = true", ""),
        ("when.thinking = false\n", ""),
        ('"0.022" }', '"0.022", cache_write = "1" }'),
        ("free = true\n", ""),
        ('"a \\"quoted\\" page"', '"a page"'),
        ('unit = "image"', 'unit = "video"'),
        ('images = "0"', 'videos = "0"'),
        ('source = "page"', 'known_from = 2026-01-01T00:00:00Z\nsource = "page"'),
    ],
)
def test_the_check_sees_a_changed_row(tmp_path, toml, capsys, old, new):
    text = toml.read_text(encoding="utf-8")
    assert old in text
    toml.write_text(text.replace(old, new, 1), encoding="utf-8")

    assert run(tmp_path, "--check") == 1
    assert "deepseek row" in capsys.readouterr().out


def test_the_check_sees_a_missing_row(tmp_path, toml, capsys):
    rows = list(csv.reader(io.StringIO(HISTORY)))
    with tmp_path.joinpath("history.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(rows[-1])

    assert run(tmp_path, "--check") == 1
    assert "7 rows in the CSV, 6 in the TOML" in capsys.readouterr().out


def test_rows_beyond_the_history_are_checked_too(tmp_path, capsys):
    tmp_path.joinpath("history.csv").write_text(HISTORY.replace("deepseek,", "tencent,"), encoding="utf-8")
    assert run(tmp_path) == 0
    written = tmp_path.joinpath("tencent.toml")
    text = written.read_text(encoding="utf-8")
    assert 'model = "hunyuan-lite"' in text
    assert run(tmp_path, "--check") == 0

    later = text + text[text.rindex("\n[[offers]]") :].replace("2024-05-01", "2024-04-01")
    written.write_text(later, encoding="utf-8")
    assert run(tmp_path, "--check") == 0

    written.write_text(text.replace('input = "8"', 'input = "9"'), encoding="utf-8")
    assert run(tmp_path, "--check") == 1
    assert "the rows after the CSV's are not those of EXTRA" in capsys.readouterr().out
