"""A correction changes what counts, and nothing that was written before it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from books import CENT, HOUR, NOON, Worker, books, held, post_all, released, settled, total
from trade import BEFORE, balance, balances, call, sell

from fenli.errors import AccountRefused
from fenli.ledger.chart import Kind
from fenli.ledger.corrections import Correction
from fenli.ledger.records import Grade
from fenli.office.accounts import read_transfers
from fenli.office.corrections import post_correction
from fenli.office.posting import Posting
from fenli.office.reports import list_entries, usage
from fenli.office.verify import verify
from fenli.office.wallets import top_up
from fenli.prices import PriceBook
from fenli.prices.plans import Markup, PerCall
from fenli.store import Database
from fenli.values import Money

LATER = NOON + 2 * HOUR


def correct(database: Database, call: str, picos: int, currency: str = "CNY", **changed: Any) -> Correction:
    values: dict[str, Any] = {"why": "the vendor's bill", "reference": "bill-11", "now": LATER, **changed}
    with database.write() as connection:
        return post_correction(connection, call, values.pop("attempt", 1), Money(currency, picos), **values)


def id_of(number: int) -> str:
    return f"call_00000000000run1{number:08x}"


def test_an_unknown_cost_becomes_what_the_bill_says(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), held(2), settled(2))
    worker.die()
    post_all(posting)
    made = correct(database, id_of(1), 3 * CENT)
    assert (made.picos_before, made.picos) == (None, 3 * CENT)
    assert balances(database) == {"cost deepseek CNY": 4 * CENT, "payable deepseek CNY": 4 * CENT}
    (row,) = list_entries(database, grade="reconciled")
    assert (row.entry.grade, row.entry.picos, row.correction) == (Grade.RECONCILED, 3 * CENT, made)
    assert list_entries(database, grade="unknown") == []
    whole = total(books(database)["sums"])
    assert (whole.picos, whole.unknown, whole.unknown_held, whole.attempts) == (4 * CENT, 0, 0, 2)
    assert _findings(data, database) == []


def test_the_entry_itself_stays_as_it_was(data: Path, database: Database, posting: Posting) -> None:
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    before = books(database)
    correct(database, id_of(1), 2 * CENT)
    after = books(database)
    assert (before["entries"], before["chain"]) == (after["entries"], after["chain"])


@pytest.mark.parametrize(("picos", "more"), [(3 * CENT, 2 * CENT), (0, -CENT), (CENT, 0)])
def test_only_the_difference_moves(data: Path, database: Database, posting: Posting, picos: int, more: int) -> None:
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    correct(database, id_of(1), picos)
    assert balance(database, Kind.COST, "deepseek") == balance(database, Kind.PAYABLE, "deepseek") == picos
    with database.read() as connection:
        corrections = read_transfers(connection, None, 10)[1:]
    assert [each.amount for each in corrections] == [abs(more)] * bool(more)
    assert all(each.names == "1-1/cost/cost:deepseek/payable:deepseek/CNY" for each in corrections)
    assert _findings(data, database) == []


def test_the_newest_of_several_counts(data: Path, database: Database, posting: Posting) -> None:
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    correct(database, id_of(1), 5 * CENT)
    second = correct(database, id_of(1), 2 * CENT, reference="bill-11b")
    assert second.picos_before == 5 * CENT
    assert balance(database, Kind.COST, "deepseek") == 2 * CENT
    (row,) = list_entries(database)
    assert row.entry.picos == 2 * CENT
    assert _findings(data, database) == []


def test_the_same_correction_again_changes_nothing(data: Path, database: Database, posting: Posting) -> None:
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    first = correct(database, id_of(1), 2 * CENT)
    assert correct(database, id_of(1), 2 * CENT, now=LATER + 1) == first
    with pytest.raises(AccountRefused, match=r"was corrected to 0\.02 CNY by bill-11"):
        correct(database, id_of(1), 3 * CENT)
    assert balance(database, Kind.COST, "deepseek") == 2 * CENT


def test_a_vendor_may_bill_what_it_was_not_owed(data: Path, database: Database, posting: Posting) -> None:
    Worker(data).write(held(1), released(1, final=True))
    post_all(posting)
    correct(database, id_of(1), CENT)
    assert balance(database, Kind.COST, "deepseek") == CENT
    assert _findings(data, database) == []


def test_an_unpriced_call_gets_the_currency_of_its_bill(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database, terms=Markup("2"))
    unknown = {"grade": Grade.UNKNOWN, "picos": None, "usage": None, "offer": None, "rated_at": None}
    Worker(data).write(held(1, key=key, picos=None, currency=None), settled(1, **unknown, currency=None))
    post_all(posting)
    correct(database, id_of(1), CENT, "USD")
    assert balances(database) == {
        "owed acme USD": 2 * CENT, "revenue acme USD": 2 * CENT,
        "cost deepseek USD": CENT, "payable deepseek USD": CENT,
    }  # fmt: skip
    (row,) = usage(database, by="customer", zone=UTC)
    assert (row.currency, row.charge_currency, row.charge_picos, row.unknown) == ("USD", "USD", 2 * CENT, 0)
    assert _findings(data, database) == []


def test_a_charge_that_follows_the_cost_is_charged_or_given_back(
    data: Path, database: Database, posting: Posting
) -> None:
    key = sell(database, terms=Markup("2"))
    top_up(database, "acme", Money("CNY", 5 * CENT), reference="t", now=BEFORE)
    call(Worker(data), 1, key, CENT)
    post_all(posting)
    made = correct(database, id_of(1), 3 * CENT)
    assert (made.charge_before, made.charge_picos) == (2 * CENT, 6 * CENT)
    assert (balance(database, Kind.WALLET, "acme"), balance(database, Kind.OWED, "acme")) == (0, CENT)
    correct(database, id_of(1), CENT, reference="bill-11b")
    assert (balance(database, Kind.WALLET, "acme"), balance(database, Kind.OWED, "acme")) == (3 * CENT, 0)
    assert _findings(data, database) == []


def test_a_charge_that_does_not_follow_the_cost_stays(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database, terms=PerCall("CNY", "0.5"))
    call(Worker(data), 1, key, CENT)
    post_all(posting)
    made = correct(database, id_of(1), 3 * CENT)
    assert made.charge_picos == made.charge_before == 50 * CENT
    assert balance(database, Kind.REVENUE, "acme") == 50 * CENT


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"call": "call_nothing"}, "is not in the books"),
        ({"attempt": 2}, "attempt 2 of .* is not in the books"),
        ({"currency": "USD"}, "is in CNY"),
        ({"picos": -1}, "no less than nothing"),
        ({"why": ""}, "cannot be kept as a note"),
        ({"reference": "a\nb"}, "cannot be kept as a note"),
    ],
)
def test_what_is_refused_changes_nothing(
    data: Path, database: Database, posting: Posting, changed: dict[str, Any], says: str
) -> None:
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    values: dict[str, Any] = {"call": id_of(1), "picos": CENT, **changed}
    with pytest.raises(AccountRefused, match=says):
        correct(database, **values)
    assert list_entries(database)[0].correction is None


def _findings(data: Path, database: Database) -> list[str]:
    found = verify(database, data / "journal", PriceBook.load()).findings
    return [f"{each.kind} {each.place}: {each.what}" for each in found if each.kind != "cost_wrong"]
