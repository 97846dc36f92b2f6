"""The chart of accounts: which kinds of account there are, what may happen to each, and why money moves.

Every kind has one account for each owner and currency. The owner is a customer, a vendor, a lot (``acme#7``), or we
ourselves ("").
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple


class Rule(enum.StrEnum):
    """Which side of an account may not outgrow the other, pending amounts included."""

    FREE = "free"
    DEBITS_WITHIN = "debits_within"  # debits must not exceed credits: money that others have with us
    CREDITS_WITHIN = "credits_within"  # credits must not exceed debits: what we own, or what is owed to us


class Kind(enum.StrEnum):
    CASH = "cash"  # our bank, as far as customers and vendors move it
    WALLET = "wallet"  # a customer's money with us
    CREDIT = "credit"  # a lot that we gave a customer: a credit, or a plan's allowance
    OWED = "owed"  # what a customer used beyond the wallet
    REVENUE = "revenue"  # what a customer was charged
    GIVEN = "given"  # credits and allowances that we gave a customer, less what lapsed
    COST = "cost"  # what a vendor's calls cost at list price
    BILLED = "billed"  # what a vendor's bills asked for beyond what entries explain; below zero: did not ask for
    PAYABLE = "payable"  # what we owe a vendor
    PACK = "pack"  # a lot that we bought of a vendor, at what it cost us and is not used up
    SAVING = "saving"  # by how much lots made a vendor's calls cheaper than list price
    LAPSED = "lapsed"  # what we had paid for and let lapse
    UNCLEAR = "unclear"  # what was held for calls of unknown cost; only ever pending


class Move(enum.StrEnum):
    """Why a transfer was made."""

    COST = "cost"
    UNKNOWN = "unknown"
    CHARGE = "charge"
    FEE = "fee"
    TOP_UP = "top_up"
    REFUND = "refund"
    REPAYMENT = "repayment"
    CREDIT = "credit"
    ALLOWANCE = "allowance"
    EXPIRY = "expiry"
    PURCHASE = "purchase"
    LAPSE = "lapse"
    PAYMENT = "payment"
    CORRECTION = "correction"


RULES: Final[dict[Kind, Rule]] = dict.fromkeys(Kind, Rule.FREE) | {
    Kind.WALLET: Rule.DEBITS_WITHIN,
    Kind.CREDIT: Rule.DEBITS_WITHIN,
    Kind.OWED: Rule.CREDITS_WITHIN,
    Kind.PACK: Rule.CREDITS_WITHIN,
}

# Kinds whose balance is debits less credits; of the others it is credits less debits.
DEBIT_NORMAL: Final = frozenset(
    (Kind.CASH, Kind.OWED, Kind.GIVEN, Kind.COST, Kind.BILLED, Kind.PACK, Kind.LAPSED, Kind.UNCLEAR)
)  # fmt: skip


class AccountName(NamedTuple):
    kind: Kind
    owner: str
    currency: str

    def __str__(self) -> str:
        return " ".join(part for part in self if part)
