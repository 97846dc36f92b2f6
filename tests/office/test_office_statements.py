"""Statements from real postings: they add up, agree with the accounts, and stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from books import CENT, HOUR, NOON, SECOND, StoppedClock, Worker, held, post_all, settled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text, update

from fenli.errors import AccountRefused, BooksError
from fenli.ledger.chart import Move
from fenli.ledger.lots import LotKind
from fenli.ledger.records import Grade
from fenli.ledger.statements import SAVING, Period, Statement, SubjectKind
from fenli.office.corrections import post_correction
from fenli.office.customers import create_customer, create_project
from fenli.office.packs import Purchase, buy, pay_vendor
from fenli.office.plans import assign_plan, create_plan
from fenli.office.posting import Posting
from fenli.office.statements import draw_up, month_of, period_of
from fenli.office.subjects import find_subject
from fenli.office.tables import keys, transfers
from fenli.office.wallets import give_credit, refund, top_up
from fenli.prices.plans import Markup
from fenli.store import Database
from fenli.values import Money
from fenli.values.ids import call_id

DAY = 24 * HOUR
YUAN = 100 * CENT
ZONE = "Asia/Shanghai"
MONTH = month_of(date(2026, 11, 23), ZONE)
AFTER = MONTH.until + 1
BEFORE = NOON - DAY

Statements = Callable[..., list[Statement]]


@pytest.fixture
def acme(database: Database) -> None:
    """A customer with a project, a key ``key_a`` in it, and 20 % on top of every cost."""
    create_customer(database, "acme", "Acme & Co", now=BEFORE)
    create_project(database, "shop", customer="acme", now=BEFORE)
    key = {"id": "key_a", "name": "a", "digest": b"1", "show_cost": 0, "created_at": BEFORE, "project": "shop"}
    with database.write() as connection:
        connection.execute(insert(keys), key)
    create_plan(database, "standard", Markup("1.2"), now=BEFORE)
    assign_plan(database, "standard", customer="acme", now=BEFORE)


@pytest.fixture
def drawn(database: Database) -> Statements:
    def drawn(kind: SubjectKind, name: str, period: Period = MONTH, now: int = AFTER) -> list[Statement]:
        with database.read() as connection:
            return draw_up(connection, find_subject(connection, kind, name), period, now=now)

    return drawn


@pytest.fixture
def worker(data: Path) -> Worker:
    return Worker(data)


def lost(number: int, **changed: Any) -> Any:
    return settled(number, grade=Grade.UNKNOWN, usage=None, picos=None, offer=None, rated_at=None, **changed)


@pytest.mark.usefixtures("acme")
def test_a_customer_s_month(database: Database, posting: Posting, worker: Worker, drawn: Statements) -> None:
    top_up(database, "acme", Money("CNY", YUAN), reference="bank 1", why="paid in", now=BEFORE)
    give_credit(database, "acme", Money("CNY", 2 * CENT), reference="hello", expires_at=NOON + HOUR, now=BEFORE)
    worker.write(held(1), settled(1, picos=CENT), held(2), settled(2, picos=2 * CENT), held(3), lost(3))
    post_all(posting)
    refund(database, "acme", Money("CNY", 3 * CENT), reference="bank 2", now=NOON + 2 * HOUR)
    [found] = drawn("customer", "acme")
    assert [(line.kind, line.day, line.what, line.picos, line.calls) for line in found.lines] == [
        (Move.TOP_UP, "2026-11-22", "bank 1: paid in", YUAN, 0),
        (Move.CREDIT, "2026-11-22", "hello", 2 * CENT, 0),
        (Move.CHARGE, "2026-11-23", "smart", -3 * CENT * 12 // 10, 2),
        (Move.REFUND, "2026-11-23", "bank 2", -3 * CENT, 0),
    ]
    assert (found.opening, found.closing) == (0, YUAN + 2 * CENT - 3 * CENT * 12 // 10 - 3 * CENT)
    assert [(one.day, one.what, one.calls, one.held_picos) for one in found.unknown] == [
        ("2026-11-23", "smart", 1, None)
    ]
    assert found.provisional is None
    [december] = drawn("customer", "acme", month_of(date(2026, 12, 1), ZONE))
    assert (december.opening, december.lines, december.provisional) == (found.closing, (), "not_over")


@pytest.mark.usefixtures("acme")
def test_a_correction_leaves_the_month_of_the_call_as_it_was(
    database: Database, posting: Posting, worker: Worker, drawn: Statements
) -> None:
    worker.write(held(1), settled(1, picos=CENT), held(2), lost(2))
    post_all(posting)
    kinds: tuple[tuple[SubjectKind, str], ...] = (
        ("customer", "acme"), ("project", "shop"), ("key", "a"), ("vendor", "deepseek"),
    )  # fmt: skip
    before = {kind: drawn(kind, name) for kind, name in kinds}
    with database.write() as connection:
        for number, picos in ((1, 3 * CENT), (2, 4 * CENT)):
            cost = Money("CNY", picos)
            post_correction(
                connection, call_id(worker.run, number), 1, cost, why="their bill", reference="bill 1", now=AFTER
            )
    december = month_of(date(2026, 12, 1), ZONE)
    more = {"customer": -6 * CENT * 12 // 10, "project": 6 * CENT * 12 // 10, "key": 6 * CENT * 12 // 10}
    for kind, name in kinds:
        [november] = drawn(kind, name)
        assert (november.opening, november.lines, november.closing) == (
            before[kind][0].opening, before[kind][0].lines, before[kind][0].closing,
        )  # fmt: skip
        assert before[kind][0].unknown
        assert november.unknown == ()
        [later] = drawn(kind, name, december)
        assert later.opening == november.closing
        assert later.movements == more.get(kind, 6 * CENT)
        said = "bill 1: their bill" if kind == "vendor" else "smart 2026-11-23"
        assert {(line.kind, line.what) for line in later.lines} == {(Move.CORRECTION, said)}


def test_a_vendor_s_month_with_a_pack_and_a_payment(
    database: Database, posting: Posting, worker: Worker, drawn: Statements
) -> None:
    pack = Purchase(
        vendor="deepseek", kind=LotKind.PACK, unit="tokens", units=1010, price=Money("CNY", CENT // 2), reference="p1"
    )
    buy(database, pack, now=BEFORE)
    worker.write(held(1), settled(1), held(2), settled(2))
    post_all(posting)
    pay_vendor(database, "deepseek", Money("CNY", CENT // 4), reference="bank 9", now=NOON + 2 * HOUR)
    [found] = drawn("vendor", "deepseek")
    assert [(line.kind, line.what, line.picos) for line in found.lines] == [
        (Move.PURCHASE, "p1", -CENT // 2),
        (Move.PAYMENT, "bank 9", -CENT // 4),
        (Move.COST, "deepseek-chat", 2 * CENT),
        (SAVING, "", -CENT // 2),
    ]
    assert (found.opening, found.closing) == (0, CENT - CENT // 4)


def test_a_key_of_our_own_use_is_at_cost_and_each_currency_has_its_statement(
    database: Database, posting: Posting, worker: Worker, drawn: Statements
) -> None:
    with database.write() as connection:
        connection.execute(insert(keys), {"id": "key_a", "name": "a", "digest": b"1", "show_cost": 0, "created_at": 0})
    worker.write(held(1), settled(1), held(2, currency="USD"), settled(2, currency="USD"))
    worker.write(held(3, currency=None, picos=None), lost(3, currency=None))
    post_all(posting)
    cny, usd = drawn("key", "a")
    assert [(one.currency, one.closing, one.subject.side) for one in (cny, usd)] == [
        ("CNY", CENT, "cost"), ("USD", CENT, "cost"),
    ]  # fmt: skip
    assert [(one.calls, one.held_picos, one.unheld) for one in cny.unknown] == [(1, None, 1)]
    assert usd.unknown == ()


def test_calls_that_nobody_knows_the_cost_of_are_a_statement_too(
    posting: Posting, worker: Worker, drawn: Statements
) -> None:
    worker.write(held(1, currency=None, picos=None), lost(1, currency=None))
    post_all(posting)
    [found] = drawn("vendor", "deepseek")
    assert (found.currency, found.lines, found.closing, len(found.unknown)) == ("", (), 0, 1)


def test_a_day_is_of_the_period_s_zone(posting: Posting, worker: Worker, drawn: Statements) -> None:
    late = NOON + 4 * HOUR + SECOND // 2  # 2026-11-24 in Shanghai, 2026-11-23 in London, 21:30 in Delhi
    worker.write(held(1, at=late), settled(1, at=late))
    post_all(posting)
    zones = {"Asia/Shanghai": "2026-11-24", "Europe/London": "2026-11-23", "Asia/Kolkata": "2026-11-23"}
    for zone, expected in zones.items():
        [found] = drawn("vendor", "deepseek", month_of(date(2026, 11, 1), zone))
        assert [line.day for line in found.lines] == [expected]
    eve, day = (period_of(date(2026, 11, day), date(2026, 11, day), "Asia/Shanghai") for day in (23, 24))
    assert drawn("vendor", "deepseek", eve) == []
    assert drawn("vendor", "deepseek", day)[0].closing == CENT


def test_a_statement_says_when_calls_may_be_missing(posting: Posting, worker: Worker, drawn: Statements) -> None:
    worker.write(held(1), settled(1), held(2))
    post_all(posting)
    assert drawn("vendor", "deepseek", now=AFTER)[0].provisional == "open_calls"
    assert drawn("vendor", "deepseek", now=MONTH.until - 1)[0].provisional == "not_over"


@pytest.mark.usefixtures("acme")
def test_books_that_contradict_themselves_give_no_statement(
    database: Database, posting: Posting, worker: Worker, drawn: Statements
) -> None:
    top_up(database, "acme", Money("CNY", YUAN), reference="bank 1", now=BEFORE)
    worker.write(held(1), settled(1))
    post_all(posting)
    with database.write() as connection:
        connection.execute(update(transfers).where(transfers.c.kind == Move.TOP_UP).values(amount=YUAN + 1))
    with pytest.raises(BooksError, match=r"all movements of customer acme come to .* and the accounts hold .* verify"):
        drawn("customer", "acme")
    with database.write() as connection:
        connection.execute(text("UPDATE usage_rollups SET picos = picos + 1"))
    with pytest.raises(BooksError, match="of vendor deepseek come to"):
        drawn("vendor", "deepseek")


@pytest.mark.usefixtures("acme")
def test_who_is_not_there_is_refused_with_who_is(database: Database) -> None:
    with database.read() as connection:
        for kind, said in (("customer", "acme"), ("project", "shop"), ("key", "key_a")):
            with pytest.raises(AccountRefused, match=f"{kind} 'nobody' is not there: give one of these ids: {said}"):
                find_subject(connection, kind, "nobody")
        with pytest.raises(AccountRefused, match="nothing was ever booked with vendor 'nobody'"):
            find_subject(connection, "vendor", "nobody")
        assert find_subject(connection, "customer", "Acme & Co").id == "acme"


def test_months_are_whole_where_clocks_change() -> None:
    october = month_of(date(2026, 10, 31), "Europe/Berlin")
    assert (october.first, october.last) == ("2026-10-01", "2026-10-31")
    assert october.until - october.since == 31 * DAY + HOUR
    assert month_of(date(2026, 12, 5), ZONE).last == "2026-12-31"


steps = st.lists(
    st.tuples(
        st.sampled_from(["call", "unknown", "top_up", "credit", "refund", "correct", "pay"]),
        st.integers(1, 3 * YUAN),
        st.integers(0, 40 * 24),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_history_gives_statements_that_follow_each_other(
    tmp_path_factory: pytest.TempPathFactory, empty_books: Path, moves: list[tuple[str, int, int]]
) -> None:
    data = tmp_path_factory.mktemp("history")
    data.joinpath("fenli.db").write_bytes(empty_books.read_bytes())
    with Database(data / "fenli.db", "0006") as database:
        acme.__wrapped__(database)  # type: ignore[attr-defined]
        worker, now = Worker(data), NOON
        for number, (what, picos, hours) in enumerate(moves, start=1):
            now += hours * HOUR
            posting = Posting(database, data / "journal", StoppedClock(now + 1))
            money = Money("CNY", picos)
            if what in ("call", "unknown"):
                end = settled(number, at=now + 1, picos=picos) if what == "call" else lost(number, at=now + 1)
                worker.write(held(number, at=now, picos=picos), end)
                post_all(posting)
            elif what == "top_up":
                top_up(database, "acme", money, reference=f"r{number}", now=now)
            elif what == "credit":
                give_credit(database, "acme", money, reference=f"r{number}", expires_at=now + 9 * DAY, now=now)
            elif what == "pay":
                pay_vendor(database, "deepseek", money, reference=f"r{number}", now=now)
            else:
                _try(database, what, worker, number, money, now)
            posting.step()
            posting.close()
        _follow(database, now)


def _try(database: Database, what: str, worker: Worker, number: int, money: Money, now: int) -> None:
    """A refund of more than there is and a correction of no call are refused."""
    try:
        if what == "refund":
            refund(database, "acme", money, reference=f"r{number}", now=now)
        else:
            with database.write() as connection:
                call = call_id(worker.run, number - 1)
                post_correction(connection, call, 1, money, why="bill", reference=f"r{number}", now=now)
    except AccountRefused:
        pass


def _follow(database: Database, now: int) -> None:
    with database.read() as connection:
        for kind, name in (("customer", "acme"), ("project", "shop"), ("vendor", "deepseek")):
            try:
                subject = find_subject(connection, kind, name)  # type: ignore[arg-type]
            except AccountRefused:
                continue
            closing: dict[str, int] = {}
            month = month_of(date(2026, 11, 1), ZONE)
            while month.since <= now:
                for each in draw_up(connection, subject, month, now=now):
                    assert each.opening == closing.get(each.currency, 0)
                    assert each.opening + each.movements == each.closing
                    closing[each.currency] = each.closing
                month = month_of(date.fromisoformat(month.last) + timedelta(days=1), ZONE)
