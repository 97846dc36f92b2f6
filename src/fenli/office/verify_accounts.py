"""Whether the accounts follow from the transfers, and the transfers from the entries, lots and corrections."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from fenli.ledger.accounts import Account, Phase, Transfer, move
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.ledger.corrections import Correction
from fenli.ledger.entries import Entry
from fenli.ledger.lots import Covered
from fenli.ledger.records import Grade
from fenli.office.accounting import TRANSFERS, transfer_link, transfer_of
from fenli.office.accounts import account_of
from fenli.office.lots import CUSTOMER, OpenLots, Side, draw_orders, lot_of
from fenli.office.rollups import Group, Sums, summed
from fenli.office.rows import GENESIS
from fenli.office.sides import Totals, totals, vendor_transfers
from fenli.office.tables import accounts, corrections, lot_draws, lots, transfers_end
from fenli.office.verify_prices import RESTORE
from fenli.values.money import decimal_of

PAGE: Final = 1_000
_OF_BATCH: Final = f"{TRANSFERS} WHERE t.first = ? AND t.last = ? ORDER BY t.id"
_BATCHES: Final = "SELECT DISTINCT first, last FROM transfers WHERE first IS NOT NULL ORDER BY first, last"
_POSTED: Final = (Move.COST, Move.UNKNOWN)
_SIDES: Final = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")

Find = Callable[[str, str, str, str], None]


class BatchCheck:
    """Works out again what each batch of entries was posted as. Told of every entry, in order."""

    def __init__(self, connection: Connection, find: Find) -> None:
        self._connection = connection
        self._find = find
        self._lots = OpenLots.unused(connection, draw_orders())
        ended = select(lots).where(lots.c.lapsed_after.is_not(None)).order_by(lots.c.lapsed_after)
        self._lapses = deque(connection.execute(ended).all())
        self._batches = iter(connection.exec_driver_sql(_BATCHES))
        self._range: Any = next(self._batches, None)
        self._entries: list[Entry] = []
        self._drawn: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])

    def entry(self, sequence: int, entry: Entry) -> None:
        if self._range is None or sequence < self._range.first:
            if entry.picos or entry.charge_picos or (entry.grade is Grade.UNKNOWN and entry.held_picos):
                what = "no transfer covers it, and it has a cost, a charge or a hold"
                self._find("entry_not_posted", f"entry {sequence}", what, RESTORE)
            return
        self._entries.append(entry)
        if sequence >= self._range.last:
            self._batch()

    def end(self) -> None:
        """After the last entry: what the transfers name and the store does not have, and what lots say is used."""
        while self._range is not None:
            self._batch()
        for side, lot in self._used():
            units, picos, cash = self._drawn.get(lot.id, (0, 0, 0))
            if lot.used != units:
                place = f"lot {lot.id} of {side} {lot.owner}"
                self._find("lot_wrong", place, f"{lot.used} of it are used and the entries drew {units}", RESTORE)
            rows = self._connection.execute(select(lot_draws).where(lot_draws.c.lot == lot.id)).all()
            noted = tuple(sum(getattr(row, name) for row in rows) for name in ("units", "picos", "cash"))
            if noted != (units, picos, cash):
                what = f"its draws come to {noted} (units, amount, cash) and the entries drew {(units, picos, cash)}"
                self._find("lot_wrong", f"draws of lot {lot.id}", what, RESTORE)

    def _batch(self) -> None:
        first, last = self._range.first, self._range.last
        while self._lapses and self._lapses[0].lapsed_after < first:
            lapsed = self._lapses.popleft()
            self._lots.drop(lapsed.side, lapsed.owner, lapsed.id)
        found = totals(summed(self._entries), self._entries, self._lots)
        rows = self._connection.exec_driver_sql(_OF_BATCH, (first, last))
        stored = [transfer_of(row) for row in rows]
        at = stored[0].at if stored else 0
        wanted = {each.key: each for each in vendor_transfers(found, first, last, at)}
        for transfer in stored:
            if transfer.kind in _POSTED and wanted.pop(transfer.key, None) != transfer:
                self._wrong(transfer.key, "is not what its entries come to")
        for key in wanted:
            self._wrong(key, "is not there, and its entries need it")
        self._charges(found, [each for each in stored if each.kind is Move.CHARGE], f"{first}-{last}")
        for covered in found.covered.values():
            for place, amount in enumerate((covered.units, covered.picos, covered.cash)):
                self._drawn[covered.lot.id][place] += amount
        self._entries = []
        self._range = next(self._batches, None)

    def _charges(self, found: Totals, stored: list[Transfer], batch: str) -> None:
        """What came from lots is fixed; the rest came from the wallet as far as it went, and is owed beyond."""
        charged: Counter[tuple[str, str]] = Counter()
        from_lots: Counter[str] = Counter()
        for transfer in stored:
            charged[transfer.credit.owner, transfer.credit.currency] += transfer.amount
            if transfer.debit.kind is Kind.CREDIT:
                from_lots[transfer.debit.owner] += transfer.amount
        for customer, currency in {*charged, *found.charges}:
            was, should = charged[customer, currency], found.charges.get((customer, currency), 0)
            if was != should:
                what = f"takes {decimal_of(was)} {currency} from {customer}; its entries charge {decimal_of(should)}"
                self._wrong(f"{batch}/charge", what)
        wanted = {lot.account_owner: picos for lot, picos in _of_customers(found)}
        for owner in {*from_lots, *wanted}:
            if from_lots[owner] != wanted.get(owner, 0):
                self._wrong(f"{batch}/charge", f"takes from {owner} what its entries do not draw on it")

    def _wrong(self, key: str, what: str) -> None:
        self._find("transfer_wrong", f"transfer {key}", f"it {what}", RESTORE)

    def _used(self) -> Iterator[tuple[Side, Any]]:
        for row in self._connection.execute(select(lots).order_by(lots.c.id)):
            yield row.side, lot_of(row)


def _of_customers(found: Totals) -> Iterator[tuple[Any, int]]:
    covered: Covered
    for (side, _), covered in found.covered.items():
        if side == CUSTOMER:
            yield covered.lot, covered.picos


class AccountCheck:
    """Makes every transfer again, in order, by the rules of `ledger.accounts`, and compares what comes of it."""

    def __init__(self, connection: Connection, find: Find) -> None:
        self._connection = connection
        self._find = find
        self._accounts: dict[AccountName, Account] = {}
        self._pending: dict[str, tuple[Transfer, int]] = {}
        self.transfers = 0

    def run(self, sums: Mapping[Group, Sums]) -> None:
        """``sums`` are those of the entries as they count."""
        self._transfers()
        self._balances()
        self._lots()
        self._sums(sums)
        self._corrections()

    def _transfers(self) -> None:
        end = self._connection.execute(select(transfers_end)).one()
        chain, expected = GENESIS, 1
        stream = self._connection.execution_options(yield_per=PAGE).exec_driver_sql(f"{TRANSFERS} ORDER BY t.id")
        for row in stream:
            self.transfers += 1
            if row.id != expected:
                self._missing(expected, row.id - 1)
            try:
                transfer = transfer_of(row)
                linked = transfer_link(chain, row.id, transfer)
                self._again(transfer)
            except ValueError as error:
                self._find("transfer_changed", f"transfer {row.id}", f"it cannot be made again: {error}", RESTORE)
                linked = row.chain
            if linked != row.chain:
                what = f"it, or its place in the chain, was changed ({row.key})"
                self._find("transfer_changed", f"transfer {row.id}", what, RESTORE)
            chain, expected = row.chain, row.id + 1
        if (end.transfer, end.chain) != (expected - 1, chain):
            self._missing(expected, end.transfer)

    def _again(self, transfer: Transfer) -> None:
        """Raises AccountRefused where the rules do not allow it."""
        named, left = self._pending.get(transfer.names or "", (None, 0))
        move(transfer, self._account(transfer.debit), self._account(transfer.credit), named, left)
        if transfer.phase is Phase.PENDING:
            self._pending[transfer.key] = transfer, transfer.amount
        elif transfer.phase is not Phase.POSTED and named is not None:
            self._pending[named.key] = named, left - transfer.amount

    def _balances(self) -> None:
        stored = [account_of(row) for row in self._connection.execute(select(accounts))]
        for account in stored:
            wanted = self._accounts.get(account.name, Account(account.name))
            for side in _SIDES:
                was, should = getattr(account, side), getattr(wanted, side)
                if was != should:
                    what = f"its {side} are {decimal_of(was)} and its transfers come to {decimal_of(should)}"
                    self._find("account_wrong", f"account {account.name}", what, RESTORE)
        for name in self._accounts.keys() - {account.name for account in stored}:
            self._find("account_wrong", f"account {name}", "it is not there, and transfers name it", RESTORE)

    def _lots(self) -> None:
        """A lot's account holds what is left of it."""
        for row in self._connection.execute(select(lots)):
            lot = lot_of(row)
            kind, left = (Kind.CREDIT, lot.left) if row.side == CUSTOMER else (Kind.PACK, lot.cash_left)
            left = 0 if row.lapsed_at is not None else left
            balance = self._account(AccountName(kind, lot.account_owner, lot.currency)).balance
            if balance != left:
                what = f"its account has {decimal_of(balance)} and {decimal_of(left)} is left of it"
                self._find("lot_wrong", f"lot {lot.id} of {row.side} {lot.owner}", what, RESTORE)

    def _sums(self, sums: Mapping[Group, Sums]) -> None:
        """Costs, unknown costs and charges of all entries are those of the accounts."""
        wanted: Counter[AccountName] = Counter()
        for group, each in sums.items():
            wanted[AccountName(Kind.COST, group.vendor, group.currency)] += each.picos
            wanted[AccountName(Kind.UNCLEAR, group.vendor, group.currency)] += each.unknown_held
            wanted[AccountName(Kind.REVENUE, group.customer, group.charge_currency)] += each.charge_picos
        for name in self._accounts:
            if name.kind is Kind.REVENUE:
                wanted[name] += self._fees(name)
        for name in {*wanted, *self._accounts}:
            account = self._account(name)
            there = account.debits_pending if name.kind is Kind.UNCLEAR else account.balance
            if name.kind in (Kind.COST, Kind.UNCLEAR, Kind.REVENUE) and there != wanted[name]:
                what = f"it has {decimal_of(there)} and the entries come to {decimal_of(wanted[name])}"
                self._find("account_wrong", f"account {name}", what, RESTORE)

    def _fees(self, revenue: AccountName) -> int:
        fees = f"{TRANSFERS} WHERE t.kind = 'fee' AND c.kind = ? AND c.owner = ? AND c.currency = ?"
        return sum(int(row.amount) for row in self._connection.exec_driver_sql(fees, tuple(map(str, revenue))))

    def _corrections(self) -> None:
        """Each moved exactly the difference that it made."""
        query = select(corrections).order_by(corrections.c.id)
        for row in self._connection.execute(query.execution_options(yield_per=PAGE)):
            moved: Counter[Kind] = Counter()
            mine = f"""{TRANSFERS} WHERE t."key" IN (?, ?, ?, ?)"""
            parts = ("cost", "charge", "charge/wallet", "charge/owed")
            for each in self._connection.exec_driver_sql(mine, tuple(f"correction/{row.id}/{part}" for part in parts)):
                transfer = transfer_of(each)
                moved[transfer.debit.kind] += transfer.amount
                moved[transfer.credit.kind] -= transfer.amount
            wanted = (row.picos - (row.picos_before or 0), (row.charge_picos or 0) - (row.charge_before or 0))
            if (moved[Kind.COST], -moved[Kind.REVENUE]) != wanted:
                what = f"it changes cost and charge by {wanted} picos, and its transfers do not"
                self._find("correction_wrong", f"correction {row.id} of {row.call}", what, RESTORE)

    def _account(self, name: AccountName) -> Account:
        return self._accounts.setdefault(name, Account(name))

    def _missing(self, first: int, last: int) -> None:
        self._find("transfers_missing", f"transfer {first}", f"transfers {first} to {last} are not there", RESTORE)


def correction_problem(correction: Correction, entry: Entry, before: Correction | None) -> str | None:
    """What does not fit the entry or the correction before this one; None where all does."""
    counted = entry if before is None else before
    was = (counted.picos, counted.charge_picos)
    if (correction.picos_before, correction.charge_before) != was:
        return f"it says that {(correction.picos_before, correction.charge_before)} picos counted, and {was} did"
    if (correction.call, correction.attempt) != (entry.call, entry.attempt):
        return f"it names {correction.call}, attempt {correction.attempt}, and corrects {entry.call}"
    return None
