"""The price rows in force at an instant, by vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from fenli.cli.language import say
from fenli.errors import PriceError
from fenli.prices.book import PriceBook
from fenli.prices.offers import Conditions, Offer
from fenli.values import METERS, format_instant
from fenli.values.instants import moment_of


def rows_in_force(book: PriceBook, vendor: str, model: str, at: int, currency: str | None = None) -> list[Offer]:
    """Every row that some request at ``at`` would take, in ``currency`` or in all of them."""
    return [offer for offer in all_rows(book, vendor, model, currency) if _in_force(offer, at)]


def all_rows(book: PriceBook, vendor: str, model: str, currency: str | None = None) -> list[Offer]:
    """Every row there ever was, aliases followed."""
    tariffs = [
        book.tariff(vendor, model, one) for one in ([currency] if currency else currencies_of(book, vendor, model))
    ]
    return [offer for tariff in tariffs if tariff is not None for offer in tariff.offers]


def currencies_of(book: PriceBook, vendor: str, model: str) -> list[str]:
    """Those that the model has prices in, the vendor's own first."""
    names = sorted({offer.currency for offer in book.offers(vendor)}, key=lambda name: name != book.currency(vendor))
    return [name for name in names if book.tariff(vendor, model, name) is not None]


def default_row(book: PriceBook, vendor: str, model: str, at: int, currency: str | None) -> Offer | None:
    """The row that a short default request takes; None where the model has no price now."""
    try:
        return book.find(vendor, model, at=at, currency=currency)
    except PriceError:
        return None


def vendors_of(book: PriceBook, model: str) -> Iterator[str]:
    """The vendors that have rows for that very name."""
    for vendor in book.vendors():
        if model in book.models(vendor) or any(alias.name == model for alias in book.aliases(vendor)):
            yield vendor


def price(offer: Offer, meter: str) -> str:
    """The exact price in the meter's unit; empty where the row states none."""
    return offer.quoted(meter) if meter in offer.prices else ""


def zone_of(currency: str) -> ZoneInfo:
    """Where the vendors who sell in it write their dates: a day of theirs begins at midnight there."""
    return ZoneInfo("Asia/Shanghai" if currency == "CNY" else "UTC")


def date(instant: int, currency: str) -> str:
    return moment_of(instant, zone_of(currency)).date().isoformat()


def meters_of(offers: list[Offer]) -> list[str]:
    named = {meter for offer in offers for meter in offer.prices}
    return [*(meter for meter in METERS if meter in named), *sorted(named - set(METERS))]


def other_units(offers: list[Offer]) -> list[str]:
    """A line for every meter that is priced in another unit than its row."""
    found = dict.fromkeys(item for offer in offers for item in offer.units.items())
    return [say("prices.other_unit", meter=meter, unit=unit_words(unit)) for meter, unit in found]


def unit_words(unit: str) -> str:
    return unit.replace("_", " ")


def as_data(offer: Offer) -> dict[str, Any]:
    """Every field of a row; amounts and instants as text. ``units``, ``included``, ``minimum`` where there are any."""
    beyond = {name: getattr(offer, name) for name in ("units", "included", "minimum") if getattr(offer, name)}
    return {
        "id": offer.id,
        "vendor": offer.vendor,
        "model": offer.model,
        "currency": offer.currency,
        "unit": offer.unit,
        "prices": {meter: offer.quoted(meter) for meter in offer.prices},
        **beyond,
        "conditions": str(offer.conditions) if offer.conditions != Conditions() else None,
        "effective_from": format_instant(offer.effective_from),
        "effective_to": None if offer.effective_to is None else format_instant(offer.effective_to),
        "known_from": None if offer.known_from is None else format_instant(offer.known_from),
        "withdrawn_at": None if offer.withdrawn_at is None else format_instant(offer.withdrawn_at),
        "tax": offer.tax,
        "free": offer.free,
        "source": offer.source or None,
        "confidence": offer.confidence or None,
        "note": offer.note or None,
        "confirmed": offer.confirmed or None,
    }


def _in_force(offer: Offer, at: int) -> bool:
    return offer.effective_from <= at and (offer.effective_to is None or at < offer.effective_to)
