"""Double entry: accounts with two sides, and transfers that move an amount from one account's side to another's.

A transfer debits one account and credits another with the same amount of the same currency, so the debits of all
accounts always equal their credits. Transfers are only ever added. Each has a key that says what it is for: the same
transfer made again changes nothing, another one under the same key is refused.

    posted    the amount moves now
    pending   the amount is set apart on both accounts and may never move
    post      (part of) a pending transfer moves after all
    void      (part of) a pending transfer is given up

A mistake is put right by a further transfer that names the one it corrects.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from fenli.errors import AccountRefused
from fenli.ledger.chart import DEBIT_NORMAL, RULES, AccountName, Move, Rule
from fenli.values.money import decimal_of

NOTE_MAX: Final = 200


class Phase(enum.StrEnum):
    POSTED = "posted"
    PENDING = "pending"
    POST = "post"
    VOID = "void"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """``amount`` in picos, ``at`` in ns. ``first`` and ``last`` are the entries of the batch that it sums up, by
    sequence. ``names`` is the key of the transfer that it resolves (post, void) or corrects."""

    key: str
    kind: Move
    debit: AccountName
    credit: AccountName
    amount: int
    at: int
    phase: Phase = Phase.POSTED
    first: int | None = None
    last: int | None = None
    names: str | None = None
    reference: str | None = None
    why: str | None = None


class Account(msgspec.Struct):
    """Sums of the transfers on either side, picos."""

    name: AccountName
    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    @property
    def balance(self) -> int:
        """What is there, or what is owed: positive on the side where accounts of this kind usually stand."""
        balance = self.debits_posted - self.credits_posted
        return balance if self.name.kind in DEBIT_NORMAL else -balance

    @property
    def available(self) -> int:
        """How much more may be taken out of an account that must not be overdrawn."""
        if RULES[self.name.kind] is Rule.CREDITS_WITHIN:
            return self.debits_posted - self.credits_posted - self.credits_pending
        return self.credits_posted - self.debits_posted - self.debits_pending


def move(transfer: Transfer, debit: Account, credit: Account, named: Transfer | None = None, left: int = 0) -> None:
    """Changes both accounts, or raises AccountRefused and changes neither.

    ``named`` is the transfer that this one names; ``left`` how much of it is still pending, for a post or a void.
    """
    _check(transfer, named, left)
    amount = transfer.amount
    posted = amount if transfer.phase in (Phase.POSTED, Phase.POST) else 0
    set_apart = {Phase.POSTED: 0, Phase.PENDING: amount, Phase.POST: -amount, Phase.VOID: -amount}[transfer.phase]
    if posted + set_apart > 0:
        _check_rules(transfer, debit, credit)
    debit.debits_posted += posted
    debit.debits_pending += set_apart
    credit.credits_posted += posted
    credit.credits_pending += set_apart


def check_same(before: Transfer, again: Transfer) -> None:
    """Raises AccountRefused unless both move the same; when that was, and what was said to it, may differ."""
    if msgspec.structs.replace(again, at=before.at, why=before.why) != before:
        name = before.reference or before.key
        raise AccountRefused(
            f"{name} was booked before as {_shown(before)}, and is {_shown(again)} now: "
            "give the new one a reference of its own"
        )


def check_named(transfer: Transfer, named: Transfer | None) -> None:
    """Raises AccountRefused where the transfer names one that was never made."""
    if transfer.names is not None and named is None:
        raise AccountRefused(f"{transfer.key} names {transfer.names}, which was never made: name one that was")


def _check(transfer: Transfer, named: Transfer | None, left: int) -> None:
    if type(transfer.amount) is not int or transfer.amount <= 0:
        raise AccountRefused(f"{transfer.key} moves {transfer.amount!r}: an amount is a whole number of picos above 0")
    if transfer.debit == transfer.credit or transfer.debit.currency != transfer.credit.currency:
        names = f"{transfer.debit} and {transfer.credit}"
        raise AccountRefused(f"{transfer.key} is between {names}: name two accounts in one currency")
    if transfer.phase in (Phase.POSTED, Phase.PENDING):
        return
    if named is None or named.phase is not Phase.PENDING:
        raise AccountRefused(f"{transfer.key} resolves {transfer.names}: name a pending transfer")
    if (named.debit, named.credit) != (transfer.debit, transfer.credit):
        raise AccountRefused(f"{transfer.key} resolves {named.key}, which is between other accounts: use the same")
    if transfer.amount > left:
        what = f"{decimal_of(transfer.amount)} of {named.key}, of which {decimal_of(left)} is pending"
        raise AccountRefused(f"{transfer.key} resolves {what}: take no more than there is")


def _check_rules(transfer: Transfer, debit: Account, credit: Account) -> None:
    for account, rule in ((debit, Rule.DEBITS_WITHIN), (credit, Rule.CREDITS_WITHIN)):
        if RULES[account.name.kind] is rule and account.available < transfer.amount:
            there = f"{decimal_of(account.available)} {account.name.currency}"
            wanted = decimal_of(transfer.amount)
            raise AccountRefused(f"{account.name} has {there} and {wanted} is wanted of it: take no more than there is")


def _shown(transfer: Transfer) -> str:
    amount = f"{decimal_of(transfer.amount)} {transfer.debit.currency}"
    return f"{amount} from {transfer.debit} to {transfer.credit}"
