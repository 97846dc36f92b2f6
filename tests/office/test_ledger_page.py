"""The example of docs/ledger.md, posted: each transfer and each balance of the page is what the books say."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from books import HOUR, NOON, StoppedClock, Worker, held, settled
from trade import BEFORE, YUAN, balances, sell

from fenli.ledger.accounts import Transfer
from fenli.ledger.lots import LotKind
from fenli.office.accounts import read_transfers
from fenli.office.corrections import post_correction
from fenli.office.packs import Purchase, buy, vendor_costs
from fenli.office.posting import Posting
from fenli.office.wallets import give_credit, top_up
from fenli.store import Database
from fenli.values import Money

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
JIAO = YUAN // 10


def test_the_example_of_the_page(data: Path, database: Database) -> None:
    key = sell(database)
    top_up(database, "acme", Money("CNY", YUAN), reference="INV-1", now=BEFORE)
    give_credit(database, "acme", Money("CNY", JIAO // 2), reference="hello", now=BEFORE)
    grant = Purchase(
        vendor="deepseek", kind=LotKind.GRANTED, unit="money", units=3 * JIAO // 2, price=Money("CNY", 0), reference="g"
    )
    buy(database, grant, now=BEFORE)
    worker = Worker(data)
    worker.write(held(1, key=key), held(2, key=key), held(3, key=key, picos=5 * JIAO))
    worker.write(settled(1, picos=JIAO), settled(2, picos=2 * JIAO))
    worker.die()
    posting = Posting(database, data / "journal", StoppedClock())
    posting.step()
    posting.close()
    with database.write() as connection:
        post_correction(
            connection, "call_00000000000run100000003", 1, Money("CNY", 3 * JIAO),
            why="the vendor's bill", reference="bill", now=NOON + HOUR,
        )  # fmt: skip

    with database.read() as connection:
        made = [_shown(each) for each in read_transfers(connection, None, 100)]
        (costs,) = vendor_costs(connection)
    first, then, left = (_rows(number) for number in (1, 2, 3))
    assert sorted(made) == sorted((row[1], row[2], Decimal(row[3])) for row in [*first, *then])
    named = {re.sub(" CNY$", "", name): Decimal(picos) / YUAN for name, picos in balances(database).items()}
    assert named == {row[0]: Decimal(row[1]) for row in left}
    assert (costs.list_cost, costs.cash_cost) == (6 * JIAO, 9 * JIAO // 2)


def _rows(number: int) -> list[list[str]]:
    """Of the example's tables, the so manieth."""
    example = PAGE.partition("## An example in numbers")[2].partition("\n## ")[0]
    table = re.findall(r"(?:^\|.*\n)+", example, re.MULTILINE)[number - 1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def _shown(transfer: Transfer) -> tuple[str, str, Decimal]:
    debit, credit = (str(name).removesuffix(" CNY") for name in (transfer.debit, transfer.credit))
    return debit, credit, Decimal(transfer.amount) / YUAN
