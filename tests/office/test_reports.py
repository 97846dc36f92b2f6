from __future__ import annotations

import shutil
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from books import CENT, HOUR, NOON, StoppedClock, Worker, held, post_all, settled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fenli.errors import ValueRefused
from fenli.ledger.records import Grade
from fenli.office.posting import Posting
from fenli.office.reports import BY, By, day_bounds, list_entries, usage
from fenli.office.tables import SCHEMA
from fenli.store import Database
from fenli.values.instants import moment_of

UTC = ZoneInfo("UTC")
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def worker(data: Path, posting: Posting) -> Worker:
    worker = Worker(data)
    worker.write(held(1), settled(1))
    worker.write(held(2, key="key_b", asked="fast"), settled(2, outcome="rate_limited", status=429))
    worker.write(
        held(3, picos=None, currency=None), settled(3, picos=None, currency=None, offer=None, grade=Grade.UNKNOWN)
    )
    worker.write(held(4, currency="USD"), settled(4, picos=2**62, currency="USD"))
    worker.write(held(5, currency="USD"), settled(5, picos=2**62, currency="USD"))
    worker.write(held(6, currency="USD"), settled(6, picos=2**62, currency="USD"))
    worker.write(held(7))
    worker.die()
    post_all(posting)
    return worker


def test_entries_are_found_by_what_is_known_of_them(worker: Worker, database: Database) -> None:
    def calls(**wanted: object) -> list[str]:
        return [row.entry.call[-1] for row in list_entries(database, **wanted)]  # type: ignore[arg-type]

    assert calls() == ["7", "6", "5", "4", "3", "2", "1"]
    assert calls(limit=2, newest_first=False) == ["1", "2"]
    assert calls(key="key_b") == calls(model="fast") == calls(outcome="rate_limited") == ["2"]
    assert calls(grade="unknown") == ["7", "3"]
    assert len(calls(model="deepseek/deepseek-chat")) == len(calls(model="deepseek-chat")) == 7
    assert calls(vendor="moonshot") == calls(model="moonshot/deepseek-chat") == []
    second = NOON + 2_000_000_000
    assert calls(since=second, until=second + 1) == ["2"]


def test_sums_are_exact_beyond_64_bits_and_unknown_is_apart(worker: Worker, database: Database) -> None:
    rows = {(row.group, row.currency): row for row in usage(database, by="vendor", zone=UTC)}
    assert set(rows) == {("deepseek", "CNY"), ("deepseek", "USD"), ("deepseek", None)}
    dollars, yuan, unpriced = rows["deepseek", "USD"], rows["deepseek", "CNY"], rows["deepseek", None]
    assert dollars.picos == 3 * 2**62 > 2**63
    assert (yuan.picos, yuan.calls, yuan.unknown, yuan.unknown_held) == (2 * CENT, 3, 1, 5 * CENT)
    assert (unpriced.picos, unpriced.unknown, unpriced.unknown_held, unpriced.unknown_unheld) == (0, 1, 0, 1)
    assert dollars.usage == {"input": 3000, "output": 30}


@pytest.mark.parametrize("by", BY)
def test_every_grouping_adds_up_to_the_same(worker: Worker, database: Database, by: By) -> None:
    rows = usage(database, by=by, zone=UTC)
    assert sum(row.picos for row in rows) == 2 * CENT + 3 * 2**62
    assert sum(row.attempts for row in rows) == 7
    assert sum(row.unknown for row in rows) == 2


def test_an_unknown_grouping_is_refused(database: Database) -> None:
    with pytest.raises(ValueRefused, match="key, project, customer, route, model, vendor, grade, day"):
        usage(database, by="hour", zone=UTC)  # type: ignore[arg-type]


def test_days_begin_where_the_zone_says(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    for number, hours in enumerate((3, 4, 5), 1):  # 15:00, 16:00, 17:00 UTC: Shanghai's midnight is 16:00
        worker.write(held(number, at=NOON + hours * HOUR), settled(number))
    post_all(posting)
    assert [(row.group, row.calls) for row in usage(database, by="day", zone=UTC)] == [("2026-11-23", 3)]
    found = usage(database, by="day", zone=SHANGHAI)
    assert [(row.group, row.calls) for row in found] == [("2026-11-23", 1), ("2026-11-24", 2)]
    first, last = day_bounds(moment_of(NOON + 4 * HOUR, SHANGHAI).date(), SHANGHAI)
    assert sum(row.calls for row in usage(database, by="key", since=first, until=last, zone=UTC)) == 2


ZONES = [UTC, SHANGHAI, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York"), timezone(timedelta(minutes=-17))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offsets=st.lists(st.integers(-40 * 3600, 40 * 3600), min_size=1, max_size=12),
    since=st.none() | st.integers(-45 * 3600, 45 * 3600),
    until=st.none() | st.integers(-45 * 3600, 45 * 3600),
    zone=st.sampled_from(ZONES),
)
def test_usage_by_day_is_what_the_entries_add_up_to(
    tmp_path_factory: pytest.TempPathFactory,
    empty_books: Path,
    offsets: list[int],
    since: int | None,
    until: int | None,
    zone: tzinfo,
) -> None:
    data = tmp_path_factory.mktemp("data")
    shutil.copy(empty_books, data / "fenli.db")
    second = 1_000_000_000
    worker = Worker(data)
    for number, offset in enumerate(offsets, 1):
        worker.write(held(number, at=NOON + offset * second), settled(number, picos=1 << number))
    first = None if since is None else NOON + since * second
    last = None if until is None else NOON + until * second
    with Database(data / "fenli.db", SCHEMA) as database:
        posting = Posting(database, data / "journal", StoppedClock())
        post_all(posting)
        posting.close()
        rows = usage(database, by="day", since=first, until=last, zone=zone)
    worker.die()
    wanted: dict[str, int] = {}
    for number, offset in enumerate(offsets, 1):
        at = NOON + offset * second
        if (first is None or at >= first) and (last is None or at < last):
            day = moment_of(at, zone).date().isoformat()
            wanted[day] = wanted.get(day, 0) + (1 << number)
    assert {row.group: row.picos for row in rows} == wanted
