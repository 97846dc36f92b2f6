"""`fenli statement` as those who send it meet it: text, CSV, JSON and a page."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from fenli_command import MODEL, OPENED, FenliHere, write_journal
from sqlalchemy import insert

from fenli.clock import SECOND, SystemClock
from fenli.ledger.records import Grade, Held, Settled
from fenli.office.customers import create_customer, create_project
from fenli.office.plans import assign_plan, create_plan
from fenli.office.posting import Posting
from fenli.office.tables import MIGRATIONS, SCHEMA, keys
from fenli.office.wallets import top_up
from fenli.prices.plans import Markup
from fenli.store import Database
from fenli.store.upgrade import upgrade
from fenli.values import Money

ACME = ("statement", "--customer", "acme", "--month", "2026-11", "--zone", "Asia/Shanghai")
NAME = "<script>alert(1)</script> & 上海"
DAY = 86_400 * SECOND


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> FenliHere:
    """A customer with 10 CNY, a call of 0.001234567895 CNY at cost plus 20 %, and one of unknown cost."""
    fenli = FenliHere(tmp_path_factory.mktemp("sold"))
    fenli.data.mkdir(mode=0o700)
    upgrade(fenli.data / "fenli.db", MIGRATIONS, SCHEMA)
    before = OPENED - DAY
    with Database(fenli.data / "fenli.db", SCHEMA) as database:
        create_customer(database, "acme", NAME, now=before)
        create_project(database, "shop", customer="acme", now=before)
        with database.write() as connection:
            key = {"id": "key_1", "name": "web", "digest": b"1", "show_cost": 0, "created_at": 0, "project": "shop"}
            connection.execute(insert(keys), key)
        create_plan(database, "standard", Markup("1.2"), now=before)
        assign_plan(database, "standard", customer="acme", now=before)
        top_up(database, "acme", Money.parse("CNY", "10"), reference="=HYPERLINK(1)", now=before)
        held = [Held(n, OPENED, "key_1", "chat", False, 9, "alibaba", MODEL, "CNY", 10**9) for n in (1, 2)]
        cost = ("CNY", 1_234_567_895, "offer", OPENED)
        write_journal(
            fenli.data,
            [
                held[0],
                Settled(1, 1, OPENED + 1, True, "ok", Grade.MEASURED, 200, {"input": 12, "output": 3}, b"{}", *cost),
                held[1],
                Settled(2, 1, OPENED + 1, True, "truncated", Grade.UNKNOWN, 200),
            ],
        )
        posting = Posting(database, fenli.data / "journal", SystemClock())
        while posting.step():
            pass
        posting.close()
    return fenli


def test_a_statement_adds_up_on_the_screen(sold: FenliHere) -> None:
    text = sold.out(*ACME)
    assert f"Statement of account for {NAME} (acme)" in text
    assert "2026-11-01 to 2026-11-30, days in Asia/Shanghai" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["opening", "balance", "0"] in rows
    assert ["2026-11-20", "chat", "1", "12", "3", "-0.001481481474"] in rows
    assert ["closing", "balance", "9.998518518526"] in rows
    assert "In none of these amounts" in text
    assert "  2026-11-20  chat  × 1" in text.splitlines()
    assert max(map(len, text.splitlines())) <= 80


def test_rounding_is_named_and_its_difference_shown(sold: FenliHere) -> None:
    for policy, charge, difference, closing in (
        ("none", "-0.001481481474", "0", "9.998518518526"),
        ("line-8", "-0.00148148", "-0.00000000", "9.99851852"),
        ("total-2", "-0.001481481474", "0.001481481474", "10"),
        ("line-8-total-2", "-0.00148148", "0.00148148", "10"),
    ):
        found = sold.json(*ACME, "--rounding", policy)["statements"][0]
        assert found["lines"][1]["amount"] == charge
        assert Decimal(found["rounding"]["difference"]) == Decimal(difference)
        assert found["closing"] == closing
        amounts = [Decimal(line["amount"]) for line in found["lines"]]
        exact = Decimal(found["opening"]) + sum(amounts) + Decimal(found["rounding"]["difference"])
        assert exact == Decimal(found["closing"])
    assert "10.00" in sold.out(*ACME, "--rounding", "total-2")
    assert "rounding" in sold.out(*ACME, "--rounding", "total-2")


def test_csv_is_for_machines_and_harmless_in_a_spreadsheet(sold: FenliHere) -> None:
    rows = list(csv.DictReader(io.StringIO(sold.out(*ACME, "--csv", LANG="zh_CN.UTF-8"))))
    assert [row["row"] for row in rows] == ["opening", "top_up", "charge", "closing", "unknown"]
    assert rows[1]["what"] == "'=HYPERLINK(1)"
    assert (rows[2]["amount"], rows[2]["calls"], rows[2]["tokens_in"]) == ("-0.001481481474", "1", "12")
    assert (rows[4]["amount"], rows[4]["calls"], rows[4]["what"]) == ("", "1", "chat")
    assert sum(Decimal(row["amount"]) for row in rows[:3]) == Decimal(rows[3]["amount"])


class Page(HTMLParser):
    """The page's text, and whether every element that was opened is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text.append(data.strip())


