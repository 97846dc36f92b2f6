"""Customers' money: what comes in, what is given, what goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import CENT, HOUR, NOON, Worker, post_all
from trade import BEFORE, YUAN, balance, balances, call, lot_rows, sell

from fenli.errors import AccountRefused, MoneyError
from fenli.ledger.chart import Kind, Move
from fenli.office.posting import Posting
from fenli.office.wallets import give_credit, movements, purses, refund, top_up
from fenli.prices.plans import Markup
from fenli.store import Database
from fenli.values import Money


def test_money_comes_in_and_goes_back(database: Database) -> None:
    sell(database)
    assert top_up(database, "acme", Money("CNY", 5 * YUAN), reference="INV-1", why="by bank", now=NOON)
    assert top_up(database, "acme", Money("USD", 7), reference="INV-2", now=NOON)
    assert refund(database, "acme", Money("CNY", YUAN), reference="BACK-1", now=NOON)
    assert balances(database) == {
        "cash CNY": 4 * YUAN, "wallet acme CNY": 4 * YUAN, "cash USD": 7, "wallet acme USD": 7,
    }  # fmt: skip
    with pytest.raises(AccountRefused, match="take no more than there is"):
        refund(database, "acme", Money("CNY", 5 * YUAN), reference="BACK-2", now=NOON)


def test_the_same_reference_is_booked_once(database: Database) -> None:
    sell(database)
    for booked in (True, False, False):
        assert top_up(database, "acme", Money("CNY", YUAN), reference="INV-1", now=NOON) is booked
        assert give_credit(database, "acme", Money("CNY", YUAN), reference="C-1", now=NOON) is booked
        assert refund(database, "acme", Money("CNY", 1), reference="R-1", now=NOON) is booked
    assert balance(database, Kind.WALLET, "acme") == YUAN - 1
    with pytest.raises(AccountRefused, match="INV-1 was booked before as 1 CNY"):
        top_up(database, "acme", Money("CNY", 2 * YUAN), reference="INV-1", now=NOON)
    with pytest.raises(AccountRefused, match="C-1 was booked before, as 1 CNY"):
        give_credit(database, "acme", Money("CNY", YUAN), reference="C-1", expires_at=NOON + HOUR, now=NOON)


def test_two_customers_may_use_one_reference(database: Database) -> None:
    for customer in ("acme", "other"):
        sell(database, customer)
        assert top_up(database, customer, Money("CNY", YUAN), reference="INV-1", now=NOON)
        assert give_credit(database, customer, Money("CNY", YUAN), reference="INV-1", now=NOON)


def test_what_is_owed_is_paid_first(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database, terms=Markup("1"))
    call(Worker(data), 1, key, 3 * CENT)
    post_all(posting)
    top_up(database, "acme", Money("CNY", CENT), reference="a", now=NOON)
    assert balances(database)["owed acme CNY"] == 2 * CENT
    top_up(database, "acme", Money("CNY", 5 * CENT), reference="b", now=NOON)
    assert (balance(database, Kind.OWED, "acme"), balance(database, Kind.WALLET, "acme")) == (0, 3 * CENT)
    with database.read() as connection:
        moved = [(each.kind, each.amount) for each in movements(connection, "acme", 100)]
    assert moved == [
        (Move.CHARGE, 3 * CENT), (Move.TOP_UP, CENT), (Move.REPAYMENT, CENT),
        (Move.TOP_UP, 5 * CENT), (Move.REPAYMENT, 2 * CENT),
    ]  # fmt: skip


def test_a_purse_tells_what_a_customer_has(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database, terms=Markup("1"))
    give_credit(database, "acme", Money("CNY", 2 * CENT), reference="late", now=BEFORE)
    give_credit(database, "acme", Money("CNY", 2 * CENT), reference="soon", expires_at=NOON + HOUR, now=BEFORE)
    give_credit(database, "acme", Money("USD", 9), reference="dollars", now=BEFORE)
    call(Worker(data), 1, key, 3 * CENT)
    post_all(posting)
    with database.read() as connection:
        yuan, dollars = purses(connection, "acme")
    assert (yuan.currency, yuan.wallet, yuan.owed, yuan.charged, yuan.credit) == ("CNY", 0, 0, 3 * CENT, CENT)
    assert [lot.left for lot in yuan.credits] == [CENT]
    assert (dollars.currency, dollars.credit) == ("USD", 9)
    assert {row.reference: row.used for row in lot_rows(database)}["soon"] == 2 * CENT


def test_another_customer_with_a_longer_name_is_another(database: Database) -> None:
    sell(database)
    sell(database, "acme-2")
    give_credit(database, "acme-2", Money("CNY", YUAN), reference="c", now=NOON)
    with database.read() as connection:
        assert purses(connection, "acme") == []
        assert movements(connection, "acme", 10) == []
        assert len(movements(connection, "acme-2", 10)) == 1


@pytest.mark.parametrize("move", [top_up, refund, give_credit])
@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"amount": Money("CNY", 0)}, AccountRefused, "of 0 CNY: write an amount above 0"),
        ({"amount": Money("CNY", -5 * YUAN)}, AccountRefused, "of -5 CNY: write an amount above 0"),
        ({"amount": Money("XYZ", 5)}, MoneyError, "'XYZ' is no currency that fenli knows: write one of CNY"),
        ({"customer": "nobody"}, AccountRefused, "there is no customer 'nobody': there are acme"),
        ({"reference": ""}, AccountRefused, "cannot be kept as a note"),
        ({"reference": "x" * 201}, AccountRefused, "1 to 200 printable characters"),
        ({"why": "a\x00b"}, AccountRefused, "cannot be kept as a note"),
    ],
)
def test_what_is_refused_is_refused_whole(
    database: Database, move: Any, changed: dict[str, Any], error: type[Exception], says: str
) -> None:
    sell(database)
    top_up(database, "acme", Money("CNY", 9 * YUAN), reference="first", now=NOON)
    before = balances(database)
    values: dict[str, Any] = {"customer": "acme", "amount": Money("CNY", 5), "reference": "r", **changed}
    with pytest.raises(error, match=says):
        move(database, values.pop("customer"), values.pop("amount"), **values, now=NOON)
    assert balances(database) == before
    assert lot_rows(database) == []


@pytest.mark.parametrize("end", [NOON, NOON - 1])
def test_a_credit_ends_in_the_future(database: Database, end: int) -> None:
    sell(database)
    with pytest.raises(AccountRefused, match="over before it begins: write a later end"):
        give_credit(database, "acme", Money("CNY", 1), reference="c", expires_at=end, now=NOON)
    assert lot_rows(database) == []
