"""`fenli ledger accounts` and `fenli ledger transfers`: the double-entry side of the books."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fenli.cli.books import open_books
from fenli.cli.language import say
from fenli.cli.moved import print_transfers, transfer_data
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import aligned, as_json, complain, line, table
from fenli.cli.posted import wait_until_posted
from fenli.ledger.accounts import Account
from fenli.ledger.chart import AccountName, Kind
from fenli.office.accounts import held, read_accounts, read_transfers
from fenli.values.money import decimal_of

Owner = Annotated[str | None, typer.Option("--owner", help=say("option.owner"))]
OfKind = Annotated[Kind | None, typer.Option("--kind", help=say("option.account_kind"))]
Limit = Annotated[int, typer.Option("--limit", min=1, help=say("option.limit"))]


def accounts(owner: Owner = None, kind: OfKind = None, data: Data = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        posted = wait_until_posted(folder, books)
        with books.read() as connection:
            found = read_accounts(connection, (kind,) if kind else (), owner)
            open_now = held(connection)
    found = _with_held(found, open_now, owner, kind)
    if not posted:
        complain(say("ledger.lagging"))
    if json:
        as_json([_as_data(account) for account in found])
    elif not found:
        line(say("accounts.none"))
    else:
        _print(found, whole=owner is None and kind is None)


def transfers(
    owner: Owner = None, kind: OfKind = None, limit: Limit = 20, data: Data = None, json: Json = False
) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        posted = wait_until_posted(folder, books)
        with books.read() as connection:
            names = None
            if owner is not None or kind is not None:
                names = [account.name for account in read_accounts(connection, (kind,) if kind else (), owner)]
            found = read_transfers(connection, names, limit)
    if not posted:
        complain(say("ledger.lagging"))
    if json:
        as_json([transfer_data(transfer) for transfer in found])
    elif not found:
        line(say("transfers.none"))
    else:
        print_transfers(found)
        if len(found) == limit:
            line(say("ledger.more", shown=limit))


def _with_held(
    found: list[Account], open_now: dict[tuple[str, str], int], owner: str | None, kind: Kind | None
) -> list[Account]:
    """What is held for open attempts is pending on the vendor's cost and on what we owe it."""
    by_name = {account.name: account for account in found}
    for (vendor, currency), picos in open_now.items():
        for side in (Kind.COST, Kind.PAYABLE):
            if owner not in (None, vendor) or kind not in (None, side):
                continue
            name = AccountName(side, vendor, currency)
            account = by_name.setdefault(name, Account(name))
            if side is Kind.COST:
                account.debits_pending += picos
            else:
                account.credits_pending += picos
    order = {kind: place for place, kind in enumerate(Kind)}
    return sorted(by_name.values(), key=lambda account: (order[account.name.kind], account.name))


def _print(found: list[Account], *, whole: bool) -> None:
    sides = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
    columns = {
        "account": [say(f"account.{each.name.kind}") for each in found],
        "owner": [each.name.owner for each in found],
        "balance": aligned([decimal_of(each.balance) for each in found]),
        "currency": [each.name.currency for each in found],
        "debits": aligned([decimal_of(each.debits_posted) for each in found]),
        "credits": aligned([decimal_of(each.credits_posted) for each in found]),
        "pending": aligned([_pending(each) for each in found]),
    }
    if not any(getattr(each, side) for each in found for side in sides[2:]):
        del columns["pending"]
    headings = ["" if name == "currency" else say(f"column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=1)
    for currency in sorted({each.name.currency for each in found}) if whole else ():
        of_it = [each for each in found if each.name.currency == currency]
        debits, credits = (sum(getattr(each, side) for each in of_it) for side in sides[:2])
        line(say("accounts.total", currency=currency, debits=decimal_of(debits), credits=decimal_of(credits)))


def _pending(account: Account) -> str:
    pending = account.debits_pending + account.credits_pending
    return decimal_of(pending) if pending else "-"


def _as_data(account: Account) -> dict[str, Any]:
    sides = ("balance", "debits_posted", "credits_posted", "debits_pending", "credits_pending")
    amounts = {name: decimal_of(getattr(account, name)) for name in sides}
    name = account.name
    return {"kind": name.kind, "owner": name.owner, "currency": name.currency, **amounts}
