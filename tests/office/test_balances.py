from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fenli.office.balances import Poll, add_poll, last_polls, list_polls
from fenli.office.tables import balance_polls
from fenli.store import Database
from fenli.vendors.balances import Balance, Holding

PICOS = st.integers(-(10**30), 10**30)
HOLDINGS = st.lists(
    st.builds(
        Holding,
        currency=st.sampled_from(["CNY", "USD", "HKD"]),
        picos=PICOS,
        granted=st.none() | PICOS,
        topped_up=st.none() | PICOS,
    ),
    min_size=1,
    unique_by=lambda holding: holding.currency,
).map(lambda held: tuple(sorted(held, key=lambda holding: holding.currency)))


def told(vendor: str, at: int, picos: int) -> Poll:
    return Poll(vendor=vendor, asked_at=at, took=1, outcome="ok", status=200, balance=Balance((Holding("CNY", picos),)))


def failed(vendor: str, at: int) -> Poll:
    return Poll(vendor=vendor, asked_at=at, took=1, outcome="bad_key", status=401, note="no such key")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(holdings=HOLDINGS, usable=st.none() | st.booleans(), reply=st.binary(max_size=20))
def test_what_was_told_is_read_back_whole(
    database: Database, holdings: tuple[Holding, ...], usable: bool | None, reply: bytes
) -> None:
    poll = Poll(
        vendor="deepseek", asked_at=5, took=7, outcome="ok", status=200, balance=Balance(holdings, usable), reply=reply
    )
    add_poll(database, poll)
    assert last_polls(database)["deepseek"] == poll
    assert list_polls(database, "deepseek")[-1] == poll


def test_the_history_is_each_vendors_own_in_order_and_within_its_span(database: Database) -> None:
    polls = [told("deepseek", 10, 3), told("moonshot", 11, 9), failed("deepseek", 20), told("deepseek", 30, 0)]
    for poll in polls:
        add_poll(database, poll)
    assert list_polls(database, "deepseek") == [polls[0], polls[2], polls[3]]
    assert list_polls(database, "deepseek", since=20, until=30) == [polls[2]]
    assert list_polls(database, "stepfun") == []
    assert last_polls(database) == {"deepseek": polls[3], "moonshot": polls[1]}


def test_a_failure_has_no_amount_and_zero_is_one(database: Database) -> None:
    add_poll(database, failed("deepseek", 1))
    add_poll(database, told("deepseek", 2, 0))
    first, second = list_polls(database, "deepseek")
    assert first.balance is None
    assert second.balance == Balance((Holding("CNY", 0),))


def test_nothing_that_was_written_down_changes(database: Database) -> None:
    add_poll(database, told("deepseek", 1, 5))
    with database.read() as connection:
        before = connection.execute(select(balance_polls)).all()
    for at in (1, 1, 2):
        add_poll(database, told("deepseek", at, 4))
    with database.read() as connection:
        after = connection.execute(select(balance_polls).order_by(balance_polls.c.id)).all()
    assert after[: len(before)] == before
    assert len(after) == 4
