"""`fenli wallet`: customers' money with us. Every movement has a reference, so that none is booked twice."""

from __future__ import annotations

from typing import Annotated

import typer

from fenli.cli.books import open_books
from fenli.cli.customer import purse_data
from fenli.cli.language import say
from fenli.cli.moved import own_rows, print_movements, transfer_data
from fenli.cli.options import (
    AMOUNTS,
    Amount,
    Currency,
    Data,
    Json,
    Note,
    Reference,
    Zone,
    data_folder,
    instant,
    money,
    zone_named,
)
from fenli.cli.output import as_json, line
from fenli.clock import SystemClock
from fenli.office.wallets import give_credit, movements, purses, refund, top_up
from fenli.store import Database
from fenli.values import Money
from fenli.values.money import decimal_of

app = typer.Typer(no_args_is_help=True)

Customer = Annotated[str, typer.Argument(help=say("option.customer_id"), metavar="CUSTOMER")]
Expires = Annotated[str | None, typer.Option("--expires", help=say("option.expires"))]
Limit = Annotated[int, typer.Option("--limit", min=1, help=say("option.limit"))]


@app.command("topup", context_settings=AMOUNTS, help=say("help.wallet.topup"))
def put_in(
    customer: Customer, amount: Amount, currency: Currency, reference: Reference, note: Note = None, data: Data = None,
    json: Json = False,
) -> None:  # fmt: skip
    paid = money(amount, currency)
    with open_books(data_folder(data)) as books:
        fresh = top_up(books, customer, paid, reference=reference, why=note, now=SystemClock().now())
        _tell(books, customer, paid, reference, fresh, "wallet.topped_up", json)


@app.command("refund", context_settings=AMOUNTS, help=say("help.wallet.refund"))
def pay_back(
    customer: Customer, amount: Amount, currency: Currency, reference: Reference, note: Note = None, data: Data = None,
    json: Json = False,
) -> None:  # fmt: skip
    paid = money(amount, currency)
    with open_books(data_folder(data)) as books:
        fresh = refund(books, customer, paid, reference=reference, why=note, now=SystemClock().now())
        _tell(books, customer, paid, reference, fresh, "wallet.refunded", json)


@app.command("credit", context_settings=AMOUNTS, help=say("help.wallet.credit"))
def credit(
    customer: Customer, amount: Amount, currency: Currency, reference: Reference, expires: Expires = None,
    zone: Zone = "UTC", note: Note = None, data: Data = None, json: Json = False,
) -> None:  # fmt: skip
    given = money(amount, currency)
    until = instant(expires, zone_named(zone))
    with open_books(data_folder(data)) as books:
        now = SystemClock().now()
        fresh = give_credit(books, customer, given, reference=reference, expires_at=until, why=note, now=now)
        _tell(books, customer, given, reference, fresh, "wallet.credited", json)


@app.command(help=say("help.wallet.show"))
def show(customer: Customer, limit: Limit = 20, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books, books.read() as connection:
        money_of = purses(connection, customer)
        moved = movements(connection, customer, limit)
    if json:
        shown = [transfer_data(transfer) for transfer in moved]
        as_json({"customer": customer, "money": [purse_data(purse) for purse in money_of], "movements": shown})
        return
    if not money_of:
        line(say("wallet.empty", customer=customer))
        return
    print_movements(own_rows(moved, customer))
    if len(moved) == limit:
        line(say("ledger.more", shown=limit))
    for purse in money_of:
        amounts = {name: decimal_of(getattr(purse, name)) for name in ("wallet", "credit", "owed")}
        line(say("wallet.state", currency=purse.currency, **amounts))


def _tell(books: Database, customer: str, amount: Money, reference: str, fresh: bool, done: str, as_data: bool) -> None:
    with books.read() as connection:
        purse = next(each for each in purses(connection, customer) if each.currency == amount.currency)
    if as_data:
        as_json({"customer": customer, "reference": reference, "booked": fresh, "money": purse_data(purse)})
        return
    key = done if fresh else "wallet.before"
    line(say(key, customer=customer, amount=str(amount), reference=reference))
    amounts = {name: decimal_of(getattr(purse, name)) for name in ("wallet", "credit", "owed")}
    line(say("wallet.state", currency=purse.currency, **amounts))
