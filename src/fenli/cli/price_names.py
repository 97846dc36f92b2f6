"""What people write on the command line for a model, a currency, a usage or a fact -> what the price book calls it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from fenli.cli.language import say
from fenli.cli.price_rows import vendors_of
from fenli.errors import NoOffer, UsageError
from fenli.prices.book import ANY_MODEL, PriceBook
from fenli.prices.facts import DEFAULTS, Facts
from fenli.values import METERS, Usage

# Short names; every other meter goes by its own.
SHORT: Final = {
    "in": "input",
    "cached": "cached_input",
    "cache_read": "cached_input",
    "hit": "cached_input",
    "write": "cache_write",
    "cache_write_5m": "cache_write",
    "write_1h": "cache_write_1h",
    "out": "output",
    "thinking": "reasoning",
    "image": "images",
    "video": "videos",
    "characters": "input_characters",
    "seconds": "audio_seconds",
    "page": "pages",
    "call": "calls",
    "search": "searches",
    "storage": "cache_storage",
}


def sellers(book: PriceBook, model: str, vendor: str | None) -> tuple[str, list[str]]:
    """The model's own name and the vendors meant: the one that is named, beside it or before a slash, or all that sell
    it. Raises NoOffer with the nearest names."""
    head, slash, tail = model.partition("/")
    if vendor is None and slash and head in book.vendors():
        vendor, model = head, tail
    if vendor is not None:
        book.header(vendor)  # refuses a vendor that there is not
    found = [vendor] if vendor is not None else list(vendors_of(book, model))
    if not any(_sells(book, one, model) for one in found):
        raise NoOffer(say("prices.no_model", model=model, near=_near(book, model, found)))
    return model, found


def only_seller(book: PriceBook, model: str, vendor: str | None) -> tuple[str, str]:
    """The model and its one vendor. Raises NoOffer where several sell it."""
    model, found = sellers(book, model, vendor)
    if len(found) > 1:
        raise NoOffer(say("prices.which_vendor", model=model, vendors=", ".join(found)))
    return model, found[0]


def known_currency(book: PriceBook, vendor: str, model: str, asked: str | None) -> str:
    """The currency asked for, or the vendor's own. Raises NoOffer that names those the model has prices in."""
    home = book.currency(vendor)
    if asked is None or book.tariff(vendor, model, asked) is not None:
        return asked or home
    names = {offer.currency for offer in book.offers(vendor)}
    sold = sorted(name for name in names if book.tariff(vendor, model, name) is not None)
    raise NoOffer(say("prices.no_currency", model=f"{vendor}/{model}", asked=asked, sold=", ".join(sold)))


def read_usage(text: str) -> Usage:
    """``input=8000,cached=2000`` as disjoint meters. Raises UsageError with what to write instead."""
    units: dict[str, int] = {}
    for part in text.split(","):
        name, equals, count = (piece.strip() for piece in part.partition("="))
        meter = SHORT.get(name, name)
        if not equals or not count.isascii() or not count.isdigit():
            raise UsageError(say("prices.bad_usage", part=part))
        if meter not in METERS:
            near = get_close_matches(name, [*METERS, *SHORT], n=1)
            hint = say("did_you_mean", names=near[0]) if near else say("prices.meters", names=", ".join(METERS))
            raise UsageError(say("prices.no_meter", name=name, hint=hint))
        if meter in units:
            raise UsageError(say("prices.meter_twice", meter=meter))
        units[meter] = int(count)
    return Usage(units)


def read_facts(given: list[str], *, thinking: bool, batch: bool, tier: str | None) -> Facts:
    """The request's facts from the options. Raises UsageError with what to write instead."""
    values: dict[str, bool | str] = {"thinking": thinking, "batch": batch}
    if tier is not None:
        values["service_tier"] = tier
    axes = [name for name in Facts._fields if name not in ("prompt", "completion")]
    for text in given:
        name, equals, value = (piece.strip() for piece in text.partition("="))
        if not equals or not value or name not in axes:
            raise UsageError(say("prices.bad_fact", text=text, names=", ".join(axes)))
        if isinstance(DEFAULTS[name], bool):
            if value not in ("true", "false"):
                raise UsageError(say("prices.bad_flag", name=name, value=value))
            values[name] = value == "true"
        else:
            values[name] = value
    return Facts(**values)  # type: ignore[arg-type]  # each was checked above


def _sells(book: PriceBook, vendor: str, model: str) -> bool:
    aliases = {alias.name for alias in book.aliases(vendor)}
    return model in book.models(vendor) or model in aliases or ANY_MODEL in book.models(vendor)


def _near(book: PriceBook, model: str, vendors: list[str]) -> str:
    names = {
        name
        for vendor in vendors or book.vendors()
        for name in (*book.models(vendor), *(alias.name for alias in book.aliases(vendor)))
    }
    close = get_close_matches(model, names, 3)
    return say("did_you_mean", names=", ".join(close)) if close else say("prices.list")
