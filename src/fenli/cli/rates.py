"""`fenli rates`: what reports convert by. Stated by people, with a date and a source; never fetched, never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fenli.cli.books import DATABASE, make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, Zone, configuration, data_folder, instant, zone_named
from fenli.cli.output import aligned, as_json, line, table
from fenli.clock import SystemClock
from fenli.config.rates import load_rates
from fenli.office.rates import RecordedRate, add_rate, correct_rate, recorded_rates, stored_rates
from fenli.prices.rates import Rate, Rates, parse_pair, parse_value
from fenli.store import Database
from fenli.values import format_instant

app = typer.Typer(no_args_is_help=True)

Pair = Annotated[str, typer.Argument(help=say("option.pair"), metavar="USD/CNY")]
Value = Annotated[str, typer.Argument(help=say("option.rate"), metavar="RATE")]
From = Annotated[str, typer.Option("--from", help=say("option.rate_from"))]
Source = Annotated[str, typer.Option("--source", help=say("option.rate_source"))]
Correct = Annotated[bool, typer.Option("--correct", help=say("option.correct"))]


@app.command(help=say("help.rates.add"))
def add(
    pair: Pair, value: Value, effective_from: From, source: Source, zone: Zone = "UTC", correct: Correct = False,
    data: Data = None, config: ConfigFile = None, json: Json = False,
) -> None:  # fmt: skip
    base, quote = parse_pair(pair)
    begins, now, folder = instant(effective_from, zone_named(zone)), SystemClock().now(), data_folder(data)
    assert begins is not None
    rate = Rate(base, quote, parse_value(value), begins, source.strip())
    filed = load_rates(configuration(config, folder))
    with make_books(folder) as books:
        if correct:
            correct_rate(books, rate, now=now)
        else:
            add_rate(books, rate, filed, now=now)
    if json:
        as_json(rate_data(rate))
    else:
        line(rate_line(rate))


@app.command("list", help=say("help.rates.list"))
def show(data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    folder = data_folder(data)
    filed = [RecordedRate(rate, 0) for rate in load_rates(configuration(config, folder))]
    stored = []
    if (folder / DATABASE).exists():
        with open_books(folder) as books:
            stored = recorded_rates(books)
    found = sorted([*filed, *stored], key=lambda one: (one.rate.pair, one.rate.effective_from, one.recorded_at))
    if json:
        as_json([{**rate_data(one.rate), **_recorded(one)} for one in found])
    elif not found:
        line(say("rates.none"))
    else:
        _print(found)


def all_rates(books: Database, folder: Path, config: Path | None) -> Rates:
    """Those of the files and those that were added. Raises RateRefused where they contradict each other."""
    return Rates((*load_rates(configuration(config, folder)), *stored_rates(books)))


def rate_data(rate: Rate) -> dict[str, Any]:
    return {
        "pair": rate.pair,
        "rate": str(rate.value),
        "effective_from": format_instant(rate.effective_from),
        "source": rate.source,
    }


def rate_line(rate: Rate) -> str:
    """What a report says of a rate that it converted by."""
    return say(
        "rates.added", pair=rate.pair, value=rate.value, when=format_instant(rate.effective_from), source=rate.source
    )


def _print(found: list[RecordedRate]) -> None:
    columns = {
        "pair": [one.rate.pair for one in found],
        "rate": aligned([str(one.rate.value) for one in found]),
        "from": [format_instant(one.rate.effective_from)[:16].replace("T", " ") for one in found],
        "source": [one.rate.source for one in found],
        "stated": [_stated(one) for one in found],
    }
    headings = [say(f"rates.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=3)


def _stated(one: RecordedRate) -> str:
    if one.corrected:
        return say("rates.corrected")
    return format_instant(one.recorded_at)[:16].replace("T", " ") if one.recorded_at else say("rates.in_file")


def _recorded(one: RecordedRate) -> dict[str, Any]:
    return {
        "recorded_at": format_instant(one.recorded_at) if one.recorded_at else None,
        "corrected": one.corrected,
    }
