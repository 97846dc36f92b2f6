"""`fenli balance` as a user meets it, on books in which vendors have told their balances."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fenli_command import Fenli

from fenli.office.balances import Poll, add_poll
from fenli.office.tables import MIGRATIONS, SCHEMA
from fenli.store import Database
from fenli.store.upgrade import upgrade
from fenli.values import parse_instant
from fenli.vendors.balances import Balance, Holding

PICO = 10**12
FLOOR = '[local]\nenabled = false\n[vendors.deepseek]\nbase_url = "http://127.0.0.1:1"\nlow_balance = "60"\n'


def at(text: str) -> int:
    return parse_instant(f"2026-11-{text}:00Z")


def told(vendor: str, when: str, *holdings: Holding, usable: bool | None = None) -> Poll:
    return Poll(
        vendor=vendor,
        asked_at=at(when),
        took=5,
        outcome="ok",
        status=200,
        balance=Balance(holdings, usable),
        reply=b"{}",
    )


def failed(vendor: str, when: str, outcome: str, note: str) -> Poll:
    return Poll(vendor=vendor, asked_at=at(when), took=5, outcome=outcome, status=401, note=note)


@pytest.fixture
def asked(fenli: Fenli) -> Fenli:
    fenli.data.mkdir(mode=0o700)
    upgrade(fenli.data / "fenli.db", MIGRATIONS, SCHEMA)
    polls = [
        told("deepseek", "20T08:00", Holding("CNY", 100 * PICO, 10 * PICO, 90 * PICO)),
        told("deepseek", "20T09:00", Holding("CNY", 100 * PICO, 10 * PICO, 90 * PICO)),
        told("deepseek", "20T10:00", Holding("CNY", 40 * PICO + 1, 0, 40 * PICO + 1)),
        told("moonshot", "20T10:00", Holding("CNY", 49_588_940_000_000)),
        failed("moonshot", "20T11:00", "bad_key", "HTTP 401: Invalid Authentication"),
        failed("moonshot", "20T12:00", "bad_key", "HTTP 401: Invalid Authentication"),
        told("deepseek", "21T08:00", Holding("CNY", 55 * PICO, 0, 55 * PICO)),
    ]
    with Database(fenli.data / "fenli.db", SCHEMA) as books:
        for poll in polls:
            add_poll(books, poll)
    return fenli


def test_the_last_answer_of_each_vendor_is_shown_and_what_is_unknown_is_not_zero(asked: Fenli) -> None:
    text = asked.out("balance")
    lines = [line.split() for line in text.splitlines()]
    assert lines[1] == ["deepseek", "55", "CNY", "0", "55", "2026-11-21", "08:00:00", "(off)"]
    assert lines[2] == ["moonshot", "unknown", "2026-11-20", "12:00:00", "bad_key", "(off)"]
    assert "moonshot did not tell what is left (bad_key): HTTP 401: Invalid Authentication\n" in text
    assert "It last told 49.58894 CNY at 2026-11-20 10:00:00 UTC." in text
    assert "next: check its key" in text
    deepseek, moonshot = asked.json("balance")
    assert deepseek["holdings"] == [{"currency": "CNY", "left": "55", "granted": "0", "topped_up": "55"}]
    assert (moonshot["outcome"], moonshot["holdings"]) == ("bad_key", [])


def test_a_history_shows_what_changed_and_a_chart(asked: Fenli) -> None:
    text = asked.out("balance", "deepseek", "--until", "2026-11-22")
    rows = [line.split() for line in text.splitlines()[1:4]]
    assert rows == [
        ["2026-11-21", "08:00:00", "55", "CNY", "+14.999999999999"],
        ["2026-11-20", "10:00:00", "40.000000000001", "CNY", "-59.999999999999"],
        ["2026-11-20", "08:00:00", "100", "CNY"],
    ]
    assert "What was left, CNY\n" in text
    chart = text.partition("What was left")[2]
    assert "100 ┤" in chart
    assert "55 ┤" in chart
    assert "40.000000000001 ┤" in chart
    assert len(asked.json("balance", "deepseek", "--until", "2026-11-21")) == 3
    assert "The newest 1 changes" in asked.out("balance", "deepseek", "--limit", "1")


def test_a_vendor_that_failed_for_long_is_one_row(asked: Fenli) -> None:
    rows = asked.out("balance", "moonshot").splitlines()
    assert [row.split()[2:] for row in rows[1:3]] == [["unknown", "bad_key"], ["49.58894", "CNY"]]


def test_too_little_is_said_with_the_next_step_and_by_doctor_too(asked: Fenli) -> None:
    asked.write("fenli.toml", FLOOR)
    text = asked.out("balance")
    assert "deepseek has 55 CNY left, less than 60 (low_balance)\n  next: pay in" in text
    assert "low" in text.splitlines()[1]
    checks = [check for check in asked.json("doctor") if check["name"] == "balance"]
    assert [(check["state"], check["next_step"]) for check in checks] == [("warn", "pay in before calls fail")]
    chinese = asked.out("balance", LANG="zh_CN.UTF-8")
    assert "deepseek 只剩 55 CNY,低于 60" in chinese
    assert "偏低" in chinese


def test_enough_is_enough(asked: Fenli) -> None:
    asked.write("fenli.toml", FLOOR.replace('"60"', '"55"'))
    checks = [check for check in asked.json("doctor") if check["name"] == "balance"]
    assert [(check["state"], check["what"]) for check in checks] == [
        ("ok", "deepseek has 55 CNY left (asked 2026-11-21T08:00:00.000Z)")
    ]


def test_a_vendor_that_says_that_it_serves_no_more_is_too_low_whatever_it_has(asked: Fenli) -> None:
    asked.write("fenli.toml", FLOOR.replace('low_balance = "60"', ""))
    with Database(asked.data / "fenli.db", SCHEMA) as books:
        add_poll(books, told("deepseek", "22T08:00", Holding("CNY", 5), usable=False))
    assert "says that it serves no more calls, with 0.000000000005 CNY left" in asked.out("balance")


def test_a_vendor_that_tells_nothing_is_refused_by_name(asked: Fenli) -> None:
    text = asked.refused("balance", "openai", code=2)
    assert "openai is no vendor that tells what is left: there are deepseek, moonshot" in text
    assert "was not asked in that time" in asked.out("balance", "stepfun")


def test_without_books_or_answers_the_next_step_is_said(fenli: Fenli) -> None:
    assert "`fenli serve`" in fenli.refused("balance", code=1)
    assert "set the key of one of deepseek" in fenli.refused("balance", "--poll-now", code=2)
    fenli.out("key", "create")
    assert "--poll-now" in fenli.out("balance")
    fenli.write("fenli.toml", FLOOR)
    assert fenli.json("balance") == [{"vendor": "deepseek", "on": True, "low": False, "low_balance": None}]


class Counter(BaseHTTPRequestHandler):
    """Tells as a vendor does, to whoever has the key."""

    def do_GET(self) -> None:
        fine = self.path == "/v1/accounts" and self.headers["authorization"] == "Bearer sk-right"
        body = b'{"object":"account","balance":12.50}' if fine else b'{"error":{"message":"no","type":"no"}}'
        self.send_response(200 if fine else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def counter() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Counter)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_it_asks_by_itself_where_nothing_runs_and_makes_the_books(fenli: Fenli, counter: int) -> None:
    fenli.write(
        "fenli.toml", f'[local]\nenabled = false\n[vendors.stepfun]\nbase_url = "http://127.0.0.1:{counter}/v1"\n'
    )
    fenli.environ["STEPFUN_API_KEY"] = "sk-right"
    assert fenli.out("balance", "--poll-now").splitlines()[1].split()[:3] == ["stepfun", "12.5", "CNY"]
    fenli.environ["STEPFUN_API_KEY"] = "sk-wrong"
    assert "(bad_key)" in fenli.run("balance", "stepfun", "--poll-now", code=1).stdout
    assert [poll["outcome"] for poll in fenli.json("balance", "stepfun")] == ["ok", "bad_key"]
    assert (fenli.data.stat().st_mode & 0o777) == 0o700
    for path in Path(fenli.data).iterdir():
        assert b"sk-right" not in path.read_bytes()


def test_only_what_is_on_and_tells_can_be_asked(fenli: Fenli, counter: int) -> None:
    fenli.write("fenli.toml", f'[vendors.stepfun]\nbase_url = "http://127.0.0.1:{counter}/v1"\n')
    text = fenli.refused("balance", "deepseek", "--poll-now", code=2)
    assert "'deepseek' is no vendor that is on and tells what is left: there are stepfun" in text
    assert not (fenli.data / "fenli.db").exists()
