"""`fenli ledger`: the entries of the books, and whether the books are sound."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from fenli.cli.books import key_names, open_books
from fenli.cli.language import say
from fenli.cli.ledger_accounts import accounts, transfers
from fenli.cli.options import ConfigFile, Data, Json, Since, Until, configuration, data_folder, instant
from fenli.cli.output import aligned, amount, as_json, complain, line, table
from fenli.cli.posted import wait_until_posted
from fenli.config.rates import load_rates
from fenli.config.settings import price_book
from fenli.ledger.entries import Entry
from fenli.ledger.records import OK, Grade
from fenli.office.reports import EntryRow, list_entries
from fenli.office.verify import verify
from fenli.values import Usage, format_instant
from fenli.values.money import decimal_of

app = typer.Typer(no_args_is_help=True)
app.command("accounts", help=say("help.ledger.accounts"))(accounts)
app.command("transfers", help=say("help.ledger.transfers"))(transfers)

Limit = Annotated[int, typer.Option("--limit", min=1, help=say("option.limit"))]
Key = Annotated[str | None, typer.Option("--key", help=say("option.key"))]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.vendor"))]
Model = Annotated[str | None, typer.Option("--model", help=say("option.model"))]
Project = Annotated[str | None, typer.Option("--project", help=say("option.project"))]
Customer = Annotated[str | None, typer.Option("--customer", help=say("option.customer"))]
OfGrade = Annotated[Grade | None, typer.Option("--grade", help=say("option.grade"))]


@app.command("list", help=say("help.ledger.list"))
def show(
    limit: Limit = 20,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    project: Project = None,
    customer: Customer = None,
    vendor: Vendor = None,
    model: Model = None,
    grade: OfGrade = None,
    data: Data = None,
    json: Json = False,
) -> None:
    first, last, folder = instant(since), instant(until), data_folder(data)
    with open_books(folder) as books:
        posted = wait_until_posted(folder, books)
        names = key_names(books)
        key = next((id for id, name in names.items() if name == key), key)
        rows = list_entries(
            books, limit=limit, since=first, until=last, key=key, project=project, customer=customer, vendor=vendor,
            model=model, grade=grade,
        )  # fmt: skip
    if not posted:
        complain(say("ledger.lagging"))
    if json:
        as_json([_as_data(row) for row in rows])
    elif not rows:
        line(say("ledger.none"))
    else:
        _print([row.entry for row in rows], names)
        if len(rows) == limit:
            line(say("ledger.more", shown=limit))


@app.command("verify", help=say("help.ledger.verify"))
def check(data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    loaded = configuration(config, folder)
    book, rates = price_book(loaded), load_rates(loaded)
    with open_books(folder) as books, Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(say("ledger.verifying"), total=None)
        found = verify(
            books,
            folder / "journal",
            book,
            lambda _, done, total: bar.update(task, completed=done, total=total),
            rates=rates,
        )
    if json:
        as_json({**msgspec.structs.asdict(found), "sound": found.sound})
    else:
        for one in found.findings:
            line(say("ledger.finding", kind=one.kind, place=one.place, what=one.what, next_step=one.next_step))
        names = ("entries", "rated", "transfers")
        counts = {name: getattr(found, name) for name in names}
        counts |= {"runs": found.runs_replayed, "past": found.runs_past}
        line(say("ledger.sound", **counts) if found.sound else say("ledger.findings", count=found.found, **counts))
    if not found.sound:
        raise typer.Exit(1)


def _print(entries: list[Entry], names: dict[str, str]) -> None:
    usages = [Usage(entry.usage) if entry.usage is not None else None for entry in entries]
    columns = {
        "when": [format_instant(entry.opened_at)[5:19].replace("T", " ") for entry in entries],
        "model": [f"{entry.vendor}/{entry.model}" for entry in entries],
        "in": ["-" if usage is None else str(usage.prompt) for usage in usages],
        "out": ["-" if usage is None else str(usage.completion) for usage in usages],
        "cost": aligned([_cost(entry) for entry in entries]),
        "currency": [entry.currency or "" for entry in entries],
        "grade": [entry.grade if entry.outcome == OK else f"{entry.grade}: {entry.outcome}" for entry in entries],
    }
    if any(entry.charge_currency is not None for entry in entries):
        columns["charge"] = aligned([_charge(entry) for entry in entries])
    if len({entry.key for entry in entries}) > 1:
        columns["key"] = [names.get(entry.key, entry.key) for entry in entries]
    headings = ["" if name == "currency" else say(f"column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), right=(2, 3), flexible=6)


def _cost(entry: Entry) -> str:
    return "-" if entry.grade is Grade.NONE else amount(entry.picos)


def _charge(entry: Entry) -> str:
    """With its currency, which need not be that of the cost."""
    if entry.charge_currency is None:
        return "-"
    return (
        amount(entry.charge_picos)
        if entry.charge_picos is None
        else f"{decimal_of(entry.charge_picos)} {entry.charge_currency}"
    )


def _as_data(row: EntryRow) -> dict[str, Any]:
    """Every field; amounts as decimal text of ``currency``, null where they are not known."""
    shown: dict[str, Any] = msgspec.structs.asdict(row.entry)
    for name in ("opened_at", "closed_at", "rated_at"):
        shown[name] = None if shown[name] is None else format_instant(shown[name])
    for name, picos in (("cost", "picos"), ("held", "held_picos"), ("charge", "charge_picos")):
        known = shown.pop(picos)
        shown[name] = None if known is None else decimal_of(known)
    raw = shown.pop("raw_usage")
    shown["raw_usage"] = None if raw is None else raw.decode(errors="replace")
    shown["first_content_ns"] = shown.pop("first_content")
    return {"sequence": row.sequence, **shown, "correction": _correction(row)}


def _correction(row: EntryRow) -> dict[str, Any] | None:
    """Why the entry does not count as it was posted."""
    found = row.correction
    if found is None:
        return None
    before = {"cost_before": found.picos_before, "charge_before": found.charge_before}
    amounts = {name: None if picos is None else decimal_of(picos) for name, picos in before.items()}
    return {"at": format_instant(found.at), "why": found.why, "reference": found.reference, **amounts}
