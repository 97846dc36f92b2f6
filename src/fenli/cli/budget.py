"""`fenli budget`: how much may be spent, by whom, in which time; what is spent of it and what is left."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from fenli.budgets import Mode, Period, Scope
from fenli.cli.books import key_names, make_books, open_books
from fenli.cli.budget_rows import print_budget, print_budgets
from fenli.cli.language import say
from fenli.cli.options import AMOUNTS, ConfigFile, Data, Json, Zone, configuration, data_folder, span
from fenli.cli.output import as_json, complain, line
from fenli.cli.posted import wait_until_posted
from fenli.cli.rates import all_rates
from fenli.clock import SystemClock
from fenli.config.vendors import LOCAL, vendor_states
from fenli.office.budget_counts import create_budget, recount, set_limit
from fenli.office.budget_standings import BudgetStanding, budget_standings, standing_as_data
from fenli.office.budgets import NewBudget, find_budget, remove_budget
from fenli.store import Database
from fenli.values.money import decimal_of

app = typer.Typer(no_args_is_help=True)

NewName = Annotated[str, typer.Argument(help=say("option.budget_name"), metavar="NAME")]
Name = Annotated[str, typer.Argument(help=say("option.budget"), metavar="NAME")]
Limit = Annotated[str, typer.Option("--limit", help=say("option.budget_limit"))]
Currency = Annotated[str, typer.Option("--currency", help=say("option.budget_currency"))]
OfScope = Annotated[Scope, typer.Option("--scope", help=say("option.budget_scope"))]
Of = Annotated[str, typer.Option("--of", help=say("option.budget_of"))]
Per = Annotated[Period, typer.Option("--period", help=say("option.budget_period"))]
Span = Annotated[str | None, typer.Option("--span", help=say("option.budget_span"))]
How = Annotated[Mode, typer.Option("--mode", help=say("option.budget_mode"))]
Notices = Annotated[list[int] | None, typer.Option("--notice", help=say("option.budget_notice"))]


@app.command(context_settings=AMOUNTS, help=say("help.budget.create"))
def create(
    name: NewName, limit: Limit, currency: Currency, scope: OfScope, period: Per, of: Of = "", back: Span = None,
    zone: Zone = "UTC", mode: How = Mode.HARD, notice: Notices = None, data: Data = None, config: ConfigFile = None,
    json: Json = False,
) -> None:  # fmt: skip
    folder = data_folder(data)
    given: dict[str, Any] = {} if notice is None else {"notices": tuple(notice)}
    wanted = NewBudget(
        name=name, scope=scope, subject=of, limit=limit, currency=currency, period=period,
        span=0 if back is None else span(back), zone=zone, mode=mode, **given,
    )  # fmt: skip
    vendors = {LOCAL, *(state.id for state in vendor_states(configuration(config, folder), os.environ))}
    with make_books(folder) as books:
        made = create_budget(books, wanted, all_rates(books, folder, config), vendors, SystemClock())
        standing, names = _standing(books, folder, config, made.id), key_names(books)
    if json:
        as_json(standing_as_data(standing))
    else:
        line(say("budget.created", name=made.name, id=made.id))
        line()
        print_budgets([standing], names)


@app.command("list", help=say("help.budget.list"))
def show_all(data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        _wait(folder, books)
        found, names = _standings(books, folder, config), key_names(books)
    if json:
        as_json([standing_as_data(standing) for standing in found])
    elif not found:
        line(say("budget.none"))
    else:
        print_budgets(found, names)


@app.command(help=say("help.budget.show"))
def show(budget: Name, data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        _wait(folder, books)
        standing, names = _standing(books, folder, config, budget), key_names(books)
    if json:
        as_json(standing_as_data(standing))
    else:
        print_budget(standing, names)


@app.command(context_settings=AMOUNTS, help=say("help.budget.change"))
def change(budget: Name, limit: Limit, data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        before, after = set_limit(books, budget, limit, SystemClock())
        standing = _standing(books, folder, config, after.id)
    if json:
        as_json(standing_as_data(standing))
        return
    amounts = {"before": decimal_of(before.picos), "after": decimal_of(after.picos), "currency": after.currency}
    line(say("budget.changed", name=after.name, **amounts))
    if standing.free < 0:
        line(say("budget.over", name=after.name, amount=decimal_of(-standing.free), currency=after.currency))


@app.command(help=say("help.budget.remove"))
def remove(budget: Name, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        gone = remove_budget(books, budget, now=SystemClock().now())
    if json:
        as_json({"id": gone.id, "name": gone.name})
    else:
        line(say("budget.removed", name=gone.name, id=gone.id))


@app.command("recount", help=say("help.budget.recount"))
def count_again(budget: Name, data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    with open_books(folder) as books:
        counted = recount(books, budget, all_rates(books, folder, config), SystemClock())
        standing, names = _standing(books, folder, config, counted.id), key_names(books)
    if json:
        as_json(standing_as_data(standing))
    else:
        print_budgets([standing], names)


def _standings(books: Database, folder: Path, config: Path | None) -> list[BudgetStanding]:
    rates = all_rates(books, folder, config)
    with books.read() as connection:
        return budget_standings(connection, rates, SystemClock().now())


def _standing(books: Database, folder: Path, config: Path | None, id_or_name: str) -> BudgetStanding:
    with books.read() as connection:
        wanted = find_budget(connection, id_or_name)
    return next(each for each in _standings(books, folder, config) if each.budget.id == wanted.id)


def _wait(folder: Path, books: Database) -> None:
    if not wait_until_posted(folder, books):
        complain(say("ledger.lagging"))