def test_the_page_is_whole_and_says_what_the_books_say(sold: FenliHere) -> None:
    assert "page.html" in sold.out(*ACME, "--html", "page.html", "--issuer", "Wir & Co", "--rounding", "total-2")
    html = (sold.folder / "page.html").read_text("utf-8")
    page = Page(html)
    words = [text for text in page.text if text]
    for text in (f"Statement of account for {NAME} (acme)", "Wir & Co", "closing balance", "10.00", "-0.001481481474"):
        assert text in words
    assert any("In none of these amounts" in text for text in words)
    assert "script" not in page.tags
    assert NAME not in html
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "@page { size: A4" in html
    assert "http" not in html
    assert ("lang", "en") in page.attributes
    sold.out(*ACME, "--html", "page.html", FENLI_LANG="zh")
    chinese = Page((sold.folder / "page.html").read_text("utf-8"))
    assert "期末余额" in chinese.text
    assert ("lang", "zh-CN") in chinese.attributes
    assert "name another file" in sold.refused(*ACME, "--html", "nowhere/page.html", code=2)


def test_other_sides_and_groups(sold: FenliHere) -> None:
    [project] = sold.json("statement", "--project", "shop", *ACME[3:], "--by", "model")["statements"]
    assert [(line["day"], line["what"], line["amount"]) for line in project["lines"]] == [
        (None, "chat", "0.001481481474")
    ]
    [vendor] = sold.json("statement", "--vendor", "alibaba", *ACME[3:], "--by", "day")["statements"]
    assert [(line["day"], line["what"], line["amount"]) for line in vendor["lines"]] == [
        ("2026-11-20", None, "0.001234567895")
    ]
    assert vendor["unknown"] == [{"day": "2026-11-20", "what": MODEL, "calls": 1, "held": "0.001", "unheld": 0}]
    assert sold.json("statement", "--key", "web", *ACME[3:])["subject"]["side"] == "charge"
    assert "Nothing had moved" in sold.out("statement", "--customer", "acme", "--month", "2026-10")


def test_a_statement_is_converted_with_one_rate_that_is_shown(sold: FenliHere) -> None:
    assert "no rate of CNY/USD was in force" in sold.refused(*ACME, "--currency", "USD", code=1)
    sold.write(
        "fx.toml", '[[rates]]\npair = "USD/CNY"\nrate = "8"\neffective_from = 2026-11-01T00:00:00Z\nsource = "b"\n'
    )
    sold.write("with-rates.toml", '[rates]\nfiles = ["fx.toml"]\n')
    asked = (*ACME, "--currency", "USD", "--config", "with-rates.toml")
    found = sold.json(*asked)["statements"][0]
    assert found["currency"] == "USD"
    assert found["closing"] == "1.249814814816"
    assert (found["conversion"]["pair"], found["conversion"]["rate"]) == ("USD/CNY", "8")
    assert "Converted from CNY: USD/CNY is 8 from 2026-11-01" in sold.out(*asked)


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("--month", "2026-11"), "Name one of --customer", 2),
        (("--customer", "acme", "--vendor", "alibaba", "--month", "2026-11"), "Name one of --customer", 2),
        (("--customer", "nobody", "--month", "2026-11"), "give one of these ids: acme", 1),
        (("--customer", "acme"), "Write --month 2026-10", 2),
        (("--customer", "acme", "--month", "2026-13"), "2026-13 is no month", 2),
        (("--customer", "acme", "--since", "2026-11-01"), "both --since and --until", 2),
        (("--customer", "acme", "--since", "2026-11-02", "--until", "2026-11-02"), "there is no day", 2),
        (
            ("--customer", "acme", "--since", "2026-11-01T00:00Z", "--until", "2026-11-02", "--zone", "Asia/Shanghai"),
            "is 2026-11-01 08:00 in Asia/Shanghai, and a statement is of whole days",
            2,
        ),
        (("--customer", "acme", "--month", "2026-11", "--zone", "Mars/Base"), "is no time zone", 2),
        (("--customer", "acme", "--month", "2026-11", "--currency", "RMB"), "write one of CNY", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_up_is_refused(sold: FenliHere, arguments: tuple[str, ...], said: str, code: int) -> None:
    assert said in sold.refused("statement", *arguments, code=code)


def test_days_may_be_given_as_midnights_of_the_zone(sold: FenliHere) -> None:
    asked = ("statement", "--customer", "acme", "--zone", "Asia/Shanghai", "--until", "2026-12-01")
    by_instant = sold.json(*asked, "--since", "2026-10-31T16:00:00Z")
    assert by_instant == sold.json(*asked, "--since", "2026-11-01")
