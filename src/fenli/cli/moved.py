"""How transfers are shown: all of them between two accounts, or those of one customer as what came and went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from fenli.cli.language import say
from fenli.cli.output import aligned, table
from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind
from fenli.values import format_instant
from fenli.values.money import decimal_of


class Movement(NamedTuple):
    """``picos`` came (above 0) or went, on one account."""

    transfer: Transfer
    account: AccountName
    picos: int


def own_rows(transfers: Iterable[Transfer], customer: str) -> list[Movement]:
    """What came to the customer's wallet, credits and debts and what went; a debt that grows is what went."""
    rows = []
    for transfer in transfers:
        for account, picos in ((transfer.debit, -transfer.amount), (transfer.credit, transfer.amount)):
            own = account.owner.partition("#")[0] == customer
            if own and account.kind in (Kind.WALLET, Kind.CREDIT, Kind.OWED):
                rows.append(Movement(transfer, account, picos))
    return rows


def print_movements(rows: Sequence[Movement]) -> None:
    columns = {
        "when": [_second(row.transfer.at) for row in rows],
        "what": [say(f"move.{row.transfer.kind}") for row in rows],
        "account": [account_label(row.account) for row in rows],
        "amount": aligned([f"+{decimal_of(row.picos)}" if row.picos > 0 else decimal_of(row.picos) for row in rows]),
        "currency": [row.account.currency for row in rows],
        "note": [note(row.transfer) for row in rows],
    }
    headings = ["" if name == "currency" else say(f"column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=5)


def print_transfers(transfers: Sequence[Transfer]) -> None:
    columns = {
        "when": [_second(each.at) for each in transfers],
        "what": [_what(each) for each in transfers],
        "debit": [account_label(each.debit) for each in transfers],
        "credit_side": [account_label(each.credit) for each in transfers],
        "amount": aligned([decimal_of(each.amount) for each in transfers]),
        "currency": [each.debit.currency for each in transfers],
        "note": [note(each) for each in transfers],
    }
    headings = ["" if name == "currency" else say(f"column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=6)


def transfer_data(transfer: Transfer) -> dict[str, Any]:
    """Every field; the amount as decimal text."""
    return {
        "key": transfer.key,
        "at": format_instant(transfer.at),
        "kind": transfer.kind,
        "phase": transfer.phase,
        "debit": {"kind": transfer.debit.kind, "owner": transfer.debit.owner},
        "credit": {"kind": transfer.credit.kind, "owner": transfer.credit.owner},
        "amount": decimal_of(transfer.amount),
        "currency": transfer.debit.currency,
        "entries": None if transfer.first is None else [transfer.first, transfer.last],
        "names": transfer.names,
        "reference": transfer.reference,
        "why": transfer.why,
    }


def account_label(name: AccountName) -> str:
    kind = say(f"account.{name.kind}")
    return f"{kind} {name.owner}" if name.owner else kind


def note(transfer: Transfer) -> str:
    """What stands behind a transfer: its papers, its reason, or the entries that it sums up."""
    parts = [part for part in (transfer.reference, transfer.why) if part]
    if transfer.first is not None:
        parts.append(say("moved.entries", first=transfer.first, last=transfer.last))
    return ", ".join(parts)


def _what(transfer: Transfer) -> str:
    moved = say(f"move.{transfer.kind}")
    return moved if transfer.phase == "posted" else f"{moved} ({say(f'phase.{transfer.phase}')})"


def _second(instant: int) -> str:
    return format_instant(instant)[:19].replace("T", " ")
