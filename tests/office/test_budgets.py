"""Budgets in the store: what may be one, and what is refused with what to write instead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from books import NOON, SECOND, StoppedClock
from sqlalchemy import insert, select

from fenli.budgets import Budget, Mode, Period, Scope
from fenli.errors import BudgetRefused, ValueRefused
from fenli.office.budget_counts import create_budget, set_limit
from fenli.office.budgets import NewBudget, binding_budgets, find_budget, list_budgets, remove_budget
from fenli.office.customers import create_customer, create_project
from fenli.office.tables import budgets, keys
from fenli.prices.rates import Rates
from fenli.store import Database

VENDORS = {"deepseek", "alibaba"}
SOUND = NewBudget(
    name="team", scope=Scope.ORGANISATION, limit="5", currency="CNY", period=Period.DAY, zone="Asia/Shanghai"
)


def create(database: Database, **changed: Any) -> Budget:
    wanted = msgspec.structs.replace(SOUND, **changed)
    return create_budget(database, wanted, Rates(), VENDORS, StoppedClock(NOON))


def test_a_budget_binds_a_second_after_it_is_made(database: Database) -> None:
    made = create(database, limit="5.000000000001", notices=(100, 50, 50))
    assert made == Budget(
        made.id, "team", Scope.ORGANISATION, "", "CNY", "5000000000001", Period.DAY, Mode.HARD, "Asia/Shanghai", 0,
        NOON + SECOND, (50, 100),
    )  # fmt: skip
    assert binding_budgets(database) == (made,)
    soft = create(database, name="watch", mode=Mode.SOFT)
    with database.read() as connection:
        assert list_budgets(connection) == (made, soft)
        assert find_budget(connection, "watch") == find_budget(connection, soft.id) == soft
    assert binding_budgets(database) == (made,)


def test_a_subject_is_given_by_id_or_name_and_kept_by_id(database: Database) -> None:
    create_customer(database, "acme", "Acme Ltd", now=1)
    create_project(database, "bot", customer="acme", now=1)
    with database.write() as connection:
        row = {"id": "key_1", "name": "app", "digest": b"1", "show_cost": 0, "created_at": 1}
        connection.execute(insert(keys), row)
    for scope, given, kept in (
        (Scope.CUSTOMER, "Acme Ltd", "acme"), (Scope.PROJECT, "bot", "bot"), (Scope.KEY, "app", "key_1"),
        (Scope.KEY, "key_1", "key_1"), (Scope.VENDOR, "deepseek", "deepseek"),
    ):  # fmt: skip
        made = create(database, name=f"{scope} {given}", scope=scope, subject=given)
        assert made.subject == kept


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": " "}, "1 to 100 printable"),
        ({"limit": "-5"}, "above 0"),
        ({"limit": "0"}, "above 0"),
        ({"limit": "1e3"}, "plain decimal"),
        ({"limit": "0.0000000000001"}, "finer than a pico"),
        ({"currency": "YEN"}, "CNY, USD"),
        ({"zone": "Mars/Base"}, "Asia/Shanghai"),
        ({"zone": "../etc"}, "Asia/Shanghai"),
        ({"scope": Scope.KEY}, "give its id or name"),
        ({"scope": Scope.KEY, "subject": "nobody"}, "'nobody' is not there"),
        ({"scope": Scope.CUSTOMER, "subject": "acme"}, "'acme' is not there"),
        ({"scope": Scope.VENDOR, "subject": "deepsek"}, "did you mean 'deepseek'"),
        ({"scope": Scope.VENDOR, "subject": "zzz"}, "there are alibaba, deepseek"),
        ({"subject": "me"}, "leave out 'me'"),
        ({"period": Period.ROLLING}, "such as 24h"),
        ({"period": Period.ROLLING, "span": SECOND}, "1m to 400d"),
        ({"span": 60 * SECOND}, "say rolling"),
        ({"notices": (0,)}, "such as 80"),
        ({"notices": (1001,)}, "such as 80"),
    ],
)
def test_what_makes_no_sense_is_refused_whole(database: Database, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueRefused, match=says):
        create(database, **changed)
    with database.read() as connection:
        assert connection.execute(select(budgets)).all() == []


def test_names_are_unique_among_those_that_stand(database: Database) -> None:
    first = create(database)
    with pytest.raises(BudgetRefused, match=first.id):
        create(database)
    with pytest.raises(BudgetRefused, match="above 0"):
        set_limit(database, "team", "0", StoppedClock(NOON))
    before, after = set_limit(database, "team", "6", StoppedClock(NOON))
    assert (before.picos, after.picos) == (5 * 10**12, 6 * 10**12)
    assert remove_budget(database, "team", now=NOON).id == first.id
    with pytest.raises(BudgetRefused, match="there is none yet"):
        remove_budget(database, "team", now=NOON)
    second = create(database)
    with database.read() as connection, pytest.raises(BudgetRefused, match="there are team"):
        find_budget(connection, first.id)
    with database.read() as connection:
        rows = connection.execute(select(budgets.c.id, budgets.c.removed_at)).all()
    assert set(map(tuple, rows)) == {(first.id, NOON), (second.id, None)}, "what it was stays on record"
