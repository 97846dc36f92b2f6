"""`fenli project`: what keys belong to. A project has one customer for good, or none."""

from __future__ import annotations

from typing import Annotated

import typer

from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import as_json, line, table
from fenli.clock import SystemClock
from fenli.office.customers import Project, create_project, list_projects
from fenli.values import format_instant

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(help=say("option.project_id"), metavar="ID")]
Name = Annotated[str | None, typer.Option("--name", help=say("option.display_name"))]
Customer = Annotated[str | None, typer.Option("--customer", help=say("option.project_customer"))]


@app.command(help=say("help.project.create"))
def create(id: Id, customer: Customer = None, name: Name = None, data: Data = None, json: Json = False) -> None:
    with make_books(data_folder(data)) as books:
        made = create_project(books, id, name, customer=customer, now=SystemClock().now())
    if json:
        as_json(_as_data(made))
    else:
        line(say("project.created", id=made.id, customer=made.customer or say("project.ours")))


@app.command("list", help=say("help.project.list"))
def show(customer: Customer = None, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        found = list_projects(books, customer)
    if json:
        as_json([_as_data(project) for project in found])
    elif not found:
        line(say("project.none"))
    else:
        rows = [
            [each.id, each.name, each.customer or say("project.ours"), format_instant(each.created_at)[:10]]
            for each in found
        ]
        table([say(f"column.{name}") for name in ("id", "name", "customer", "created")], rows, flexible=1)


def _as_data(project: Project) -> dict[str, str | None]:
    return {
        "id": project.id,
        "name": project.name,
        "customer": project.customer,
        "created_at": format_instant(project.created_at),
    }
