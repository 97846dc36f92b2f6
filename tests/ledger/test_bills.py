"""Bills as vendors export them: read to the last digit, or refused with line and column."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fenli.errors import BillRefused
from fenli.ledger.bill_cells import amount, currency, moment, priced, units
from fenli.ledger.bills import BillLine, Column, Layout, read_bill
from fenli.values.money import picos_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
COLUMNS = {
    "date": Column(("账单日期", "day")),
    "model": Column(("模型",)),
    "amount": Column(("应付金额",)),
    "meter": Column(("计费项",)),
    "units": Column(("用量",)),
    "unit": Column(("单位",)),
}
LAYOUT = Layout(
    columns=COLUMNS, zone=SHANGHAI, currency="CNY", meters={"输入": ("input",), "*输出": ("output", "reasoning")}
)
HEADER = "账单日期,模型,计费项,用量,单位,应付金额\n"
GOOD = HEADER + "2026-10-01,qwen-max,输入,1.5,千tokens,0.0036\n20261001,qwen-max,模型输出,300,tokens,-0.01\n"


def read(text: str, layout: Layout = LAYOUT) -> tuple[BillLine, ...]:
    return read_bill("october.csv", text, layout)


def refused(text: str, layout: Layout = LAYOUT) -> list[str]:
    with pytest.raises(BillRefused) as caught:
        read(text, layout)
    return str(caught.value).splitlines()


def test_a_bill_is_read_line_by_line() -> None:
    first, second = read("\ufeff" + GOOD)
    assert first == BillLine(
        line=2, day="2026-10-01", model="qwen-max", picos=picos_of("0.0036"), currency="CNY", decimals=4,
        meters=("input",), units=1500,
    )  # fmt: skip
    assert (second.day, second.picos, second.meters) == ("2026-10-01", picos_of("-0.01"), ("output", "reasoning"))


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_tabs_and_semicolons_are_seen_and_empty_lines_passed_over(delimiter: str) -> None:
    assert read(GOOD.replace(",", delimiter) + "\n\n") == read(GOOD)


def test_quoted_cells_and_tabs_that_keep_a_spreadsheet_from_guessing() -> None:
    assert read(GOOD.replace("2026-10-01,", '"\t2026-10-01\t",')) == read(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.0036", "1,234.5", "october.csv:2: has 7 cells and the header 6: look for a comma"),
        ("0.0036", '"1,234.5"', "october.csv:2: column \"应付金额\": '1,234.5' is no amount"),
        ("0.0036", "¥0.0036", "october.csv:2: column \"应付金额\": '¥0.0036' is no amount: write a plain decimal"),
        ("0.0036", "", "october.csv:2: column \"应付金额\": '' is no amount"),
        ("2026-10-01", "合计", "october.csv:2: column \"账单日期\": '合计' is no day: write one such as 2026-10-01"),
        ("2026-10-01", "2026-02-30", "october.csv:2: column \"账单日期\": '2026-02-30' is no day"),
        ("2026-10-01", "2026-10", "october.csv:3: 2026-10-01 stands among such as 2026-10: write days or months"),
        ("qwen-max,输入", ",输入", "october.csv:2: column \"模型\": '' is no name"),
        (",输入,", ",缓存,", "'缓存' is no meter that is known here: say which one it is, as --meter '缓存=input'"),
        ("千tokens", "箱", "october.csv:2: column \"用量\": '箱' is no unit: write one of token"),
        ("1.5,千tokens", "1.5,tokens", "1.5 tokens is no whole number of units"),
        ("1.5,千tokens", "-1,tokens", "'-1' is no number of units"),
        ("应付金额", "实付金额", 'october.csv:1: there is no column "应付金额" for amount: there are 账单日期, 模型'),
        ("账单日期", "date", 'no column "账单日期" or "day" for date'),
        ("单位", "模型", 'october.csv:1: there are two columns "模型": rename one of them'),
        ("qwen-max,输入", '"qwen-max,输入', "is no CSV"),
    ],
)
def test_an_unexpected_shape_is_refused_by_line_and_column(old: str, new: str, said: str) -> None:
    assert any(said in problem for problem in refused(GOOD.replace(old, new, 1)))


def test_every_problem_is_named_at_once_up_to_twenty() -> None:
    problems = refused(HEADER + "never,qwen-max,输入,1,tokens,much\n" * 15)
    assert len(problems) == 20
    assert problems[1].startswith('october.csv:2: column "应付金额"')
    assert refused(HEADER) == ["october.csv:1: has no line below it: export the bill again"]
    assert "there are none" in refused("")[0]


def test_midnights_of_another_zone_are_refused() -> None:
    layout = Layout(columns={**COLUMNS, "date": Column(("账单日期",))}, zone=ZoneInfo("UTC"), currency="CNY")
    text = GOOD.replace("2026-10-01", "2026-10-01T00:00:00+08:00").replace("20261001", "2026-10-02T00:00:00+08:00")
    text = text.replace("模型输出", "output").replace("输入", "input")
    assert refused(text, layout) == [
        'october.csv:2: column "账单日期": 2026-10-01T00:00:00+08:00 is 16:00 of 2026-09-30 in UTC: '
        "the bill's days begin elsewhere; name their zone with --zone"
    ]
    assert [line.day for line in read(text, LAYOUT)] == ["2026-10-01", "2026-10-02"]
    by_request = text.replace("2026-10-01T00:00:00", "2026-10-01T03:00:00")
    assert [line.day for line in read(by_request, layout)] == ["2026-09-30", "2026-10-01"]


def test_a_price_times_units_a_part_of_a_cell_and_days_without_anything() -> None:
    layout = Layout(
        columns={
            "date": Column(("start",)), "model": Column(("item",), ";", 3), "price": Column(("price",)),
            "units": Column(("amount",)), "currency": Column(("money",)), "request_id": Column(("id",)),
        },
        zone=SHANGHAI,
        skip_empty=("model", "units"),
    )  # fmt: skip
    text = (
        "start,item,price,amount,money,id\n2026-10-01,a;ws;qwen-max;in,0.0000024,1500,usd,req-1\n2026-10-02,,,,,\n"
        "2026-10-03,a;ws;qwen-max;calls,,2,人民币,\n"
    )  # fmt: skip
    first, second = read(text, layout)
    assert (first.model, first.picos, first.currency, first.request_id) == (
        "qwen-max", picos_of("0.0036"), "USD", "req-1",
    )  # fmt: skip
    assert (second.picos, second.units, second.currency, second.request_id, second.decimals) == (
        0,
        2,
        "CNY",
        None,
        None,
    )
    assert "is no name" in refused(text.replace("a;ws;qwen-max;in", "a;ws"), layout)[0]


def test_the_cells_by_themselves() -> None:
    assert amount("0.0038359800000000000000").picos == picos_of("0.00383598")
    assert amount("1.2e-05").picos == picos_of("0.000012")
    assert amount("0.0000000000005").picos == 1
    assert priced("0.000003", 7064).picos == picos_of("0.021192")
    assert units("1.234", "万tokens") == 12340
    assert [currency(text) for text in ("usd", "人民币", "CNY")] == ["USD", "CNY", "CNY"]
    assert moment("2026/10/01 23:59", SHANGHAI).day == "2026-10-01"
    assert moment("2026-10-01T20:00:00Z", SHANGHAI).day == "2026-10-02"
    assert moment("202610", SHANGHAI).day == "2026-10"
    for wrong in ("XYZ", ""):
        with pytest.raises(ValueError, match="write one of CNY"):
            currency(wrong)


@given(st.integers(-(10**24), 10**24))
def test_an_amount_keeps_every_pico(picos: int) -> None:
    assert amount(str(Decimal(picos).scaleb(-12))).picos == picos
