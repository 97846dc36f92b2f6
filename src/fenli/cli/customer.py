"""`fenli customer`: who pays us, and what each has, owes and pays by."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fenli.cli.assigned import assignment_data, print_assignments
from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import aligned, as_json, line, table
from fenli.clock import SystemClock
from fenli.office.customers import create_customer, find_customer, list_customers, list_projects
from fenli.office.plans import list_assignments, list_plans
from fenli.office.wallets import Purse, purses
from fenli.values import format_instant
from fenli.values.money import decimal_of

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(help=say("option.customer_id"), metavar="ID")]
Name = Annotated[str | None, typer.Option("--name", help=say("option.display_name"))]


@app.command(help=say("help.customer.create"))
def create(id: Id, name: Name = None, data: Data = None, json: Json = False) -> None:
    with make_books(data_folder(data)) as books:
        made = create_customer(books, id, name, now=SystemClock().now())
    if json:
        as_json({"id": made.id, "name": made.name})
    else:
        line(say("customer.created", id=made.id))


@app.command("list", help=say("help.customer.list"))
def show_all(data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        found = list_customers(books)
        with books.read() as connection:
            money = {customer.id: purses(connection, customer.id) for customer in found}
    if json:
        as_json([{**_named(one), "money": [purse_data(purse) for purse in money[one.id]]} for one in found])
    elif not found:
        line(say("customer.none"))
    else:
        rows = [[one.id, one.name, *row] for one in found for row in _purse_rows(money[one.id])]
        _print_money(["id", "name"], rows)


@app.command(help=say("help.customer.show"))
def show(id: Id, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        with books.read() as connection:
            customer = find_customer(connection, id)
            money = purses(connection, id)
            plans = {plan.id: plan for plan in list_plans(connection)}
            assigned = list_assignments(connection, id)
        projects = list_projects(books, id)
    if json:
        as_json(
            {
                **_named(customer),
                "projects": [project.id for project in projects],
                "plans": [assignment_data(each, plans) for each in assigned],
                "money": [purse_data(purse) for purse in money],
            }
        )
        return
    line(say("customer.heading", id=customer.id, name=customer.name, created=format_instant(customer.created_at)[:10]))
    line(say("customer.projects", projects=", ".join(each.id for each in projects) or say("customer.no_projects")))
    if assigned:
        line()
        print_assignments(assigned, plans)
    else:
        line(say("customer.no_plan", id=id))
    if money:
        line()
        _print_money([], _purse_rows(money))
        _print_credits(money)


def purse_data(purse: Purse) -> dict[str, Any]:
    """Amounts as decimal text."""
    return {
        "currency": purse.currency,
        "wallet": decimal_of(purse.wallet),
        "credit": decimal_of(purse.credit),
        "owed": decimal_of(purse.owed),
        "charged": decimal_of(purse.charged),
        "credits": [
            {
                "kind": lot.kind,
                "left": decimal_of(lot.left),
                "of": decimal_of(lot.face),
                "projects": None if lot.scope is None else sorted(lot.scope),
                "opens_at": format_instant(lot.opens_at),
                "expires_at": None if lot.expires_at is None else format_instant(lot.expires_at),
            }
            for lot in purse.credits
        ],
    }


def _named(customer: Any) -> dict[str, Any]:
    return {"id": customer.id, "name": customer.name, "created_at": format_instant(customer.created_at)}


def _purse_rows(money: list[Purse]) -> list[list[str]]:
    if not money:
        return [["-", "-", "-", "-", ""]]
    amounts = ("wallet", "credit", "owed", "charged")
    return [[*(decimal_of(getattr(purse, name)) for name in amounts), purse.currency] for purse in money]


def _print_money(names: list[str], rows: list[list[str]]) -> None:
    first = len(names)
    columns = list(zip(*rows, strict=True))
    for place in range(first, first + 4):
        columns[place] = tuple(aligned(columns[place]))
    headings = [say(f"column.{name}") for name in (*names, "wallet", "credit", "owed", "charged")]
    table([*headings, ""], list(zip(*columns, strict=True)), flexible=1 if names else None)


def _print_credits(money: list[Purse]) -> None:
    for purse in money:
        for lot in purse.credits:
            values = {"left": decimal_of(lot.left), "face": decimal_of(lot.face), "currency": lot.currency}
            until = say("credit.for_ever") if lot.expires_at is None else format_instant(lot.expires_at)[:16]
            line(say(f"credit.{lot.kind}", **values, until=until.replace("T", " ")))
