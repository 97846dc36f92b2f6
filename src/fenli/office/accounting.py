"""Accounts and transfers as the store keeps them: the rules are those of `ledger.accounts`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from fenli.errors import AccountRefused
from fenli.ledger.accounts import NOTE_MAX, Account, Phase, Transfer, check_named, check_same, move
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.store import stored_integer

# Bound by hand, as in `office.rows`: a batch of entries makes a few of each.
_SIDES: Final = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
_ACCOUNTS: Final = f"""
    SELECT id, kind, owner, currency, {", ".join(_SIDES)} FROM accounts WHERE (kind, owner, currency) IN (VALUES %s)
"""  # noqa: S608  names of ours
_OPEN: Final = "INSERT INTO accounts VALUES (NULL, ?, ?, ?, 0, 0, 0, 0, ?)"
_CHANGE: Final = f"UPDATE accounts SET {', '.join(f'{side} = ?' for side in _SIDES)} WHERE id = ?"  # noqa: S608
_INSERT: Final = "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_END: Final = "SELECT transfer, chain FROM transfers_end"
_SET_END: Final = "UPDATE transfers_end SET transfer = ?, chain = ?"
TRANSFERS: Final = """
    SELECT t.id, t."key", t.kind, t.phase, d.kind AS debit_kind, d.owner AS debit_owner, c.kind AS credit_kind,
        c.owner AS credit_owner, d.currency AS currency, t.amount, t.at, t.first, t.last, n."key" AS names, t.reference,
        t.why, t.chain
    FROM transfers t JOIN accounts d ON d.id = t.debit JOIN accounts c ON c.id = t.credit
        LEFT JOIN transfers n ON n.id = t.names
"""
_BY_KEY: Final = f'{TRANSFERS} WHERE t."key" = ?'
_RESOLVED: Final = "SELECT amount FROM transfers WHERE names = ? AND phase IN ('post', 'void')"

_encode = msgspec.msgpack.Encoder().encode


class Accounting:
    """What one write transaction does to the accounts. Made by `accounting`."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self.now = now
        self._ids: dict[AccountName, int] = {}
        self._accounts: dict[AccountName, Account] = {}
        self._rows: list[tuple[Any, ...]] = []  # transfers that wait to be written together
        self._last, self._chain = connection.exec_driver_sql(_END).one()

    def account(self, name: AccountName) -> Account:
        """As it stands now; one that was never used is empty."""
        if name not in self._accounts:
            self.load([name])
        return self._accounts[name]

    def load(self, names: Iterable[AccountName]) -> None:
        """Reads the accounts in one go, for whoever knows beforehand which it takes."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._accounts]
        if not wanted:
            return
        self._accounts |= {name: Account(name) for name in wanted}
        query = _ACCOUNTS % ", ".join(["(?, ?, ?)"] * len(wanted))
        for id, kind, owner, currency, *sides in self._connection.exec_driver_sql(query, tuple(chain(*wanted))):
            name = AccountName(Kind(kind), owner, currency)
            self._ids[name] = id
            for side, amount in zip(_SIDES, sides, strict=True):
                setattr(self._accounts[name], side, int(amount))

    def apply(self, transfer: Transfer) -> bool:
        """Adds the transfer; False when this very one was made before. Raises AccountRefused."""
        check_note(transfer.reference)
        check_note(transfer.why)
        before = self._by_key(transfer.key)
        if before is not None:
            check_same(before[1], transfer)
            return False
        named, left = None, 0
        named_id = None
        if transfer.names is not None and (found := self._by_key(transfer.names)) is not None:
            named_id, named = found
            left = named.amount - self._resolved(named_id)
        check_named(transfer, named)
        move(transfer, self.account(transfer.debit), self.account(transfer.credit), named, left)
        self._add(transfer, named_id)
        return True

    def add(self, transfer: Transfer) -> None:
        """Adds a transfer that names no other and whose key is new for certain: if it is not, the transaction fails."""
        move(transfer, self.account(transfer.debit), self.account(transfer.credit))
        self._add(transfer, None)

    def close(self) -> None:
        """Writes what the accounts have come to."""
        self._write()
        changed = [
            (*(stored_integer(getattr(account, side)) for side in _SIDES), self._ids[name])
            for name, account in self._accounts.items()
            if name in self._ids
        ]
        if changed:
            self._connection.exec_driver_sql(_CHANGE, changed)
            self._connection.exec_driver_sql(_SET_END, (self._last, self._chain))

    def _add(self, transfer: Transfer, named_id: int | None) -> None:
        self._last += 1
        self._chain = transfer_link(self._chain, self._last, transfer)
        values = (
            self._last, transfer.key, str(transfer.kind), str(transfer.phase), self._id(transfer.debit),
            self._id(transfer.credit), stored_integer(transfer.amount), transfer.at, transfer.first, transfer.last,
            named_id, transfer.reference, transfer.why, self._chain,
        )  # fmt: skip
        self._rows.append(values)

    def _write(self) -> None:
        if self._rows:
            self._connection.exec_driver_sql(_INSERT, self._rows)
            self._rows = []

    def _id(self, name: AccountName) -> int:
        found = self._ids.get(name)
        if found is None:
            made = self._connection.exec_driver_sql(_OPEN, (*map(str, name), self.now))
            found = self._ids[name] = int(made.lastrowid)
        return found

    def _by_key(self, key: str) -> tuple[int, Transfer] | None:
        self._write()
        row = self._connection.exec_driver_sql(_BY_KEY, (key,)).one_or_none()
        return None if row is None else (row.id, transfer_of(row))

    def _resolved(self, id: int) -> int:
        return sum(int(amount) for (amount,) in self._connection.exec_driver_sql(_RESOLVED, (id,)))


@contextmanager
def accounting(connection: Connection, now: int) -> Iterator[Accounting]:
    """The accounts within a write transaction; what the block did to them is written at its end."""
    open_books = Accounting(connection, now)
    yield open_books
    open_books.close()


def transfer_of(row: Any) -> Transfer:
    """A row of `TRANSFERS`. Raises ValueError where it was changed into what no transfer can be."""
    return Transfer(
        key=row.key,
        kind=Move(row.kind),
        phase=Phase(row.phase),
        debit=AccountName(Kind(row.debit_kind), row.debit_owner, row.currency),
        credit=AccountName(Kind(row.credit_kind), row.credit_owner, row.currency),
        amount=int(row.amount),
        at=row.at,
        first=row.first,
        last=row.last,
        names=row.names,
        reference=row.reference,
        why=row.why,
    )


def transfer_link(previous: bytes, number: int, transfer: Transfer) -> bytes:
    """The sha256 that binds ``transfer`` as number ``number`` to everything before it."""
    values = (
        number, transfer.key, transfer.kind, transfer.phase, *map(str, transfer.debit), *map(str, transfer.credit),
        str(transfer.amount), transfer.at, transfer.first, transfer.last, transfer.names, transfer.reference,
        transfer.why,
    )  # fmt: skip
    return hashlib.sha256(previous + _encode(values)).digest()


def check_note(text: str | None) -> None:
    """Raises AccountRefused for a reference or a reason that cannot be kept."""
    if text is not None and (not text.strip() or len(text) > NOTE_MAX or not text.isprintable()):
        raise AccountRefused(f"{text!r} cannot be kept as a note: write 1 to {NOTE_MAX} printable characters")
