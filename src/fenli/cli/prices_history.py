"""`fenli prices history`: every dated price of a model, as a table and as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Annotated, Any

import typer

from fenli.cli.charts import Curve, Step, is_log, legend, step_chart
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration
from fenli.cli.output import aligned, as_json, console, line, table
from fenli.cli.price_changes import Change, percent, standard_steps, through_time
from fenli.cli.price_names import known_currency, sellers
from fenli.cli.price_rows import as_data, currencies_of, date, meters_of, other_units, price, unit_words, zone_of
from fenli.clock import SystemClock
from fenli.config.settings import price_book
from fenli.prices.book import PriceBook
from fenli.prices.offers import Conditions, Offer
from fenli.values import PICO
from fenli.values.money import decimal_of

Model = Annotated[str, typer.Argument(help=say("option.price_model"), metavar="MODEL")]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.price_vendor"))]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.price_currency"))]


def history(
    model: Model, vendor: Vendor = None, currency: Currency = None, json: Json = False, config: ConfigFile = None
) -> None:
    book = price_book(configuration(config))
    model, found = sellers(book, model, vendor)
    lists = [(seller, one) for seller in found for one in _currencies(book, seller, model, currency)]
    if json:
        as_json([_as_data(book, seller, model, one) for seller, one in lists])
        return
    for number, (seller, one) in enumerate(lists):
        if number:
            line()
        _show(book, seller, model, one)


def _currencies(book: PriceBook, vendor: str, model: str, asked: str | None) -> list[str]:
    if asked is not None:
        return [known_currency(book, vendor, model, asked)]
    return currencies_of(book, vendor, model)


def _show(book: PriceBook, vendor: str, model: str, currency: str) -> None:
    told = list(through_time(book, vendor, model, currency))
    rows = [row for row, _ in told]
    units = {row.unit for row in rows}
    for unit in sorted(units):
        words = {"vendor": vendor, "model": model, "currency": currency, "unit": unit_words(unit)}
        line(say("prices.group", **words, zone=zone_of(currency)))
        _print([(row, changed) for row, changed in told if row.unit == unit])
        line()
        _chart([row for row in rows if row.unit == unit])
    gone = [row for row in book.withdrawn(vendor, model) if row.currency == currency]
    for row in gone:
        when = date(row.withdrawn_at or 0, currency)
        line(say("prices.withdrawn", row=_prices(row), since=date(row.effective_from, currency), when=when))


def _print(told: Sequence[tuple[Offer, list[Change]]]) -> None:
    rows = [row for row, _ in told]
    meters = meters_of(rows)
    columns = [aligned([price(row, meter) or "-" for row in rows]) for meter in meters]
    body = [
        [
            date(row.effective_from, row.currency),
            date(row.effective_to, row.currency) if row.effective_to is not None else "",
            str(row.conditions) if row.conditions != Conditions() else say("prices.always"),
            *(column[index] for column in columns),
            _changed(changed),
        ]
        for index, (row, changed) in enumerate(told)
    ]
    headings = [say("column.from"), say("column.to"), say("column.conditions"), *meters, say("column.change")]
    table(headings, body, flexible=2)
    for text in other_units(rows):
        line(text)


def _changed(changed: Sequence[Change]) -> str:
    """``-85%``, or ``input -85%, output -90%`` where they differ."""
    moved = [(change.meter, percent(change)) for change in changed if percent(change)]
    if len({by for _, by in moved}) == 1 and {"input", "output"} <= {meter for meter, _ in moved}:
        return moved[0][1]
    return ", ".join(f"{meter} {by}" for meter, by in moved if meter in ("input", "output") or len(moved) == 1)


def _chart(rows: Sequence[Offer]) -> None:
    steps = standard_steps(rows, SystemClock().now())
    curves = _curves(steps)
    if not curves:
        return
    currency, unit = rows[0].currency, unit_words(rows[0].unit)
    scale = say("prices.log") if is_log(curves) else ""
    line(say("prices.chart", legend=legend(curves), currency=currency, unit=unit, scale=scale))
    for text in step_chart(curves, console().width, _label, lambda instant: date(instant, currency)):
        line(text)


def _curves(steps: Sequence[tuple[Offer, int, int]]) -> list[Curve]:
    rows = [row for row, _, _ in steps]
    priced = [meter for meter in meters_of(rows) if all(meter not in row.units for row in rows)]
    wanted = [meter for meter in ("input", "output") if meter in priced] or priced[:2]
    curves = []
    for meter in wanted:
        held = [
            Step(start, end, Fraction(row.quoted(meter))) for row, start, end in steps if meter in row.prices
        ]  # fmt: skip
        if held:
            curves.append(Curve(meter, held))
    return curves


def _label(value: Fraction) -> str:
    return decimal_of(int(value * PICO))


def _prices(row: Offer) -> str:
    return ", ".join(f"{meter} {row.quoted(meter)}" for meter in row.prices)


def _as_data(book: PriceBook, vendor: str, model: str, currency: str) -> dict[str, Any]:
    return {
        "vendor": vendor,
        "model": model,
        "currency": currency,
        "rows": [{**as_data(row), "changes": list(_changes(changed))} for row, changed in
                 through_time(book, vendor, model, currency)],
        "withdrawn": [as_data(row) for row in book.withdrawn(vendor, model) if row.currency == currency],
    }  # fmt: skip


def _changes(changed: Sequence[Change]) -> Iterator[dict[str, str | None]]:
    for change in changed:
        yield {
            "meter": change.meter,
            "before": change.before,
            "after": change.after,
            "percent": percent(change) or None,
        }
