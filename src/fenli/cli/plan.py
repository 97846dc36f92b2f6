"""`fenli plan`: what customers pay by. A plan never changes, and one that is assigned reaches nothing in the past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fenli.cli.assigned import assignment_data, print_assignments, terms_data, terms_line
from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import AMOUNTS, Data, Json, Zone, data_folder, instant, zone_named
from fenli.cli.output import as_json, line, table
from fenli.clock import SystemClock
from fenli.errors import AccountRefused
from fenli.office.plans import assign_plan, create_plan, list_assignments, list_plans
from fenli.prices.plans import Markup, PerCall, PriceList, Subscription, Terms
from fenli.values import format_instant

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help=say("option.plan"), metavar="NAME")]
Ratio = Annotated[str | None, typer.Option("--markup", help=say("option.markup"))]
Price = Annotated[str | None, typer.Option("--per-call", help=say("option.per_call"))]
File = Annotated[Path | None, typer.Option("--list", help=say("option.price_list"))]
Fee = Annotated[str | None, typer.Option("--fee", help=say("option.fee"))]
Allowance = Annotated[str | None, typer.Option("--allowance", help=say("option.allowance"))]
InCurrency = Annotated[str | None, typer.Option("--currency", help=say("option.plan_currency"))]
MonthZone = Annotated[str, typer.Option("--zone", help=say("option.month_zone"))]
Assigned = Annotated[str, typer.Argument(help=say("option.assigned_plan"), metavar="NAME")]
Customer = Annotated[str | None, typer.Option("--customer", help=say("option.plan_customer"))]
Project = Annotated[str | None, typer.Option("--project", help=say("option.plan_project"))]
From = Annotated[str | None, typer.Option("--from", help=say("option.plan_from"))]

NO_PLAN = "none"


@app.command(context_settings=AMOUNTS, help=say("help.plan.create"))
def create(
    name: Name, markup: Ratio = None, per_call: Price = None, price_list: File = None, fee: Fee = None,
    allowance: Allowance = None, currency: InCurrency = None, zone: MonthZone = "UTC", data: Data = None,
    json: Json = False,
) -> None:  # fmt: skip
    rule = _rule(markup, per_call, price_list, currency)
    terms: Terms = rule
    if fee is not None or allowance is not None:
        if fee is None or allowance is None or currency is None:
            raise AccountRefused(say("plan.subscription_needs"))
        terms = Subscription(currency=currency, fee=fee, allowance=allowance, zone=zone, beyond=rule)
    if name == NO_PLAN:
        raise AccountRefused(say("plan.reserved", name=name))
    with make_books(data_folder(data)) as books:
        made = create_plan(books, name, terms, now=SystemClock().now())
    if json:
        as_json({"name": made.name, "terms": terms_data(terms)})
    else:
        line(say("plan.created", name=name, terms=terms_line(terms)))


@app.command("list", help=say("help.plan.list"))
def show(data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books, books.read() as connection:
        plans = list_plans(connection)
        assigned = list_assignments(connection)
    by_id = {plan.id: plan for plan in plans}
    if json:
        as_json(
            {
                "plans": [{"name": plan.name, "terms": terms_data(plan.terms)} for plan in plans],
                "assigned": [assignment_data(each, by_id) for each in assigned],
            }
        )
    elif not plans:
        line(say("plan.none"))
    else:
        rows = [[plan.name, terms_line(plan.terms), format_instant(plan.created_at)[:10]] for plan in plans]
        table([say(f"column.{name}") for name in ("plan", "terms", "created")], rows, flexible=1)
        if assigned:
            line()
            print_assignments(assigned, by_id)


@app.command(help=say("help.plan.assign"))
def assign(
    name: Assigned, customer: Customer = None, project: Project = None, starts: From = None, zone: Zone = "UTC",
    data: Data = None, json: Json = False,
) -> None:  # fmt: skip
    begins = instant(starts, zone_named(zone))
    with open_books(data_folder(data)) as books:
        plan = None if name == NO_PLAN else name
        made = assign_plan(
            books, plan, customer=customer, project=project, starts_at=begins, now=SystemClock().now()
        )  # fmt: skip
        with books.read() as connection:
            by_id = {each.id: each for each in list_plans(connection)}
    if json:
        as_json(assignment_data(made, by_id))
    else:
        key = "plan.assigned" if plan is not None else "plan.ended"
        whom = made.customer if made.project is None else f"{made.customer}/{made.project}"
        line(say(key, name=name, whom=whom, when=format_instant(made.starts_at)))


def _rule(
    markup: str | None, per_call: str | None, price_list: Path | None, currency: str | None
) -> Markup | PerCall | PriceList:
    if [markup, per_call, price_list].count(None) != 2:
        raise AccountRefused(say("plan.one_rule"))
    if markup is not None:
        return Markup(markup)
    if per_call is not None:
        if currency is None:
            raise AccountRefused(say("plan.call_needs"))
        return PerCall(currency, per_call)
    assert price_list is not None
    try:
        return PriceList(str(price_list), price_list.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise AccountRefused(say("plan.no_file", file=price_list, reason=reason)) from None
