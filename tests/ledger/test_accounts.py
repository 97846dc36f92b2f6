"""Double entry in memory: what a transfer may do, what it never does, and that nothing gets lost on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from fenli.errors import AccountRefused
from fenli.ledger.accounts import Account, Phase, Transfer, check_named, check_same, move
from fenli.ledger.chart import RULES, AccountName, Kind, Move, Rule

CASH = AccountName(Kind.CASH, "", "CNY")
WALLET = AccountName(Kind.WALLET, "acme", "CNY")
REVENUE = AccountName(Kind.REVENUE, "acme", "CNY")
OWED = AccountName(Kind.OWED, "acme", "CNY")


class Book:
    """Accounts and transfers in memory, by the rules that the office keeps them by in the store."""

    def __init__(self, transfers: Iterable[Transfer] = ()) -> None:
        self.accounts: dict[AccountName, Account] = {}
        self.transfers: dict[str, Transfer] = {}
        self.left: dict[str, int] = {}  # of pending transfers, by key
        for transfer in transfers:
            self.apply(transfer)

    def account(self, name: AccountName) -> Account:
        return self.accounts.get(name) or Account(name)

    def apply(self, transfer: Transfer) -> bool:
        """False when this very transfer was made before. Raises AccountRefused, and then nothing has changed."""
        before = self.transfers.get(transfer.key)
        if before is not None:
            check_same(before, transfer)
            return False
        debit, credit = self.account(transfer.debit), self.account(transfer.credit)
        named = self.transfers.get(transfer.names) if transfer.names is not None else None
        check_named(transfer, named)
        move(transfer, debit, credit, named, self.left.get(transfer.names or "", 0))
        self.accounts[transfer.debit], self.accounts[transfer.credit] = debit, credit
        self.transfers[transfer.key] = transfer
        if transfer.phase is Phase.PENDING:
            self.left[transfer.key] = transfer.amount
        elif transfer.phase is not Phase.POSTED and transfer.names is not None:
            self.left[transfer.names] -= transfer.amount
        return True


def transfer(key: str, debit: AccountName, credit: AccountName, amount: Any, **more: Any) -> Transfer:
    return Transfer(key=key, kind=Move.TOP_UP, debit=debit, credit=credit, amount=amount, at=0, **more)


def test_money_that_came_in_can_be_used_and_no_more() -> None:
    book = Book([transfer("in", CASH, WALLET, 100)])
    book.apply(transfer("use", WALLET, REVENUE, 60))
    assert (book.account(WALLET).balance, book.account(CASH).balance, book.account(REVENUE).balance) == (40, 100, 60)
    with pytest.raises(AccountRefused, match=r"wallet acme CNY has 0\.00000000004 CNY"):
        book.apply(transfer("more", WALLET, REVENUE, 41))
    assert book.account(WALLET).balance == 40
    assert "more" not in book.transfers


def test_what_is_pending_cannot_be_used_twice() -> None:
    book = Book([transfer("in", CASH, WALLET, 100), transfer("hold", WALLET, REVENUE, 70, phase=Phase.PENDING)])
    wallet = book.account(WALLET)
    assert (wallet.balance, wallet.available, wallet.debits_pending) == (100, 30, 70)
    with pytest.raises(AccountRefused, match="take no more than there is"):
        book.apply(transfer("use", WALLET, REVENUE, 31))
    book.apply(transfer("settle", WALLET, REVENUE, 50, phase=Phase.POST, names="hold"))
    book.apply(transfer("rest", WALLET, REVENUE, 20, phase=Phase.VOID, names="hold"))
    assert (wallet.balance, wallet.available, wallet.debits_pending) == (50, 50, 0)
    assert book.left["hold"] == 0


@pytest.mark.parametrize("phase", [Phase.POST, Phase.VOID])
def test_a_pending_transfer_is_resolved_once_and_by_its_own_accounts(phase: Phase) -> None:
    book = Book([transfer("in", CASH, WALLET, 100), transfer("hold", WALLET, REVENUE, 70, phase=Phase.PENDING)])
    with pytest.raises(AccountRefused, match="name a pending transfer"):
        book.apply(transfer("a", CASH, WALLET, 1, phase=phase, names="in"))
    with pytest.raises(AccountRefused, match="never made"):
        book.apply(transfer("b", WALLET, REVENUE, 1, phase=phase, names="nothing"))
    with pytest.raises(AccountRefused, match="name a pending transfer"):
        book.apply(transfer("c", WALLET, REVENUE, 1, phase=phase))
    with pytest.raises(AccountRefused, match="between other accounts"):
        book.apply(transfer("d", WALLET, CASH, 1, phase=phase, names="hold"))
    book.apply(transfer("e", WALLET, REVENUE, 70, phase=phase, names="hold"))
    with pytest.raises(AccountRefused, match="of which 0 is pending"):
        book.apply(transfer("f", WALLET, REVENUE, 1, phase=phase, names="hold"))


def test_the_same_transfer_again_changes_nothing_and_another_under_its_key_is_refused() -> None:
    first = transfer("INV-1", CASH, WALLET, 100, reference="INV-1")
    book = Book([first])
    assert not book.apply(msgspec.structs.replace(first, at=99, why="said again"))
    assert book.account(WALLET).balance == 100
    with pytest.raises(AccountRefused, match=r"INV-1 was booked before as 0\.0000000001 CNY"):
        book.apply(msgspec.structs.replace(first, amount=99))


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, "1"])
def test_an_amount_is_a_whole_number_above_zero(amount: Any) -> None:
    with pytest.raises(AccountRefused, match="whole number of picos above 0"):
        Book().apply(transfer("x", CASH, WALLET, amount))


def test_two_accounts_and_one_currency() -> None:
    dollars = AccountName(Kind.WALLET, "acme", "USD")
    for debit, credit in ((CASH, dollars), (CASH, CASH)):
        with pytest.raises(AccountRefused, match="two accounts in one currency"):
            Book().apply(transfer("x", debit, credit, 1))


def test_a_correction_names_what_it_corrects() -> None:
    book = Book([transfer("in", CASH, WALLET, 100)])
    book.apply(transfer("back", WALLET, CASH, 10, names="in"))
    with pytest.raises(AccountRefused, match="names nothing, which was never made"):
        book.apply(transfer("wrong", WALLET, CASH, 10, names="nothing"))


def test_amounts_have_no_largest_one() -> None:
    huge = 10**40
    book = Book([transfer("in", CASH, WALLET, huge), transfer("use", WALLET, REVENUE, huge - 1)])
    assert book.account(WALLET).available == 1


NAMES = st.sampled_from([CASH, WALLET, REVENUE, OWED, AccountName(Kind.CREDIT, "acme#1", "CNY")])
AMOUNTS = st.integers(1, 1000)


class AnyTransfers(RuleBasedStateMachine):
    """Whatever is asked, both sides stay equal, no rule is broken, and the transfers alone give the same accounts."""

    pending = Bundle("pending")

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.number = 0

    @rule(debit=NAMES, credit=NAMES, amount=AMOUNTS)
    def post(self, debit: AccountName, credit: AccountName, amount: int) -> None:
        self._try(debit, credit, amount)

    @rule(target=pending, debit=NAMES, credit=NAMES, amount=AMOUNTS)
    def set_apart(self, debit: AccountName, credit: AccountName, amount: int) -> str | None:
        made = self._try(debit, credit, amount, phase=Phase.PENDING)
        return made.key if made is not None else None

    @rule(key=pending, amount=AMOUNTS, phase=st.sampled_from([Phase.POST, Phase.VOID]))
    def resolve(self, key: str | None, amount: int, phase: Phase) -> None:
        if key is not None:
            named, left = self.book.transfers[key], self.book.left[key]
            made = self._try(named.debit, named.credit, amount, phase=phase, names=key)
            assert (made is not None) == (amount <= left)

    @rule(key=consumes(pending))
    def resolve_the_rest(self, key: str | None) -> None:
        if key is not None and (left := self.book.left[key]):
            named = self.book.transfers[key]
            assert self._try(named.debit, named.credit, left, phase=Phase.VOID, names=key) is not None

    @invariant()
    def both_sides_are_equal(self) -> None:
        accounts = self.book.accounts.values()
        assert sum(each.debits_posted for each in accounts) == sum(each.credits_posted for each in accounts)
        assert sum(each.debits_pending for each in accounts) == sum(each.credits_pending for each in accounts)
        assert sum(each.debits_pending for each in accounts) == sum(self.book.left.values())

    @invariant()
    def no_account_breaks_its_rule(self) -> None:
        for account in self.book.accounts.values():
            assert min(_sides(account)) >= 0
            if RULES[account.name.kind] is not Rule.FREE:
                assert account.available >= 0

    @invariant()
    def the_transfers_give_the_same_accounts(self) -> None:
        assert Book(self.book.transfers.values()).accounts == self.book.accounts

    def _try(self, debit: AccountName, credit: AccountName, amount: int, **more: Any) -> Transfer | None:
        self.number += 1
        wanted = transfer(f"t{self.number}", debit, credit, amount, **more)
        before = {name: _sides(account) for name, account in self.book.accounts.items()}
        try:
            assert self.book.apply(wanted)
        except AccountRefused:
            assert {name: _sides(account) for name, account in self.book.accounts.items()} == before
            return None
        return wanted


def _sides(account: Account) -> tuple[int, int, int, int]:
    return account.debits_posted, account.credits_posted, account.debits_pending, account.credits_pending


TestAnyTransfers = AnyTransfers.TestCase
TestAnyTransfers.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
