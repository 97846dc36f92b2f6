"""What we buy of vendors ahead."""

from __future__ import annotations

from typing import Any

import pytest
from books import HOUR, NOON
from trade import YUAN, balances, lot_rows

from fenli.errors import AccountRefused, MoneyError
from fenli.ledger.lots import LotKind
from fenli.office.lots import draw_orders
from fenli.office.packs import Purchase, buy, list_packs, pay_vendor, vendor_costs
from fenli.prices import PriceBook
from fenli.store import Database
from fenli.values import Money

PACK = {
    "vendor": "baidu", "kind": LotKind.PACK, "unit": "tokens", "units": 10_000_000,
    "price": Money("CNY", 63 * YUAN), "reference": "order-1",
}  # fmt: skip


def pack(**changed: Any) -> Purchase:
    return Purchase(**PACK | changed)


def test_a_purchase_is_money_for_a_pack(database: Database) -> None:
    assert buy(database, pack(expires_at=NOON + HOUR, models=("ernie-4.0-8k",)), now=NOON)
    assert balances(database) == {"cash CNY": -63 * YUAN, "pack baidu#1 CNY": 63 * YUAN}
    with database.read() as connection:
        (found,) = list_packs(connection, "baidu")
        assert list_packs(connection, "deepseek") == []
        (costs,) = vendor_costs(connection)
    assert (found.lot.left, found.cash_left, found.lot.scope) == (10_000_000, 63 * YUAN, {"ernie-4.0-8k"})
    assert (costs.list_cost, costs.cash_cost, costs.unused) == (0, 0, 63 * YUAN)


def test_what_was_given_moves_no_money(database: Database) -> None:
    assert buy(database, pack(kind=LotKind.GRANTED, unit="money", price=Money("CNY", 0)), now=NOON)
    assert balances(database) == {}


def test_a_purchase_is_booked_once(database: Database) -> None:
    for booked in (True, False):
        assert buy(database, pack(models=("b", "a")), now=NOON) is booked
    assert not buy(database, pack(models=("a", "b")), now=NOON + 1)
    for changed in ({"units": 5}, {"models": None}, {"price": Money("CNY", 1)}, {"expires_at": NOON + HOUR}):
        with pytest.raises(AccountRefused, match="order-1 was booked before, as another purchase"):
            buy(database, pack(**{"models": ("a", "b")} | changed), now=NOON)
    assert len(lot_rows(database)) == 1


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"units": 0}, AccountRefused, "a pack of 0 tokens: write how many are in it"),
        ({"units": -5}, AccountRefused, "a pack of -5 tokens"),
        ({"unit": "bytes"}, AccountRefused, "'bytes' is no unit of a pack: write one of money, tokens, calls"),
        ({"price": Money("CNY", -1)}, AccountRefused, "write 0 for what was given to us"),
        ({"price": Money("ABC", 1)}, MoneyError, "'ABC' is no currency that fenli knows"),
        ({"kind": LotKind.ALLOWANCE}, AccountRefused, "allowance is nothing to buy"),
        ({"models": ()}, AccountRefused, "a pack for no model"),
        ({"starts_at": NOON - 1}, AccountRefused, "let it start now, or later"),
        ({"expires_at": NOON}, AccountRefused, "write a later end"),
        ({"starts_at": NOON + HOUR, "expires_at": NOON + HOUR}, AccountRefused, "write a later end"),
        ({"reference": " "}, AccountRefused, "cannot be kept as a note"),
    ],
)
def test_what_cannot_be_bought(database: Database, changed: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        buy(database, pack(**changed), now=NOON)
    assert (lot_rows(database), balances(database)) == ([], {})


def test_a_vendor_is_paid(database: Database) -> None:
    for booked in (True, False):
        assert pay_vendor(database, "baidu", Money("CNY", YUAN), reference="P-1", now=NOON) is booked
    assert balances(database) == {"cash CNY": -YUAN, "payable baidu CNY": -YUAN}
    for amount in (0, -1):
        with pytest.raises(AccountRefused, match="write an amount above 0"):
            pay_vendor(database, "baidu", Money("CNY", amount), reference="P-2", now=NOON)


def test_the_orders_of_the_vendors() -> None:
    orders = draw_orders()
    assert orders["huawei"] == ("free", "promotional", "subscription")
    assert orders["tencent"] == ("pack",)
    assert orders["deepseek"] == ("granted", "topped_up")
    assert "baidu" not in orders
    assert set(orders) <= set(PriceBook.load().vendors())
