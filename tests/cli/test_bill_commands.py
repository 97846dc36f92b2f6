"""`fenli bill` and `fenli reconcile`: in by preset or by mapping, compared, posted once, and nothing half-applied."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from fenli_command import MODEL, Fenli, FenliHere

from fenli.office.bill_presets import fitting, presets

MAP = ("--map", "date=账期,model=模型,amount=金额", "--zone", "Asia/Shanghai", "--currency", "CNY")
HEADER = "账期,模型,金额\n"

# As vendors' exports are described by those who read them; keys and people left out.
EXPORTS = {
    "deepseek-usage": (
        "deepseek",
        "user_id,start_time_iso,end_time_iso,model,api_key_name,api_key,type,price,amount\n"
        "u,2026-08-02T00:00:00+00:00,2026-08-03T00:00:00+00:00,deepseek-v4-pro,k,sk,input_cache_miss_tokens,0.000003,7064\n"
        "u,2026-08-02T00:00:00+00:00,2026-08-03T00:00:00+00:00,deepseek-v4-pro,k,sk,request_count,,2\n"
        "u,2026-08-02T00:00:00+00:00,2026-08-03T00:00:00+00:00,deepseek-v4-pro,k,sk,output_tokens,0.000006,1890\n",
        {"CNY": "0.032532"},
    ),
    "deepseek-cost": (
        "deepseek",
        "user_id,utc_date,model,wallet_type,cost,currency\nu,20260701,deepseek-v4-pro,Paid,0.003,CNY\n",
        {"CNY": "0.003"},
    ),
    "alibaba": (
        "alibaba",
        "账单信息/账单日期,资源信息/实例ID（出账粒度）,用量信息/抵扣前用量,用量信息/用量单位,应付信息/应付金额（含税）\n"
        "20260921,;llm-x;qwen-max;context_0-256k_input_token;0,1.5,千tokens,0.0036\n"
        "20260921,;llm-x;qwen-max;context_0-256k_output_token;0,0.5,千tokens,0.0048\n",
        {"CNY": "0.0084"},
    ),
    "openai-cost": (
        "openai",
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,line_item\n"
        "1,2,2026-09-27T00:00:00+00:00,2026-09-28T00:00:00+00:00,,,,\n"
        '1,2,2026-09-28T00:00:00,2026-09-29T00:00:00,0.5000000000000000000000,usd,1000,"gpt-5-nano, input_tokens"\n',
        {"USD": "0.5"},
    ),
}  # fmt: skip


@pytest.fixture
def here(books: Fenli, tmp_path: Path) -> FenliHere:
    """Commands in this process, on a copy of the books with one measured call and one of unknown cost."""
    fenli = FenliHere(tmp_path)
    shutil.copytree(books.data, fenli.data)
    return fenli


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_by_the_preset_that_fits(tmp_path: Path, name: str) -> None:
    vendor, text, totals = EXPORTS[name]
    fenli = FenliHere(tmp_path)
    fenli.write("bill.csv", text)
    bill = fenli.json("bill", "import", vendor, "bill.csv")
    assert (bill["layout"], bill["totals"]) == (name, totals)
    assert bill["zone"] == presets()[name].zone


def test_every_preset_says_where_it_is_from_and_is_tried() -> None:
    assert set(presets()) == set(EXPORTS)
    for name, preset in presets().items():
        assert preset.source
        assert fitting(preset.vendor, EXPORTS[name][1].splitlines()[0].split(",")) == name


def test_a_month_is_imported_compared_and_posted_once(here: FenliHere) -> None:
    cost = here.json("usage")[0]["cost"]
    asked = Decimal(cost) + Decimal("0.0031")
    here.write("november.csv", HEADER + f"2026-11-20,{MODEL},{asked}\n2026-11-20,other-model,0.5\n")
    assert "Bill 1: 2 lines for 2026-11-20 to 2026-11-20" in here.out("bill", "import", "alibaba", "november.csv", *MAP)
    found = here.json("reconcile", "alibaba", "--month", "2026-11")
    assert [(place["model"], place["causes"], place["difference"]) for place in found["places"]] == [
        ("other-model", ["not_here"], "0.5"),
        (MODEL, ["unknown_calls"], "0.0031"),
    ]
    assert found["posted"] is None
    assert here.json("usage")[0]["unknown"] == 1
    text = here.out("reconcile", "alibaba")
    assert "not in the books" in text
    assert "0 of 2 agree." in text
    assert max(map(len, text.splitlines())) <= 160
    posted = here.json("reconcile", "alibaba", "--post")["posted"]
    assert (posted["entries"], posted["transfers"], len(posted["left"])) == (1, 0, 1)
    [unknown] = here.json("ledger", "list", "--grade", "reconciled")
    assert unknown["cost"] == "0.0031"
    assert Decimal(here.json("usage", "--by", "vendor")[0]["cost"]) == asked
    assert here.json("reconcile", "alibaba", "--post")["posted"]["entries"] == 0
    assert "1 of 2 agree." in here.out("reconcile", "alibaba", "--all")
    assert "Sound" in here.out("ledger", "verify")
    assert "so it stays" in here.refused("bill", "drop", "1", code=1)


def test_bills_are_listed_and_dropped(here: FenliHere) -> None:
    assert "fenli bill import" in here.out("bill", "list")
    here.write("november.csv", HEADER + f"2026-11-20,{MODEL},1\n")
    here.out("bill", "import", "alibaba", "november.csv", *MAP)
    assert "is bill 1 already" in here.refused("bill", "import", "alibaba", "november.csv", *MAP, code=1)
    [listed] = here.json("bill", "list")
    assert (listed["vendor"], listed["layout"], listed["lines"]) == ("alibaba", MAP[1], 1)
    assert "Dropped bill 1" in here.out("bill", "drop", "1")
    assert "(dropped)" in here.out("bill", "list")
    assert "there is no bill of alibaba" in here.refused("reconcile", "alibaba", code=1)


@pytest.mark.parametrize(
    ("text", "options", "said", "code"),
    [
        (HEADER + "2026-11-20,m,1\n", MAP[:2], "Name their zone, such as --zone Asia/Shanghai", 2),
        (HEADER + "2026-11-20,m,1\n", MAP[:4], "Name the column, --map currency=COLUMN, or --currency CNY", 2),
        (HEADER + "2026-11-20,m,1\n", (*MAP[:4], "--currency", "RMB"), "write one of CNY", 1),
        (HEADER + "2026-11-20,m,1\n", (), "no preset for alibaba knows the columns", 1),
        (HEADER + "2026-11-20,m,1\n", ("--preset", "nobody"), "there is no preset 'nobody': there are alibaba", 2),
        (HEADER + "2026-11-20,m,1\n", ("--map", "date=账期", *MAP[2:]), "say which column holds model, amount", 2),
        (HEADER + "2026-11-20,m,1\n", ("--map", "date", *MAP[2:]), "write what a column holds as FIELD=COLUMN", 2),
        (HEADER + "2026-11-20,m,1\n", (*MAP, "--meter", "输出=words"), "'words' is no meter: there are input", 2),
        (HEADER + "2026-11-20,m,¥1\n", MAP, "bill.csv:2: column \"金额\": '¥1' is no amount", 1),
        (HEADER + "2026-11-20,m,1\n合计,,1\n", MAP, "bill.csv:3: column \"账期\": '合计' is no day", 1),
        (HEADER + "2026-11-20T00:00:00Z,m,1\n", MAP, "is 08:00 of 2026-11-20 in Asia/Shanghai", 1),
        ("日期,模型,金额\n2026-11-20,m,1\n", MAP, 'bill.csv:1: there is no column "账期" for date', 1),
        (HEADER + "2026-11-20,m\n", MAP, "bill.csv:2: has 2 cells and the header 3", 1),
        (HEADER, MAP, "bill.csv:1: has no line below it", 1),
        ("", MAP, "bill.csv:1: there is no column", 1),
    ],
)
def test_a_bill_in_an_unexpected_shape_is_refused_whole(
    here: FenliHere, text: str, options: tuple[str, ...], said: str, code: int
) -> None:
    here.write("bill.csv", text)
    assert said in here.refused("bill", "import", "alibaba", "bill.csv", *options, code=code)
    assert here.json("bill", "list") == []


def test_other_encodings_and_files_that_are_not_there(here: FenliHere) -> None:
    path = here.folder / "bill.csv"
    path.write_bytes((HEADER + f"2026-11-20,{MODEL},1\n").encode("gbk"))
    said = here.refused("bill", "import", "alibaba", "bill.csv", *MAP, code=1)
    assert "bill.csv:1: is not utf-8: save it as UTF-8, or say --encoding gbk" in said
    assert here.json("bill", "import", "alibaba", "bill.csv", *MAP, "--encoding", "gbk")["lines"] == 1
    assert "name another file" in here.refused("bill", "import", "alibaba", "nowhere.csv", *MAP, code=2)
    assert "is no encoding" in here.refused("bill", "import", "alibaba", "bill.csv", *MAP, "--encoding", "x", code=2)


def test_a_preset_of_one_s_own_and_options_that_change_one(here: FenliHere) -> None:
    here.write(
        "own.toml",
        'title = "ours"\nvendor = "alibaba"\nsource = "us"\nconfidence = "high"\nzone = "UTC"\ncurrency = "CNY"\n'
        '[columns]\ndate = ["日"]\nmodel = ["模型"]\namount = ["金额"]\nmeter = ["项"]\nunits = ["量"]\n'
        '[meters]\n"入" = ["input"]\n',
    )
    here.write("bill.csv", f"日,模型,项,量,金额\n2026-11-20,{MODEL},入,1234,0.1\n2026-11-20,{MODEL},出,567,0.2\n")
    asked = ("bill", "import", "alibaba", "bill.csv", "--preset", "own.toml")
    assert "'出' is no meter that is known here: say which one it is, as --meter '出=input'" in here.refused(
        *asked, code=1
    )
    bill = here.json(*asked, "--meter", "出=output+reasoning", "--zone", "Asia/Shanghai")
    assert (bill["zone"], bill["totals"]) == ("Asia/Shanghai", {"CNY": "0.3"})
    [place] = here.json("reconcile", "alibaba")["places"]
    assert place["units"] == []
    here.write("bad.toml", 'title = "ours"\n')
    assert "preset bad.toml" in here.refused(*asked[:4], "--preset", "bad.toml", code=2)


def test_a_real_process_speaks_chinese(here: FenliHere) -> None:
    here.write("november.csv", HEADER + f"2026-11-20,{MODEL},1\n")
    assert "账单 1" in here.out("bill", "import", "alibaba", "november.csv", *MAP, LANG="zh_CN.UTF-8")
    text = here.out("reconcile", "alibaba", LANG="zh_CN.UTF-8")
    assert "未知调用" in text
    assert "1 处中 0 处一致" in text
