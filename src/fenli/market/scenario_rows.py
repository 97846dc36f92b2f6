"""The price rows of a scenario: out of the price book as of a day, or as the file writes them; and back into TOML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from fenli.prices.book import PriceBook
from fenli.prices.offers import Conditions, Offer
from fenli.prices.rows import RowReader
from fenli.prices.tables import TableReader
from fenli.prices.units import TOKENS
from fenli.values import format_instant
from fenli.values.instants import moment_of

SOURCE: Final = "a scenario of the market"
_SOME_DAY: Final = datetime(2020, 1, 1, tzinfo=UTC)


def on_day(
    reader: TableReader, book: PriceBook, vendor: str, models: tuple[str, ...], currency: str, day: int
) -> dict[str, tuple[Offer, ...]]:
    """What each model cost on that ``day`` (an instant). A model that cost nothing then is refused under ``of``."""
    rows = {}
    for model in models:
        rows[model] = in_force(book, vendor, model, currency, day)
        if not rows[model]:
            reader.refuse("of", f"is a day on which {vendor}/{model} had no price in {currency}: "
                          f"`fenli prices history {model}` shows when it had")  # fmt: skip
    return rows


def in_force(book: PriceBook, vendor: str, model: str, currency: str, day: int) -> tuple[Offer, ...]:
    """The rows of that instant, under the name that was asked for."""
    tariff = book.tariff(vendor, model, currency)
    return tuple(
        msgspec.structs.replace(row, model=model)
        for row in (tariff.offers if tariff is not None else ())
        if row.effective_from <= day and (row.effective_to is None or day < row.effective_to)
    )


def at_prices(reader: TableReader, vendor: str, models: tuple[str, ...], currency: str) -> dict[str, tuple[Offer, ...]]:
    """``prices`` as in a price file, of a million tokens."""
    rows: dict[str, tuple[Offer, ...]] = {}
    for model in models:
        table = {
            "model": model, "effective_from": _SOME_DAY, "currency": currency, "unit": TOKENS,
            "prices": reader.table["prices"], "source": SOURCE, "confidence": "low",
            "free": _any_zero(reader.table["prices"]),
        }  # fmt: skip
        row = RowReader(vendor, table, {})
        offer = row.offer()
        if offer is not None:
            rows[model] = (offer,)
            continue
        for field, problem in row.problems:
            reader.refuse(field, problem)
        break
    return rows


def row_table(offer: Offer) -> dict[str, Any]:
    """The row as a price file has it: what `fenli.prices.rows.RowReader` reads back."""
    table: dict[str, Any] = {
        "model": offer.model,
        "effective_from": moment_of(offer.effective_from),
        "currency": offer.currency,
        "unit": offer.unit,
        "tax": offer.tax,
        "prices": {meter: offer.quoted(meter) for meter in offer.prices},
        "source": offer.source,
        "confidence": offer.confidence,
        "confirmed": f"{SOURCE}, {format_instant(offer.effective_from)}",
    }
    if offer.effective_to is not None:
        table["effective_to"] = moment_of(offer.effective_to)
    for name in ("units", "included", "minimum"):
        if getattr(offer, name):
            table[name] = getattr(offer, name)
    if offer.free:
        table["free"] = True
    if offer.conditions != Conditions():
        table["when"] = _when(offer.conditions)
    return table


def _when(conditions: Conditions) -> dict[str, Any]:
    when: dict[str, Any] = msgspec.to_builtins(conditions)
    if conditions.window is not None and conditions.window.calendar is not None:
        when["window"]["calendar"] = conditions.window.calendar.name
    return when


def _any_zero(prices: object) -> bool:
    """A price of nothing is meant: whoever rehearses a war says so by writing it."""
    return isinstance(prices, dict) and any(_is_zero(text) for text in prices.values())


def _is_zero(text: object) -> bool:
    return isinstance(text, str) and bool(text) and not text.strip("0.")
