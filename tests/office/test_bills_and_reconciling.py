"""Bills in the store, compared with what was posted, and booked: exactly, once, and only where it is clear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest
from books import CENT, HOUR, NOON, Worker, held, post_all, settled
from sqlalchemy import select

from fenli.errors import BillRefused
from fenli.ledger.bills import BillLine
from fenli.ledger.reconciliation import Cause, Compared
from fenli.ledger.records import Grade
from fenli.office.bills import Bill, drop_bill, import_bill, list_bills, read_lines
from fenli.office.posting import Posting
from fenli.office.reconciling import Reconciliation, reconcile
from fenli.office.reports import list_entries, usage
from fenli.office.settling import Posted, post
from fenli.office.statements import draw_up, month_of
from fenli.office.subjects import find_subject
from fenli.office.tables import bill_lines, transfers
from fenli.store import Database

DAY = 24 * HOUR
MODEL = "deepseek-chat"
NOVEMBER = date(2026, 11, 1)
LATER = NOON + 30 * DAY

Found = Callable[..., dict[tuple[str, str], Compared]]


def line(number: int, picos: int, **changed: Any) -> BillLine:
    fields = {"line": number, "day": "2026-11-23", "model": MODEL, "currency": "CNY", "decimals": 8}
    return BillLine(**{**fields, "picos": picos, **changed})


def lost(number: int, **changed: Any) -> Any:
    return settled(number, grade=Grade.UNKNOWN, usage=None, picos=None, offer=None, rated_at=None, **changed)


@pytest.fixture
def worker(data: Path) -> Worker:
    return Worker(data)


@pytest.fixture
def billed(database: Database) -> Callable[..., Bill]:
    def billed(*lines: BillLine, zone: str = "Asia/Shanghai", content: bytes | None = None) -> Bill:
        text = repr(lines).encode() if content is None else content
        return import_bill(
            database, "deepseek", "october.csv", text, lines, layout="deepseek-cost", zone=zone, now=LATER
        )

    return billed


@pytest.fixture
def compared(database: Database) -> Found:
    def compared(**options: Any) -> dict[tuple[str, str], Compared]:
        places = found(database, **options).compared
        return {(one.place.day, one.place.model + one.place.request_id): one for one in places}

    return compared


def found(database: Database, month: date | None = NOVEMBER, **options: Any) -> Reconciliation:
    with database.read() as connection:
        return reconcile(connection, "deepseek", month=month, **options)


def booked(database: Database, month: date | None = NOVEMBER, now: int = LATER) -> Posted:
    return post(database, found(database, month), month=month, now=now)


def test_a_bill_is_kept_as_it_was_read(database: Database, billed: Callable[..., Bill]) -> None:
    lines = (line(2, CENT, meters=("output", "reasoning"), units=10**20, request_id="r"), line(3, -1, decimals=None))
    bill = billed(*lines)
    assert (bill.id, bill.first_day, bill.last_day, bill.lines, bill.totals) == (
        1, "2026-11-23", "2026-11-23", 2, {"CNY": CENT - 1},
    )  # fmt: skip
    with database.read() as connection:
        assert read_lines(connection, [1]) == [(1, one) for one in lines]


def test_nothing_is_counted_twice(database: Database, billed: Callable[..., Bill]) -> None:
    billed(line(2, CENT), content=b"file")
    with pytest.raises(BillRefused, match=r"this file is bill 1 already, imported as october\.csv"):
        billed(line(2, CENT), content=b"file")
    with pytest.raises(BillRefused, match="bill 1 has lines for 2026-11-23 of deepseek already"):
        billed(line(2, CENT), line(3, CENT, day="2026-11-24"))
    with database.read() as connection:
        assert len(list_bills(connection)) == 1
        assert len(connection.execute(select(bill_lines)).all()) == 1
    assert drop_bill(database, 1, now=LATER).dropped_at == LATER
    assert billed(line(2, CENT), content=b"file").id == 2
    with pytest.raises(BillRefused, match="dropped already"):
        drop_bill(database, 1, now=LATER)
    with pytest.raises(BillRefused, match="there is no bill 9"):
        drop_bill(database, 9, now=LATER)


def test_each_day_and_model_finds_its_cause(
    posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1), settled(1), held(2, model="other"), settled(2), held(3, at=NOON + DAY), lost(3))
    post_all(posting)
    billed(
        line(2, CENT + 5_000),
        line(3, 3 * CENT, day="2026-11-24"),
        line(4, CENT, model="never-asked"),
    )  # fmt: skip
    causes = {place: one.causes for place, one in compared().items()}
    assert causes == {
        ("2026-11-23", MODEL): (Cause.ROUNDING,),
        ("2026-11-23", "never-asked"): (Cause.NOT_HERE,),
        ("2026-11-23", "other"): (Cause.NOT_THERE,),
        ("2026-11-24", MODEL): (Cause.UNKNOWN_CALLS,),
    }


def test_what_is_posted_makes_the_books_agree_once(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1), settled(1), held(2, picos=CENT), lost(2), held(3, picos=3 * CENT), lost(3))
    worker.write(held(4, at=NOON + DAY), settled(4, at=NOON + DAY))
    post_all(posting)
    bill = billed(line(2, 5 * CENT), line(3, 2 * CENT, day="2026-11-24"), line(4, 7, model="never-asked"))
    assert booked(database).entries == 2
    assert all(not one.causes or one.causes == (Cause.NOT_HERE,) for one in compared().values())
    rows = {row.entry.call[-1]: row for row in list_entries(database, newest_first=False)}
    assert [(rows[name].entry.grade, rows[name].entry.picos) for name in "123"] == [
        (Grade.MEASURED, CENT), (Grade.RECONCILED, CENT), (Grade.RECONCILED, 3 * CENT),
    ]  # fmt: skip
    with database.read() as connection:
        before = connection.execute(select(transfers)).all()
        [statement] = draw_up(
            connection, find_subject(connection, "vendor", "deepseek"), month_of(date(2026, 12, 1), "UTC"), now=LATER
        )
        assert statement.movements + statement.opening == 7 * CENT == sum(bill.totals.values()) - 7
        [apart] = [row for row in before if row.key.startswith("bill/")]
        assert (apart.amount, apart.reference, apart.why) == (
            CENT, "bill 1", f"unexplained: {MODEL} 2026-11-24",
        )  # fmt: skip
    again = booked(database, now=LATER + 1)
    assert (again.entries, again.transfers, [one.place.model for one in again.left]) == (0, 0, ["never-asked"])
    with database.read() as connection:
        assert connection.execute(select(transfers)).all() == before
    [row] = usage(database, by="vendor", zone=UTC)
    assert (row.picos, row.unknown) == (6 * CENT, 0)
    with pytest.raises(BillRefused, match="the books were corrected by bill 1, so it stays"):
        drop_bill(database, bill.id, now=LATER)


def test_less_than_we_know_of_beside_unknown_calls_is_left_for_somebody_to_look_at(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1), settled(1), held(2), lost(2))
    worker.write(held(3, at=NOON + DAY), settled(3, at=NOON + DAY))
    post_all(posting)
    billed(line(2, CENT - 3 * 10**6), line(3, CENT // 2, day="2026-11-24"))
    assert compared()["2026-11-23", MODEL].causes == (Cause.UNKNOWN_CALLS, Cause.UNEXPLAINED)
    for moved in (1, 0):
        posted = booked(database)
        assert (posted.entries, posted.transfers) == (0, moved)
        assert [one.place.day for one in posted.left] == ["2026-11-23"]
    assert compared()["2026-11-24", MODEL].causes == ()


def test_requests_are_matched_one_by_one(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    for number, end in enumerate((settled, settled, lost), start=1):
        worker.write(held(number), end(number, upstream_id=f"up-{number}"))
    worker.write(held(4), settled(4))
    post_all(posting)
    billed(
        line(2, CENT, request_id="up-1"), line(3, 2 * CENT, request_id="up-2", day="2026-11-24"),
        line(4, CENT // 2, request_id="up-3"), line(5, CENT, request_id="up-9"),
    )  # fmt: skip
    causes = {place[1].removeprefix(MODEL)[:4]: one.causes for place, one in compared().items()}
    assert causes == {
        "up-1": (), "up-2": (Cause.UNEXPLAINED,), "up-3": (Cause.UNKNOWN_CALLS,), "up-9": (Cause.NOT_HERE,),
        "call": (Cause.NOT_THERE,),
    }  # fmt: skip
    posted = booked(database)
    assert (posted.entries, posted.transfers, len(posted.left)) == (2, 0, 2)
    costs = {row.entry.upstream_id: row.entry.picos for row in list_entries(database)}
    assert costs == {"up-1": CENT, "up-2": 2 * CENT, "up-3": CENT // 2, None: CENT}
    assert booked(database).entries == 0


def test_days_of_another_zone_are_seen_and_nothing_is_booked(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill]
) -> None:
    amounts = [CENT, 2 * CENT, 4 * CENT, 8 * CENT]
    for number, picos in enumerate(amounts, start=1):
        at = NOON - 5 * HOUR + number * DAY  # 07:00 UTC, which is 15:00 in Shanghai and 23:00 of the day before in LA
        worker.write(held(number, at=at), settled(number, at=at, picos=picos))
    post_all(posting)
    days = [f"2026-11-2{day}" for day in (3, 4, 5, 6)]
    billed(*(line(row, picos, day=day) for row, (day, picos) in enumerate(zip(days, amounts, strict=True), start=2)))
    seen = found(database)
    assert seen.elsewhere == "America/Los_Angeles"
    assert {cause for one in seen.compared for cause in one.causes[:1]} == {Cause.DAY_SHIFT}
    posted = booked(database)
    assert (posted.entries, posted.transfers) == (0, 0)


def test_a_model_is_found_by_the_name_it_was_answered_with(
    posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1), settled(1, answered_model="deepseek-v4-flash"), held(2, model="alias"), settled(2))
    post_all(posting)
    billed(line(2, CENT, model="deepseek-v4-flash"), line(3, CENT, model="other-name"))
    assert [one.causes for one in compared(names={"alias": "other-name"}).values()] == [(), ()]
    assert len(compared()) == 3


def test_a_bill_by_months_is_compared_by_months(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1), settled(1), held(2, at=NOON + 2 * DAY), lost(2))
    post_all(posting)
    billed(line(2, 3 * CENT, day="2026-11"))
    assert list(compared(month=None)) == [("2026-11", MODEL)]
    assert booked(database, None).entries == 1
    assert not any(one.causes for one in compared().values())


def test_models_without_a_price_get_one_from_the_bill(
    database: Database, posting: Posting, worker: Worker, billed: Callable[..., Bill], compared: Found
) -> None:
    worker.write(held(1, currency=None, picos=None), lost(1, currency=None))
    post_all(posting)
    billed(line(2, CENT))
    assert [one.causes for one in compared().values()] == [(Cause.UNKNOWN_CALLS,)]
    assert booked(database).entries == 1
    assert [(row.entry.currency, row.entry.picos) for row in list_entries(database)] == [("CNY", CENT)]


def test_without_a_bill_for_it_there_is_nothing_to_compare(database: Database, billed: Callable[..., Bill]) -> None:
    with pytest.raises(BillRefused, match="there is no bill of deepseek: `fenli bill import` takes one"):
        found(database)
    billed(line(2, CENT))
    with pytest.raises(BillRefused, match="no bill is for 2026-12-01 to 2026-12-31: there are bills for 2026-11-23"):
        found(database, date(2026, 12, 1))
    billed(line(2, CENT, day="2026-11-24"), zone="UTC")
    with pytest.raises(BillRefused, match="bills 1, 2 count days in different ways"):
        found(database)
