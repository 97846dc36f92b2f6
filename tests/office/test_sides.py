"""Both sides of every call: what vendors are owed, what customers pay, and what lots cover."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from books import CENT, HOUR, NOON, SECOND, StoppedClock, Worker, attempted, held, post_all, released, settled
from trade import BEFORE, YUAN, balance, balances, call, lot_rows, sell

from fenli.ledger.chart import Kind
from fenli.ledger.lots import LotKind
from fenli.ledger.records import Grade
from fenli.office.accounts import read_transfers
from fenli.office.customers import create_project
from fenli.office.keys import create_key
from fenli.office.packs import Purchase, buy, vendor_costs
from fenli.office.plans import assign_plan, create_plan
from fenli.office.posting import Posting
from fenli.office.reports import list_entries, usage
from fenli.office.verify import verify
from fenli.office.wallets import give_credit, top_up
from fenli.prices import PriceBook
from fenli.prices.plans import Markup, PerCall
from fenli.store import Database
from fenli.values import Money


def test_a_batch_is_one_transfer_a_pair_of_accounts(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(*[record for number in range(1, 101) for record in (held(number), settled(number))])
    post_all(posting)
    with database.read() as connection:
        (transfer,) = read_transfers(connection, None, 10)
    assert (transfer.amount, transfer.first, transfer.last) == (100 * CENT, 1, 100)
    assert balances(database) == {"cost deepseek CNY": CENT * 100, "payable deepseek CNY": CENT * 100}


def test_an_unknown_cost_is_pending_at_what_was_held_and_no_cost(
    data: Path, database: Database, posting: Posting
) -> None:
    worker = Worker(data)
    worker.write(held(1), held(2), settled(2), held(3, picos=None, currency=None), held(4), released(4, final=True))
    worker.die()
    post_all(posting)
    assert balances(database) == {
        "cost deepseek CNY": CENT,
        "payable deepseek CNY": CENT,
        "payable deepseek CNY ?": 5 * CENT,
        "unclear deepseek CNY ?": 5 * CENT,
    }


def test_vendors_and_currencies_are_kept_apart(data: Path, database: Database, posting: Posting) -> None:
    worker = Worker(data)
    worker.write(held(1), settled(1), held(2), settled(2, currency="USD", picos=7))
    worker.write(held(3), settled(3, final=False), attempted(3), settled(3, 2, picos=3))
    post_all(posting)
    assert balances(database) == {
        "cost deepseek CNY": 2 * CENT, "payable deepseek CNY": 2 * CENT, "cost deepseek USD": 7,
        "payable deepseek USD": 7, "cost moonshot CNY": 3, "payable moonshot CNY": 3,
    }  # fmt: skip


def test_a_customer_pays_out_of_the_wallet_and_then_owes(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database)
    top_up(database, "acme", Money("CNY", 2 * CENT), reference="INV-1", now=BEFORE)
    worker = Worker(data)
    call(worker, 1, key, CENT)
    post_all(posting)
    assert (balance(database, Kind.WALLET, "acme"), balance(database, Kind.OWED, "acme")) == (CENT * 8 // 10, 0)
    call(worker, 2, key, CENT)
    post_all(posting)
    assert (balance(database, Kind.WALLET, "acme"), balance(database, Kind.OWED, "acme")) == (0, CENT * 4 // 10)
    assert balance(database, Kind.REVENUE, "acme") == CENT * 24 // 10
    top_up(database, "acme", Money("CNY", CENT), reference="INV-2", now=NOON + HOUR)
    assert (balance(database, Kind.WALLET, "acme"), balance(database, Kind.OWED, "acme")) == (CENT * 6 // 10, 0)


def test_entries_say_whose_they_are_and_what_is_charged(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database)
    worker = Worker(data)
    call(worker, 1, key, CENT + 1)
    call(worker, 2, "key_of_ours", CENT)
    worker.write(held(3, key=key), released(3, final=True), held(4, key=key), settled(4, **_unknown()))
    post_all(posting)
    found = {row.entry.call[-1]: row.entry for row in list_entries(database)}
    assert [(found[name].project, found[name].customer) for name in "12"] == [("acme-web", "acme"), (None, None)]
    charges = {name: (entry.charge_currency, entry.charge_picos) for name, entry in found.items()}
    rounded_half_up = ((CENT + 1) * 12 + 5) // 10
    assert charges == {"1": ("CNY", rounded_half_up), "2": (None, None), "3": (None, None), "4": ("CNY", None)}
    rows = usage(database, by="customer", zone=UTC)
    assert [(row.group, row.charge_currency, row.charge_picos, row.charge_unknown) for row in rows] == [
        ("", None, 0, 0),
        ("acme", None, 0, 0),
        ("acme", "CNY", rounded_half_up, 1),
    ]


def test_a_charge_of_an_unpriced_model_is_unknown_and_not_nothing(
    data: Path, database: Database, posting: Posting
) -> None:
    key = sell(database)
    Worker(data).write(held(1, key=key, picos=None, currency=None), settled(1, **_unknown(), currency=None))
    post_all(posting)
    (row,) = list_entries(database)
    assert (row.entry.charge_currency, row.entry.charge_picos) == ("XXX", None)
    assert balances(database) == {}


def test_a_plan_holds_for_what_is_opened_under_it_whenever_it_is_posted(
    data: Path, database: Database, posting: Posting
) -> None:
    key = sell(database)
    worker = Worker(data)
    worker.write(held(1, key=key))
    post_all(posting)
    create_plan(database, "call", PerCall("CNY", "1"), now=NOON + 3 * SECOND)
    made = assign_plan(database, "call", customer="acme", now=NOON + 3 * SECOND)
    assert made.starts_at == NOON + 3 * SECOND
    worker.write(held(2, key=key), settled(2), held(5, key=key), settled(5), settled(1))
    post_all(posting)
    charges = {row.entry.call[-1]: row.entry.charge_picos for row in list_entries(database)}
    assert charges == {"1": CENT * 12 // 10, "2": CENT * 12 // 10, "5": YUAN}


def test_a_project_may_have_a_plan_of_its_own(data: Path, database: Database, posting: Posting) -> None:
    first = sell(database)
    create_project(database, "lab", customer="acme", now=BEFORE)
    second = create_key(database, "lab-key", project="lab", now=BEFORE).id
    assign_plan(database, None, project="lab", now=BEFORE)
    worker = Worker(data)
    call(worker, 1, first, CENT)
    call(worker, 2, second, CENT)
    post_all(posting)
    charges = {row.entry.project: row.entry.charge_currency for row in list_entries(database)}
    assert charges == {"acme-web": "CNY", "lab": None}


def test_a_key_made_while_the_office_runs_is_booked_to_its_project(
    data: Path, database: Database, posting: Posting
) -> None:
    worker = Worker(data)
    call(worker, 1, "key_of_ours", CENT)
    post_all(posting)
    key = sell(database)
    call(worker, 2, key, CENT)
    post_all(posting)
    assert [row.entry.customer for row in list_entries(database, newest_first=False)] == [None, "acme"]


def test_credits_are_drawn_on_before_the_wallet_and_by_expiry(data: Path, database: Database, posting: Posting) -> None:
    key = sell(database, terms=Markup("1"))
    top_up(database, "acme", Money("CNY", CENT), reference="t", now=BEFORE)
    give_credit(database, "acme", Money("CNY", 2 * CENT), reference="a", now=BEFORE)
    give_credit(database, "acme", Money("CNY", CENT), reference="b", expires_at=NOON + 2 * SECOND, now=BEFORE)
    worker = Worker(data)
    for number in (1, 2, 3):
        call(worker, number, key, CENT)
    call(worker, 4, key, 3 * CENT // 2)
    post_all(posting)
    assert {row.reference: row.used for row in lot_rows(database)} == {"a": 2 * CENT, "b": CENT}
    assert balance(database, Kind.WALLET, "acme") == 0
    assert balance(database, Kind.OWED, "acme") == CENT // 2
    assert balance(database, Kind.GIVEN, "acme") == 3 * CENT
    assert _sound(data, database) == []


def test_the_same_draws_however_the_journal_was_cut_into_batches(data: Path, database: Database) -> None:
    """Half the calls in one batch, then one batch a call: a credit's end falls between two of them."""
    key = sell(database, terms=Markup("1"))
    give_credit(database, "acme", Money("CNY", 10 * CENT), reference="a", expires_at=NOON + 6 * SECOND, now=BEFORE)
    worker = Worker(data)
    worker.write(*[record for n in range(1, 6) for record in (held(n, key=key), settled(n))])
    _post_afresh(database, data)
    for number in range(6, 11):
        call(worker, number, key, CENT)
        _post_afresh(database, data)
    (lot,) = lot_rows(database)
    assert lot.used == 5 * CENT
    assert balance(database, Kind.OWED, "acme") == 5 * CENT
    assert _sound(data, database) == []


