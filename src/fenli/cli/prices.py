"""`fenli prices`: what a model costs, or cost, and where we know it from."""

from __future__ import annotations

from typing import Annotated

import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration, instant
from fenli.cli.output import aligned, as_json, line, table
from fenli.cli.price_changes import order
from fenli.cli.price_names import sellers
from fenli.cli.price_rows import (
    all_rows,
    as_data,
    date,
    meters_of,
    other_units,
    price,
    rows_in_force,
    unit_words,
    zone_of,
)
from fenli.cli.prices_check import check
from fenli.cli.prices_diff import diff
from fenli.cli.prices_history import history
from fenli.cli.prices_rate import rate
from fenli.clock import SystemClock
from fenli.config.settings import price_book
from fenli.errors import NoOffer
from fenli.prices.book import PriceBook
from fenli.prices.offers import Conditions, Offer
from fenli.values import format_instant

app = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Argument(help=say("option.price_model"), metavar="MODEL")]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.price_vendor"))]
At = Annotated[str | None, typer.Option("--at", help=say("option.at"))]


@app.command(help=say("help.prices.show"))
def show(model: Model, vendor: Vendor = None, at: At = None, json: Json = False, config: ConfigFile = None) -> None:
    book = price_book(configuration(config))
    when = instant(at) or SystemClock().now()
    model, vendors = sellers(book, model, vendor)
    found = [offer for one in vendors for offer in rows_in_force(book, one, model, when)]
    if not found:
        raise NoOffer(say("prices.none", model=model, at=format_instant(when)) + " " + _when(book, model, vendors))
    if json:
        as_json([as_data(offer) for offer in found])
        return
    line(say("prices.at", at=format_instant(when)))
    groups: dict[tuple[str, str, str], list[Offer]] = {}
    for offer in found:
        groups.setdefault((offer.vendor, offer.currency, offer.unit), []).append(offer)
    for (seller, currency, unit), offers in groups.items():
        line()
        words = {"vendor": seller, "model": model, "currency": currency, "unit": unit_words(unit)}
        line(say("prices.group", **words, zone=zone_of(currency)))
        _print(sorted(offers, key=lambda offer: order(offer)[1:]))


def _print(offers: list[Offer]) -> None:
    meters = meters_of(offers)
    columns = [aligned([price(offer, meter) or "-" for offer in offers]) for meter in meters]
    columns.append([date(offer.effective_from, offer.currency) for offer in offers])
    headings = [say("column.conditions"), *meters, say("column.from")]
    if any(offer.effective_to is not None for offer in offers):
        columns.append([date(offer.effective_to, offer.currency) if offer.effective_to else "" for offer in offers])
        headings.append(say("column.to"))
    conditions = [str(one.conditions) if one.conditions != Conditions() else say("prices.always") for one in offers]
    rows = [[condition, *cells] for condition, *cells in zip(conditions, *columns, strict=True)]
    table(headings, rows, flexible=0)
    for text in other_units(offers):
        line(text)
    for source, confidence in dict.fromkeys((offer.source, offer.confidence) for offer in offers):
        line(say("prices.source", source=source or say("unknown"), confidence=confidence or say("unknown")))


def _when(book: PriceBook, model: str, vendors: list[str]) -> str:
    """From when to when it had prices."""
    offers = [offer for one in vendors for offer in all_rows(book, one, model)]
    first = min((offer.effective_from, offer.currency) for offer in offers)
    last = max(((end, offer.currency) for offer in offers if (end := offer.effective_to) is not None), default=first)
    return say("prices.then", first=date(*first), last=date(*last))


app.command(help=say("help.prices.history"))(history)
app.command(help=say("help.prices.diff"))(diff)
app.command(help=say("help.prices.rate"))(rate)
app.command(help=say("help.prices.check"))(check)
