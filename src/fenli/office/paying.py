"""How a customer's money moves: out of the wallet as long as there is any, then on account; in the other way round."""

from __future__ import annotations

from fenli.ledger.accounts import Transfer
from fenli.ledger.chart import AccountName, Kind, Move
from fenli.office.accounting import Accounting


def accounts_of(customer: str, currency: str) -> tuple[AccountName, AccountName, AccountName]:
    """The wallet, what is owed, and what was charged."""
    return (
        AccountName(Kind.WALLET, customer, currency),
        AccountName(Kind.OWED, customer, currency),
        AccountName(Kind.REVENUE, customer, currency),
    )


def take(
    books: Accounting, customer: str, currency: str, amount: int, *, kind: Move, key: str, **more: int | str | None
) -> None:
    """Charges ``amount`` picos: what the wallet does not hold is owed, on an account of its own. 0 moves nothing.

    ``more`` are further fields of the transfers, whose keys begin with ``key`` and are new for certain.
    """
    wallet, owed, revenue = accounts_of(customer, currency)
    from_wallet = min(amount, max(0, books.account(wallet).available))
    for source, part in ((wallet, from_wallet), (owed, amount - from_wallet)):
        if part:
            books.add(_transfer(books, kind, f"{key}/{source.kind}", source, revenue, part, more))


def put_in(
    books: Accounting,
    customer: str,
    source: AccountName,
    amount: int,
    *,
    kind: Move,
    key: str,
    **more: int | str | None,
) -> bool:
    """Puts ``amount`` picos into the customer's wallet, out of ``source``, and pays with it what is owed.

    False when it was done before.
    """
    wallet = AccountName(Kind.WALLET, customer, source.currency)
    if not books.apply(_transfer(books, kind, key, source, wallet, amount, more)):
        return False
    owed = AccountName(Kind.OWED, customer, source.currency)
    repaid = min(books.account(owed).available, books.account(wallet).available)
    if repaid > 0:
        books.apply(_transfer(books, Move.REPAYMENT, f"{key}/repayment", wallet, owed, repaid, {}))
    return True


def _transfer(
    books: Accounting,
    kind: Move,
    key: str,
    debit: AccountName,
    credit: AccountName,
    amount: int,
    more: dict[str, int | str | None],
) -> Transfer:
    fields: dict[str, object] = dict(more)
    return Transfer(key=key, kind=kind, debit=debit, credit=credit, amount=amount, at=books.now, **fields)  # type: ignore[arg-type]
