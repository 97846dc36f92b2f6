"""Customers, projects, their keys and plans: made once, refused with the next step, and never changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import NOON, SECOND, Worker, held, post_all, settled
from trade import BEFORE, sell

from fenli.errors import AccountRefused
from fenli.office.customers import create_customer, create_project, list_customers, list_projects
from fenli.office.keys import create_key, list_keys, working_keys
from fenli.office.plans import assign_plan, create_plan, list_assignments, list_plans
from fenli.office.posting import Posting
from fenli.prices.plans import Markup, PerCall
from fenli.store import Database


def test_a_key_tells_its_project_and_its_customer(database: Database) -> None:
    key = sell(database)
    ours = create_key(database, "ours", now=BEFORE).id
    found = {key.id: (key.project, key.customer) for key in working_keys(database)}
    assert found == {key: ("acme-web", "acme"), ours: (None, None)}
    assert {key.name: key.project for key in list_keys(database)} == {"acme-key": "acme-web", "ours": None}


def test_a_project_may_be_our_own(database: Database) -> None:
    create_project(database, "lab", "The lab", now=BEFORE)
    key = create_key(database, "lab-key", project="lab", now=BEFORE).id
    assert [(each.id, each.project, each.customer) for each in working_keys(database)] == [(key, "lab", None)]
    assert [(each.id, each.name, each.customer) for each in list_projects(database)] == [("lab", "The lab", None)]
    assert list_projects(database, "acme") == []


@pytest.mark.parametrize("id", ["", "Acme", "a b", "acme#1", "-a", "a" * 65, "客户", "a/b"])
def test_an_id_is_plain(database: Database, id: str) -> None:
    with pytest.raises(AccountRefused, match="is no id for a customer: write small letters"):
        create_customer(database, id, now=BEFORE)
    with pytest.raises(AccountRefused, match="is no id for a project"):
        create_project(database, id, now=BEFORE)
    assert list_customers(database) == []


def test_what_is_there_is_not_made_again(database: Database) -> None:
    sell(database)
    with pytest.raises(AccountRefused, match="there is a customer 'acme' already"):
        create_customer(database, "acme", now=NOON)
    with pytest.raises(AccountRefused, match="there is a project 'acme-web' already"):
        create_project(database, "acme-web", now=NOON)
    with pytest.raises(AccountRefused, match="a plan 'acme-plan' already, and plans do not change"):
        create_plan(database, "acme-plan", Markup("2"), now=NOON)


def test_what_is_not_there_is_named_with_what_is(database: Database) -> None:
    with pytest.raises(AccountRefused, match="no customer 'acme': make one with `fenli customer create`"):
        create_project(database, "web", customer="acme", now=BEFORE)
    sell(database)
    with pytest.raises(AccountRefused, match="no customer 'acmee': there are acme"):
        create_project(database, "web", customer="acmee", now=BEFORE)
    with pytest.raises(AccountRefused, match="no project 'web': `fenli project list`"):
        create_key(database, "k", project="web", now=BEFORE)
    with pytest.raises(AccountRefused, match="no plan 'gold': there are acme-plan"):
        assign_plan(database, "gold", customer="acme", now=NOON)
    assert [key.name for key in list_keys(database)] == ["acme-key"]


def test_a_plan_is_assigned_from_now_on(database: Database) -> None:
    sell(database)
    create_plan(database, "call", PerCall("CNY", "1"), now=NOON)
    assign_plan(database, "call", project="acme-web", starts_at=NOON + 9, now=NOON)
    assign_plan(database, None, customer="acme", now=NOON)
    with database.read() as connection:
        plans = {plan.id: plan.name for plan in list_plans(connection)}
        found = [
            (each.project, None if each.plan is None else plans[each.plan], each.starts_at, each.ends_at)
            for each in list_assignments(connection, "acme")
        ]
        assert list_assignments(connection, "other") == []
    assert found == [
        (None, "acme-plan", BEFORE, NOON),
        (None, None, NOON, None),
        ("acme-web", "call", NOON + 9, None),
    ]


def test_a_plan_reaches_nothing_that_is_booked(data: Path, database: Database, posting: Posting) -> None:
    """A call that a worker's faster clock opened a second from now is in the books already."""
    key = sell(database)
    Worker(data).write(held(1, key=key), settled(1))
    post_all(posting)
    made = assign_plan(database, None, customer="acme", now=NOON)
    assert made.starts_at == NOON + SECOND + 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"starts_at": NOON - 1}, "is over, and a plan does not reach back"),
        ({"starts_at": BEFORE}, "is over"),
        ({"project": "acme-web"}, "one customer or one project"),
        ({"customer": None}, "one customer or one project"),
        ({"customer": None, "project": "lab"}, "has no customer, so nobody pays"),
    ],
)
def test_an_assignment_that_cannot_be(database: Database, changed: dict[str, Any], says: str) -> None:
    sell(database)
    create_project(database, "lab", now=BEFORE)
    with pytest.raises(AccountRefused, match=says):
        assign_plan(database, "acme-plan", **{"customer": "acme", "now": NOON} | changed)


def test_two_plans_do_not_hold_from_one_instant(database: Database) -> None:
    sell(database)
    assign_plan(database, None, customer="acme", starts_at=NOON + 10, now=NOON)
    for starts in (NOON + 10, NOON + 9):
        with pytest.raises(AccountRefused, match="is agreed already: let the next one start after it"):
            assign_plan(database, "acme-plan", customer="acme", starts_at=starts, now=NOON)


@pytest.mark.parametrize("name", ["", "Gold", "a b", "x" * 65])
def test_a_plans_name_is_plain_and_its_terms_can_be_kept(database: Database, name: str) -> None:
    with pytest.raises(AccountRefused, match="is no name for a plan"):
        create_plan(database, name, Markup("1"), now=NOON)
    with pytest.raises(AccountRefused, match="the markup is"):
        create_plan(database, "gold", Markup("0"), now=NOON)
    with database.read() as connection:
        assert list_plans(connection) == []
