"""Months that begin and lots that end, whenever the office gets round to it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from books import CENT, NOON, SECOND, StoppedClock, Worker, held, post_all, settled
from trade import BEFORE, balance, balances, call, lot_rows, sell

from fenli.ledger.chart import Kind, Move
from fenli.ledger.lots import LotKind
from fenli.office.accounts import read_transfers
from fenli.office.customers import create_project
from fenli.office.cycle import month_after
from fenli.office.keys import create_key
from fenli.office.packs import Purchase, buy
from fenli.office.plans import assign_plan, create_plan
from fenli.office.posting import Posting
from fenli.office.verify import verify
from fenli.office.wallets import give_credit, top_up
from fenli.prices import PriceBook
from fenli.prices.plans import Markup, Subscription
from fenli.store import Database
from fenli.values import Money, format_instant, parse_instant

YUAN = 10**12
DAY = 86_400 * SECOND
MONTHLY = Subscription("CNY", "10", "4", "Asia/Shanghai", Markup("1"))


@pytest.mark.parametrize(
    ("start", "months", "zone", "end"),
    [
        ("2026-01-31T10:00:00+08:00", 1, "Asia/Shanghai", "2026-02-28T10:00:00+08:00"),
        ("2026-01-31T10:00:00+08:00", 2, "Asia/Shanghai", "2026-03-31T10:00:00+08:00"),
        ("2024-01-31T23:30:00-05:00", 1, "America/New_York", "2024-02-29T23:30:00-05:00"),
        ("2026-03-08T02:30:00Z", 12, "UTC", "2027-03-08T02:30:00Z"),
        ("2026-10-25T12:00:00+01:00", 6, "Europe/London", "2027-04-25T11:00:00+01:00"),
    ],
)
def test_a_month_is_to_the_same_day_and_time(start: str, months: int, zone: str, end: str) -> None:
    found = month_after(parse_instant(start), months, ZoneInfo(zone))
    assert format_instant(found) == format_instant(parse_instant(end))


def test_a_month_costs_its_fee_once_and_calls_draw_on_the_allowance_first(
    data: Path, database: Database, posting: Posting
) -> None:
    key = sell(database, terms=MONTHLY)
    top_up(database, "acme", Money("CNY", 12 * YUAN), reference="t", now=BEFORE)
    worker = Worker(data)
    for number in (1, 2, 3):
        call(worker, number, key, 2 * YUAN)
        post_all(posting)
    assert balances(database) == {
        "cash CNY": 12 * YUAN, "given acme CNY": 4 * YUAN, "revenue acme CNY": 16 * YUAN,
        "cost deepseek CNY": 6 * YUAN, "payable deepseek CNY": 6 * YUAN,
    }  # fmt: skip


def test_the_months_of_an_office_that_was_away_are_made_up_for(data: Path, database: Database) -> None:
    """Three months late: each call draws on the allowance of its own month, and what is left of each lapses."""
    key = sell(database, terms=MONTHLY)
    worker = Worker(data)
    call(worker, 1, key, 3 * YUAN)
    call(worker, 2, key, 6 * YUAN, at=NOON + 35 * DAY)
    call(worker, 3, key, YUAN, at=NOON + 65 * DAY)
    posting = Posting(database, data / "journal", StoppedClock(NOON + 66 * DAY))
    post_all(posting)
    post_all(posting)
    posting.close()
    rows = lot_rows(database)
    assert [(row.reference, row.used, row.lapsed_at is not None) for row in rows] == [
        ("plan-1-1", 3 * YUAN, True),
        ("plan-1-2", 4 * YUAN, True),
        ("plan-1-3", YUAN, False),
    ]
    assert balance(database, Kind.OWED, "acme") == 30 * YUAN + 2 * YUAN
    assert balance(database, Kind.GIVEN, "acme") == 12 * YUAN - YUAN
    assert _transfers(database, Move.FEE) == [10 * YUAN] * 3
    assert _findings(data, database) == []


def test_a_month_that_began_before_the_plan_ended_is_the_last(data: Path, database: Database, posting: Posting) -> None:
    sell(database, terms=MONTHLY)
    assign_plan(database, None, customer="acme", starts_at=NOON + 40 * DAY, now=BEFORE)
    late = Posting(database, data / "journal", StoppedClock(NOON + 200 * DAY))
    late.step()
    late.close()
    assert _transfers(database, Move.FEE) == [10 * YUAN] * 2


def test_an_allowance_of_a_project_is_for_that_project(data: Path, database: Database, posting: Posting) -> None:
    other = sell(database, terms=None)
    create_project(database, "lab", customer="acme", now=BEFORE)
    key = create_key(database, "lab", project="lab", now=BEFORE).id
    create_plan(database, "monthly", MONTHLY, now=BEFORE)
    create_plan(database, "at-cost", Markup("1"), now=BEFORE)
    assign_plan(database, "monthly", project="lab", now=BEFORE)
    assign_plan(database, "at-cost", customer="acme", now=BEFORE)
    worker = Worker(data)
    call(worker, 1, other, YUAN)
    call(worker, 2, key, YUAN)
    post_all(posting)
    (lot,) = lot_rows(database)
    assert lot.used == YUAN
    assert balance(database, Kind.OWED, "acme") == 11 * YUAN


def test_a_credit_is_over_when_every_call_that_may_draw_on_it_is_posted(data: Path, database: Database) -> None:
    """The call was opened a second before the end and settles a minute after it."""
    key = sell(database, terms=Markup("1"))
    end = NOON + 10 * SECOND
    give_credit(database, "acme", Money("CNY", 5 * CENT), reference="c", expires_at=end, now=BEFORE)
    worker = Worker(data)
    worker.write(held(9, key=key))
    clock = StoppedClock(NOON + 60 * SECOND)
    posting = Posting(database, data / "journal", clock)
    post_all(posting)
    assert lot_rows(database)[0].lapsed_at is None
    worker.write(settled(9, picos=2 * CENT))
    post_all(posting)
    clock.instant += 2 * SECOND
    post_all(posting)
    (lot,) = lot_rows(database)
    assert (lot.used, lot.lapsed_at) == (2 * CENT, clock.instant)
    assert balances(database) == {
        "given acme CNY": 2 * CENT, "revenue acme CNY": 2 * CENT,
        "cost deepseek CNY": 2 * CENT, "payable deepseek CNY": 2 * CENT,
    }  # fmt: skip
    assert _transfers(database, Move.EXPIRY) == [3 * CENT]
    assert _findings(data, database) == []
    posting.close()


def test_what_lapses_of_a_pack_was_paid_for_nothing(data: Path, database: Database, posting: Posting) -> None:
    pack = Purchase(
        vendor="deepseek", kind=LotKind.PACK, unit="tokens", units=10_100, price=Money("CNY", 5 * CENT),
        reference="order", expires_at=NOON + 30 * SECOND,
    )  # fmt: skip
    buy(database, pack, now=BEFORE)
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    assert balances(database) == {
        "cash CNY": -5 * CENT, "cost deepseek CNY": CENT, "saving deepseek CNY": CENT // 2,
        "lapsed deepseek CNY": 9 * CENT // 2,
    }  # fmt: skip
    assert _findings(data, database) == []


def test_nothing_is_due_twice_after_a_restart(data: Path, database: Database) -> None:
    sell(database, terms=MONTHLY)
    for _ in range(3):
        posting = Posting(database, data / "journal", StoppedClock(NOON + 5 * DAY))
        posting.step()
        posting.close()
    assert _transfers(database, Move.FEE) == [10 * YUAN]


def _transfers(database: Database, kind: Move) -> list[int]:
    with database.read() as connection:
        return [each.amount for each in read_transfers(connection, None, 1000) if each.kind is kind]


def _findings(data: Path, database: Database) -> list[str]:
    found = verify(database, data / "journal", PriceBook.load()).findings
    return [f"{each.kind} {each.place}: {each.what}" for each in found if each.kind != "cost_wrong"]
