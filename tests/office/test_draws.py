"""What entries take out of budgets: counted as they are posted, when a budget begins, and when one is corrected."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from books import CENT, HOUR, NOON, SECOND, StoppedClock, Worker, attempted, held, post_all, released, settled
from sqlalchemy import delete, insert, select

from fenli.budgets import Mode, Period, Scope, window_at
from fenli.budgets.leases import NO_RUN
from fenli.errors import BudgetRefused
from fenli.ledger.records import Grade
from fenli.office.budget_counts import create_budget, recount, set_limit
from fenli.office.budgets import NewBudget, find_budget, remove_budget
from fenli.office.corrections import post_correction
from fenli.office.customers import create_customer, create_project
from fenli.office.draws import Draw, read_draws
from fenli.office.notices import list_notices
from fenli.office.posting import Posting
from fenli.office.rates import add_rate, correct_rate
from fenli.office.tables import budget_draws, findings, keys, leases
from fenli.office.verify import verify
from fenli.prices import PriceBook
from fenli.prices.rates import Rate, Rates
from fenli.store import Database
from fenli.values import Money

RUN = "00000000000run1"
USD_CNY = Rate("USD", "CNY", Decimal("7.1"), 0, "the bank")


def wanted(name: str = "everything", **changed: Any) -> NewBudget:
    values: dict[str, Any] = {"scope": Scope.ORGANISATION, "limit": "5", "currency": "CNY", "period": Period.DAY}
    return NewBudget(name=name, **values | changed)


class Office:
    """The books, and a clock that stands at some seconds after noon."""

    def __init__(self, database: Database, posting: Posting) -> None:
        self.database = database
        self.posting = posting
        self.clock = StoppedClock(NOON)
        posting._clock = self.clock

    def create(self, name: str = "everything", rates: Rates | None = None, **changed: Any) -> str:
        made = create_budget(self.database, wanted(name, **changed), rates or Rates(), {"deepseek"}, self.clock)
        return made.id

    def post(self) -> None:
        post_all(self.posting)

    def drawn(self, budget: str) -> dict[str, tuple[int, int]]:
        """By run, over all windows."""
        found: dict[str, tuple[int, int]] = {}
        with self.database.read() as connection:
            for place, draw in read_draws(connection, budget).items():
                before = found.get(place.run, (0, 0))
                found[place.run] = before[0] + draw.picos, before[1] + draw.uncounted
        return found

    def notices(self, budget: str) -> list[int]:
        with self.database.read() as connection:
            return [notice.percent for notice in list_notices(connection, budget)]

    def findings(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(select(findings.c.kind)).scalars())


@pytest.fixture
def office(database: Database, posting: Posting) -> Office:
    return Office(database, posting)


@pytest.fixture
def worker(data: Path) -> Worker:
    return Worker(data)


def test_calls_draw_what_they_cost_and_what_was_held_where_nobody_knows(office: Office, worker: Worker) -> None:
    budget = office.create()
    worker.write(
        held(1), settled(1),
        held(2), settled(2, grade=Grade.UNKNOWN, picos=None),
        held(3), released(3), attempted(3), settled(3, 2, picos=2 * CENT),
        held(4),
    )  # fmt: skip
    office.post()
    assert office.drawn(budget) == {RUN: (CENT + 5 * CENT + 2 * CENT, 0)}
    worker.die()
    office.post()
    assert office.drawn(budget) == {RUN: (13 * CENT, 0)}, "what was open when it died counts as held"


def test_what_was_spent_before_a_budget_began_counts_and_is_no_runs(office: Office, worker: Worker) -> None:
    worker.write(held(1, at=NOON), settled(1), held(2, at=NOON - 13 * HOUR), settled(2), held(3, at=NOON))
    office.post()
    budget = office.create()
    assert office.drawn(budget) == {NO_RUN: (CENT, 0)}, "that of the day before does not"
    worker.write(settled(3), held(4, at=NOON + 2 * SECOND), settled(4, picos=7))
    office.post()
    assert office.drawn(budget) == {NO_RUN: (2 * CENT, 0), RUN: (7, 0)}


@pytest.mark.parametrize(
    ("scope", "subject", "drawn"),
    [
        (Scope.KEY, "key_a", 1), (Scope.KEY, "key_b", 2), (Scope.PROJECT, "bot", 2), (Scope.CUSTOMER, "acme", 2),
        (Scope.VENDOR, "deepseek", 3), (Scope.ORGANISATION, "", 3),
    ],
)  # fmt: skip
def test_a_budget_covers_its_scope(office: Office, worker: Worker, scope: Scope, subject: str, drawn: int) -> None:
    create_customer(office.database, "acme", now=1)
    create_project(office.database, "bot", customer="acme", now=1)
    with office.database.write() as connection:
        for key, project in (("key_a", None), ("key_b", "bot")):
            row = {"id": key, "name": key, "digest": key.encode(), "show_cost": 0, "created_at": 1, "project": project}
            connection.execute(insert(keys), row)
    later = NOON + 5 * SECOND
    before = office.create("before", scope=scope, subject=subject)
    worker.write(
        held(1, at=later), settled(1, picos=1), held(2, at=later, key="key_b"), settled(2, picos=2),
    )  # fmt: skip
    office.post()
    after = office.create("after", scope=scope, subject=subject)
    assert office.drawn(before) == {RUN: (drawn, 0)}
    assert office.drawn(after) in ({NO_RUN: (drawn, 0)}, {RUN: (drawn, 0)})


def test_another_currency_is_converted_at_the_rate_of_the_instant_and_never_rounded_down(
    office: Office, worker: Worker
) -> None:
    add_rate(office.database, USD_CNY, (), now=1)
    later = Rate("USD", "CNY", Decimal("8.000000000001"), NOON + 10 * SECOND, "the bank")
    add_rate(office.database, later, (), now=1)
    budget = office.create()
    worker.write(
        held(5, currency="USD"), settled(5, currency="USD", picos=10), held(11, currency="USD"),
        settled(11, currency="USD", picos=10),
    )  # fmt: skip
    office.post()
    assert office.drawn(budget) == {RUN: (71 + 81, 0)}


def test_what_cannot_be_converted_is_told_and_counted_when_the_rate_is_there(office: Office, worker: Worker) -> None:
    budget = office.create()
    worker.write(held(5, currency="USD"), settled(5, currency="USD", picos=10), held(6), settled(6, picos=3))
    office.post()
    assert office.drawn(budget) == {RUN: (3, 1)}
    assert office.findings() == ["draw_without_rate"]
    recount(office.database, budget, Rates(), office.clock)
    assert office.findings() == ["draw_without_rate"]
    recount(office.database, budget, Rates([USD_CNY]), office.clock)
    assert office.drawn(budget) == {RUN: (74, 0)}
    assert office.findings() == []


def test_a_model_without_a_price_is_not_counted_as_nothing(office: Office, worker: Worker) -> None:
    budget = office.create(mode=Mode.SOFT)
    worker.write(held(5, currency=None, picos=None), settled(5, grade=Grade.UNKNOWN, currency=None, picos=None))
    office.post()
    assert office.drawn(budget) == {RUN: (0, 1)}


def test_a_correction_changes_what_was_drawn(office: Office, worker: Worker) -> None:
    budget = office.create()
    worker.write(held(5), settled(5), held(6), settled(6, grade=Grade.UNKNOWN, picos=None))
    office.post()
    call = f"call_{RUN}{6:08x}"
    for amount, reference in ((2 * CENT, "bill-1"), (3 * CENT, "bill-2")):
        with office.database.write() as connection:
            post_correction(
                connection, call, 1, Money("CNY", amount), why="the bill says so", reference=reference, now=NOON
            )
    during = office.create("made before the office has followed it")
    assert office.drawn(during) == {RUN: (CENT + 5 * CENT, 0)}
    office.post()
    for each in (budget, during, office.create("made afterwards")):
        assert office.drawn(each) == {RUN: (CENT + 3 * CENT, 0)}


def test_notice_is_given_once_for_each_mark_and_window(office: Office, worker: Worker) -> None:
    budget = office.create(limit="0.1", notices=(50, 80, 100), mode=Mode.SOFT)
    for number in range(5, 14):
        worker.write(held(number), settled(number))
        office.post()
    assert office.notices(budget) == [80, 50]
    set_limit(office.database, budget, "0.2", office.clock)
    assert office.notices(budget) == [], "9 of 20 is less than half"
    worker.write(held(14), settled(14))
    office.post()
    assert office.notices(budget) == [50]
    set_limit(office.database, budget, "0.1", office.clock)
    assert sorted(office.notices(budget)) == [50, 80, 100]


def test_a_budget_that_looks_back_forgets_what_has_ceased_to_count(office: Office, worker: Worker) -> None:
    budget = office.create(period=Period.ROLLING, span=24 * 60 * SECOND, notices=(40,), limit="0.1")
    for number in range(5, 10):
        worker.write(held(number), settled(number))
    office.post()
    assert office.notices(budget) == [40]
    office.clock.instant += HOUR
    late = office.clock.instant + SECOND
    worker.write(held(20, at=NOON + 20 * SECOND), settled(20), held(21, at=late), settled(21, picos=9))
    office.post()
    assert office.drawn(budget) == {RUN: (9, 0)}, "the old ones are gone, and the late one counts no more"
    assert office.notices(budget) == [40]


def test_a_removed_budget_leaves_nothing_that_binds(office: Office, worker: Worker) -> None:
    budget = office.create()
    with office.database.write() as connection:
        connection.execute(insert(leases), {"budget": budget, "window_start": 0, "run": RUN, "total": 5})
    worker.write(held(5), settled(5))
    office.post()
    remove_budget(office.database, "everything", now=NOON)
    worker.write(held(6), settled(6))
    office.post()
    assert office.drawn(budget) == {}
    with office.database.read() as connection:
        assert connection.execute(select(leases)).all() == []
        with pytest.raises(BudgetRefused, match="there is none yet"):
            find_budget(connection, budget)
    assert office.create() != budget, "its name is free again"


def test_a_run_that_is_over_has_no_lease(office: Office, worker: Worker) -> None:
    budget = office.create()
    with office.database.write() as connection:
        for run in (RUN, "00000000000run2"):
            connection.execute(insert(leases), {"budget": budget, "window_start": 0, "run": run, "total": 5})
    worker.write(held(5), settled(5))
    worker.die()
    office.post()
    with office.database.read() as connection:
        assert list(connection.execute(select(leases.c.run)).scalars()) == ["00000000000run2"]


def test_draws_are_exact_however_large(office: Office, worker: Worker) -> None:
    budget = office.create(limit="1000000000000", period=Period.TOTAL)
    most = 2**63 - 1
    for number in range(5, 8):
        worker.write(held(number), settled(number, picos=most))
        office.post()
    assert office.drawn(budget) == {RUN: (3 * most, 0)}
    with office.database.read() as connection:
        found = find_budget(connection, "everything")
        assert read_draws(connection, budget) == {(budget, window_at(found, NOON).start, RUN): Draw(3 * most, 0)}


def wrong_draws(office: Office, data: Path, **more: Any) -> list[str]:
    found = verify(office.database, data / "journal", PriceBook([], [], {}), clock=office.clock, **more)
    return [one.place for one in found.findings if one.kind == "draw_wrong"]


def test_verification_works_out_again_what_was_drawn(office: Office, worker: Worker, data: Path) -> None:
    add_rate(office.database, USD_CNY, (), now=1)
    office.create("all")
    office.create("looks back", period=Period.ROLLING, span=24 * 60 * SECOND)
    worker.write(held(1, at=NOON), settled(1), held(5), settled(5), held(6, currency="USD"), settled(6, currency="USD"))
    office.post()
    with office.database.write() as connection:
        call, cost = f"call_{RUN}{5:08x}", Money("CNY", 3 * CENT)
        post_correction(connection, call, 1, cost, why="the bill says so", reference="bill-1", now=NOON)
    assert wrong_draws(office, data) == [], "a correction that the office has not followed yet"
    office.post()
    assert wrong_draws(office, data) == []
    office.clock.instant += 2 * HOUR
    assert wrong_draws(office, data) == [], "what has ceased to count"
    correct_rate(office.database, Rate("USD", "CNY", Decimal(7), 0, "the bank"), now=2)
    assert wrong_draws(office, data) == [f"budget all, run {RUN}"]
    recount(office.database, "all", Rates([Rate("USD", "CNY", Decimal(7), 0, "the bank")]), office.clock)
    assert wrong_draws(office, data) == []
    with office.database.write() as connection:
        connection.execute(delete(budget_draws).where(budget_draws.c.run == RUN))
    assert wrong_draws(office, data) == [f"budget all, run {RUN}"]