def test_a_pack_is_drawn_on_and_the_rest_is_owed(data: Path, database: Database, posting: Posting) -> None:
    """1,010 tokens a call at 1 cent; 2,525 tokens for 2 cents cover two calls and a half."""
    _buy(database, units=2525, unit="tokens", price=2 * CENT, kind=LotKind.PACK)
    worker = Worker(data)
    for number in (1, 2, 3, 4):
        call(worker, number, "key_a", CENT)
    post_all(posting)
    (costs,) = _costs(database)
    assert (costs.list_cost, costs.saved, costs.payable) == (4 * CENT, CENT // 2, 3 * CENT // 2)
    assert costs.cash_cost == 2 * CENT + 3 * CENT // 2
    assert costs.unused == costs.lapsed == 0
    assert _sound(data, database) == []


def test_a_granted_balance_goes_before_a_topped_up_one(data: Path, database: Database, posting: Posting) -> None:
    _buy(database, units=3 * CENT, unit="money", price=3 * CENT, kind=LotKind.TOPPED_UP, reference="paid")
    _buy(database, units=CENT, unit="money", price=0, kind=LotKind.GRANTED, reference="given")
    worker = Worker(data)
    call(worker, 1, "key_a", CENT)
    post_all(posting)
    assert {row.reference: row.used for row in lot_rows(database)} == {"paid": 0, "given": CENT}
    call(worker, 2, "key_a", CENT)
    post_all(posting)
    assert {row.reference: row.used for row in lot_rows(database)} == {"paid": CENT, "given": CENT}
    assert balances(database) == {
        "cash CNY": -3 * CENT, "pack deepseek#1 CNY": 2 * CENT, "cost deepseek CNY": 2 * CENT,
        "saving deepseek CNY": CENT,
    }  # fmt: skip


def test_a_pack_that_was_dearer_than_list_price_saved_less_than_nothing(
    data: Path, database: Database, posting: Posting
) -> None:
    _buy(database, units=1010, unit="tokens", price=3 * CENT, kind=LotKind.PACK)
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    (costs,) = _costs(database)
    assert (costs.list_cost, costs.cash_cost, costs.saved, costs.unused) == (CENT, 3 * CENT, -2 * CENT, 0)
    assert _sound(data, database) == []


def test_a_pack_is_for_its_models_alone(data: Path, database: Database, posting: Posting) -> None:
    _buy(database, units=10**6, unit="tokens", price=CENT, kind=LotKind.PACK, models=("deepseek-reasoner",))
    call(Worker(data), 1, "key_a", CENT)
    post_all(posting)
    assert balance(database, Kind.PAYABLE, "deepseek") == CENT


def test_amounts_beyond_64_bits_are_exact(data: Path, database: Database, posting: Posting) -> None:
    huge = 2**62
    worker = Worker(data)
    worker.write(*[record for n in range(1, 9) for record in (held(n), settled(n, picos=huge))])
    post_all(posting)
    call(worker, 9, "key_a", 1)
    post_all(posting)
    assert balance(database, Kind.COST, "deepseek") == 8 * huge + 1


def _unknown() -> dict[str, Any]:
    return {"grade": Grade.UNKNOWN, "picos": None, "usage": None, "offer": None, "rated_at": None}


def _buy(database: Database, *, units: int, unit: Any, price: int, kind: LotKind, **more: Any) -> None:
    values: dict[str, Any] = {"reference": "order", **more}
    buy(
        database,
        Purchase(vendor="deepseek", kind=kind, unit=unit, units=units, price=Money("CNY", price), **values),
        now=BEFORE,
    )


def _costs(database: Database) -> Any:
    with database.read() as connection:
        return vendor_costs(connection)


def _post_afresh(database: Database, data: Path) -> None:
    posting = Posting(database, data / "journal", StoppedClock())
    post_all(posting)
    posting.close()


def _sound(data: Path, database: Database) -> list[Any]:
    """What verification finds, but for the prices, which the tests make up."""
    found = verify(database, data / "journal", PriceBook.load()).findings
    return [finding for finding in found if finding.kind != "cost_wrong"]
