"""Reading the accounts and the transfers of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from fenli.ledger.accounts import Account, Transfer
from fenli.ledger.chart import AccountName, Kind
from fenli.ledger.entries import OpenHold
from fenli.office.accounting import TRANSFERS, transfer_of
from fenli.office.tables import accounts, open_holds

_NEWEST: Final = "ORDER BY t.id DESC LIMIT ?"
_decode_hold = msgspec.msgpack.Decoder(OpenHold).decode


def read_accounts(connection: Connection, kinds: Sequence[Kind] = (), owner: str | None = None) -> list[Account]:
    """By kind, owner and currency; of an ``owner``, its lots' accounts too. Empty ``kinds`` are all of them."""
    query = select(accounts)
    if kinds:
        query = query.where(accounts.c.kind.in_(kinds))
    if owner is not None:
        lots_of_it = accounts.c.owner.startswith(f"{owner}#", autoescape=True)
        query = query.where((accounts.c.owner == owner) | lots_of_it)
    order = {kind: place for place, kind in enumerate(Kind)}
    found = [account_of(row) for row in connection.execute(query)]
    return sorted(found, key=lambda account: (order[account.name.kind], account.name))


def read_transfers(connection: Connection, names: Sequence[AccountName] | None, newest: int) -> list[Transfer]:
    """Those that touched one of the accounts, or any, oldest first: at most the ``newest`` so many."""
    if names is None:
        rows = connection.exec_driver_sql(f"{TRANSFERS} {_NEWEST}", (newest,))
    else:
        wanted = set(names)
        query = select(accounts.c.id, accounts.c.kind, accounts.c.owner, accounts.c.currency)
        ids = [row.id for row in connection.execute(query) if (row.kind, row.owner, row.currency) in wanted]
        places = ", ".join("?" * len(ids))
        touched = f"WHERE t.debit IN ({places}) OR t.credit IN ({places})"
        rows = connection.exec_driver_sql(f"{TRANSFERS} {touched} {_NEWEST}", (*ids, *ids, newest))
    return [transfer_of(row) for row in rows][::-1]


def held(connection: Connection) -> dict[tuple[str, str], int]:
    """What is held for attempts that have not ended, picos by vendor and currency: `open_holds` are pending transfers,
    each of which its entry resolves."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for hold in map(_decode_hold, connection.execute(select(open_holds.c.hold)).scalars()):
        target = hold.attempted or hold.held
        if hold.ended == 0 and target.currency is not None and target.picos is not None:
            sums[target.vendor, target.currency] += target.picos
    return dict(sums)


def account_of(row: Any) -> Account:
    """A row of `tables.accounts`."""
    return Account(
        AccountName(Kind(row.kind), row.owner, row.currency),
        debits_posted=int(row.debits_posted),
        credits_posted=int(row.credits_posted),
        debits_pending=int(row.debits_pending),
        credits_pending=int(row.credits_pending),
    )
