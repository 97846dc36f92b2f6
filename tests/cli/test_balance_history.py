from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fenli.cli.balance_history import changes, curve_of
from fenli.office.balances import Poll
from fenli.vendors.balances import Balance, Holding

PICO = 10**12


def poll(at: int, *holdings: Holding) -> Poll:
    return Poll(vendor="x", asked_at=at, took=0, outcome="ok", balance=Balance(holdings))


def silent(at: int, outcome: str = "timeout") -> Poll:
    return Poll(vendor="x", asked_at=at, took=0, outcome=outcome)


POLLS = st.lists(st.one_of(st.none(), st.integers(-3, 3))).map(
    lambda amounts: [
        silent(at) if amount is None else poll(at, Holding("CNY", amount)) for at, amount in enumerate(amounts)
    ]
)


@given(POLLS)
def test_the_changes_add_up_to_what_is_left(polls: list[Poll]) -> None:
    told = [each.balance.holdings[0].picos for each in polls if each.balance is not None]
    found = changes(polls)[::-1]
    moved = sum(change.more for change in found if change.more is not None)
    assert moved == (told[-1] - told[0] if told else 0)
    assert [change.at for change in found] == sorted({change.at for change in found})


def test_currencies_change_apart() -> None:
    polls = [
        poll(1, Holding("CNY", 5), Holding("USD", 7)),
        poll(2, Holding("CNY", 4), Holding("USD", 7)),
        poll(3, Holding("CNY", 4), Holding("USD", 9)),
    ]
    found = [(change.at, change.holding and change.holding.currency, change.more) for change in changes(polls)]
    assert found == [(3, "USD", 2), (2, "CNY", -1), (1, "USD", None), (1, "CNY", None)]


def test_what_a_balance_is_made_of_is_a_change_too() -> None:
    polls = [poll(1, Holding("CNY", 5, 5, 0)), poll(2, Holding("CNY", 5, 0, 5))]
    assert [change.more for change in changes(polls)] == [0, None]


def test_a_failure_and_its_end_are_shown_once_each() -> None:
    same = Holding("CNY", 5)
    polls = [poll(1, same), silent(2), silent(3), silent(4, "bad_key"), poll(5, same), poll(6, same)]
    assert [(change.at, change.outcome) for change in changes(polls)] == [
        (5, "ok"), (4, "bad_key"), (2, "timeout"), (1, "ok"),
    ]  # fmt: skip


def test_the_chart_has_a_gap_where_nothing_is_known_and_nothing_below_nothing() -> None:
    polls = [poll(10, Holding("CNY", 5 * PICO)), silent(20), poll(30, Holding("CNY", -PICO)), poll(40)]
    curve = curve_of(polls, "CNY", until=50)
    assert [(step.start, step.end, step.value) for step in curve.steps] == [
        (10, 20, Fraction(5)),
        (30, 40, Fraction(0)),
    ]
    assert curve_of(polls[:1], "CNY", until=0).steps[0].end == 11
