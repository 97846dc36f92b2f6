"""`fenli key`: keys for callers. They work within a second, whether or not `fenli serve` runs now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import as_json, line, table
from fenli.clock import SystemClock
from fenli.office.keys import KeyInfo, create_key, list_keys, revoke_key
from fenli.values import format_instant

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str | None, typer.Option("--name", help=say("option.name"))]
Models = Annotated[list[str] | None, typer.Option("--model", help=say("option.models"))]
Project = Annotated[str | None, typer.Option("--project", help=say("option.key_project"))]
ShowCost = Annotated[bool, typer.Option("--show-cost", help=say("option.show_cost"))]
Id = Annotated[str, typer.Argument(help=say("option.key_id"), metavar="ID")]


@app.command(help=say("help.key.create"))
def create(
    name: Name = None, model: Models = None, show_cost: ShowCost = False, project: Project = None, data: Data = None,
    json: Json = False,
) -> None:  # fmt: skip
    now = SystemClock().now()
    with make_books(data_folder(data)) as books:
        made = create_key(
            books, name or _free_name(list_keys(books)), models=model or None, show_cost=show_cost, project=project,
            now=now,
        )  # fmt: skip
    if json:
        as_json({"id": made.id, "name": made.name, "project": project, "key": made.secret})
        return
    line(say("key.created", id=made.id, name=made.name))
    line()
    line(f"  {made.secret}")
    line()
    line(say("key.once"))


@app.command("list", help=say("help.key.list"))
def show(data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        found = list_keys(books)
    if json:
        as_json([_as_data(key) for key in found])
        return
    if not found:
        line(say("key.none"))
        return
    rows = [
        [key.id, key.name, key.project or "",
         ", ".join(key.models) if key.models is not None else say("key.all_models"),
         format_instant(key.created_at)[:10], format_instant(key.revoked_at)[:10] if key.revoked_at else ""]
        for key in found
    ]  # fmt: skip
    headings = [say(f"column.{name}") for name in ("id", "name", "project", "models", "created", "revoked")]
    if not any(row[2] for row in rows):
        headings, rows = [*headings[:2], *headings[3:]], [[*row[:2], *row[3:]] for row in rows]
    table(headings, rows, flexible=len(headings) - 3)


@app.command(help=say("help.key.revoke"))
def revoke(id: Id, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        revoked = revoke_key(books, id, now=SystemClock().now())
    if json:
        as_json(_as_data(revoked))
    else:
        line(say("key.revoked", id=revoked.id, name=revoked.name))


def _free_name(keys: list[KeyInfo]) -> str:
    """``key-1``, ``key-2``, ...: the first that no key ever had."""
    taken = {key.name for key in keys}
    return next(name for number in range(1, len(taken) + 2) if (name := f"key-{number}") not in taken)


def _as_data(key: KeyInfo) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "models": key.models,
        "show_cost": key.show_cost,
        "created_at": format_instant(key.created_at),
        "revoked_at": None if key.revoked_at is None else format_instant(key.revoked_at),
    }
