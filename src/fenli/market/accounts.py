"""What we have left with an emulated vendor: prepaid, told where the vendor tells it, and less with every call served.

Simulated: a token costs the same whatever the model and the hour, so that anybody can work out what must be left; where
the market goes by the price book, a call costs what the vendor's list says. Grants are drawn before what was paid in.
Amounts are told to their last digit, where some vendors round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from fenli.errors import ConfigError, MoneyError
from fenli.prices.tariff import Rating
from fenli.values.money import PICO, decimal_of, picos_of

MILLION: Final = 10**6


class Account:
    """Amounts in picos of ``currency``; ``price`` is that of one token. What is left may fall below zero: a call that
    is served is paid."""

    __slots__ = ("currency", "ever_granted", "ever_paid_in", "granted", "paid_in", "price")

    def __init__(
        self, currency: str, paid_in: int = 1_000 * PICO, granted: int = 10 * PICO, price: int = PICO // MILLION
    ) -> None:
        self.currency = currency
        self.paid_in = self.ever_paid_in = paid_in
        self.granted = self.ever_granted = granted
        self.price = price

    @property
    def left(self) -> int:
        """What can be used: a debt is not paid out of grants."""
        return self.granted + max(0, self.paid_in)

    def draw(self, tokens: int, charge: Rating | None = None) -> None:
        """``charge`` is what the price book says, and counts where it is in the account's currency."""
        cost = tokens * self.price if charge is None or charge.currency != self.currency else charge.picos
        given = min(cost, self.granted)
        self.granted -= given
        self.paid_in -= cost - given


class Teller(msgspec.Struct, frozen=True):
    """Where a vendor tells what is left, behind its base URL, in which currency, and how its reply looks."""

    path: str
    currency: str
    reply: Callable[[Account], dict[str, Any]]


def parse_account(currency: str, balance: str, price: str) -> Account:
    """``balance`` is what was paid in, or ``PAID+GRANTED``; ``price`` that of a million tokens. Raises ConfigError."""
    paid_in, _, granted = balance.partition("+")
    try:
        amounts = [picos_of(paid_in), picos_of(granted or "0"), picos_of(price)]
    except MoneyError as error:
        raise ConfigError(f"{error}; a balance is written as 100 or 100+10") from None
    if amounts[1] < 0 or amounts[2] < 0 or amounts[2] % MILLION:
        raise ConfigError(f"a grant of {granted or '0'} at {price} a million tokens: write amounts from 0, such as 0.5")
    return Account(currency, amounts[0], amounts[1], amounts[2] // MILLION)


def by_currency(account: Account) -> dict[str, Any]:
    total = account.granted + account.paid_in
    amounts = {"total_balance": total, "granted_balance": account.granted, "topped_up_balance": account.paid_in}
    told = {name: decimal_of(picos) for name, picos in amounts.items()}
    return {"is_available": account.left > 0, "balance_infos": [{"currency": account.currency, **told}]}


def with_vouchers(account: Account) -> dict[str, Any]:
    amounts = {"available_balance": account.left, "voucher_balance": account.granted, "cash_balance": account.paid_in}
    return {"code": 0, "data": _numbers(amounts), "scode": "0x0", "status": True}


def with_sums_ever(account: Account) -> dict[str, Any]:
    total = account.granted + account.paid_in
    ever = {"total_cash_balance": account.ever_paid_in, "total_voucher_balance": account.ever_granted}
    return {"object": "account", "type": "prepaid", **_numbers({"balance": total, **ever})}


def _numbers(amounts: dict[str, int]) -> dict[str, msgspec.Raw]:
    """As JSON numbers, to the last digit."""
    return {name: msgspec.Raw(decimal_of(picos).encode()) for name, picos in amounts.items()}
