"""`fenli models`: what this installation can call, and what that costs now."""

from __future__ import annotations

from typing import Any

import msgspec

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration
from fenli.cli.output import aligned, as_json, line, table
from fenli.cli.price_rows import default_row, price, rows_in_force, unit_words
from fenli.clock import SystemClock
from fenli.config.load import Config
from fenli.config.on_device import on_device
from fenli.config.settings import price_book, try_out
from fenli.prices.book import PriceBook
from fenli.prices.offers import Offer
from fenli.routing.snapshot import VendorSettings
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Model
from fenli.wire.capabilities import Capability


class Callable(msgspec.Struct, frozen=True):
    """A model that can be called: how large, and the row a short default request takes now (None: unpriced).

    ``successor`` is what its vendor offers in place of an older one; ``does``: what it can be asked for."""

    vendor: str
    model: str
    context: int | None
    currency: str | None
    offer: Offer | None
    varies: bool
    successor: str = ""
    does: Capability = Capability.CHAT


def models(config: ConfigFile = None, json: Json = False) -> None:
    loaded = configuration(config)
    found = list_models(loaded)
    routes = loaded.document.routes
    if json:
        as_json([*({"name": route.name, "targets": route.targets} for route in routes), *map(_as_data, found)])
        return
    for route in routes:
        line(say("models.route", name=route.name, targets=" > ".join(route.targets)))
    if not found:
        line(say("serve.nothing_on"))
        return
    _show_chats([one for one in found if one.does is Capability.CHAT])
    others = [one for one in found if one.does is not Capability.CHAT]
    if others:
        line()
        rows = [[f"{one.vendor}/{one.model}", one.does, _in_its_unit(one)] for one in others]
        table([say("column.model"), say("column.does"), say("column.price")], rows)


def _show_chats(found: list[Callable]) -> None:
    prices = [aligned([_price(one, meter) for one in found]) for meter in ("input", "output")]
    rows = [
        [f"{one.vendor}/{one.model}", f"{one.context:,}" if one.context else "-", *(column[index] for column in prices),
         (one.currency or "") + (" *" if one.varies else "") + (" +" if one.successor else "")]
        for index, one in enumerate(found)
    ]  # fmt: skip
    headings = [say("column.model"), say("column.context"), say("column.input"), say("column.output"), ""]
    table(headings, rows, right=(1,))
    line(say("models.unit"))
    if any(one.varies for one in found):
        line(say("models.varies"))
    followed: dict[str, list[str]] = {}
    for one in found:
        if one.successor:
            followed.setdefault(f"{one.vendor}/{one.successor}", []).append(one.model)
    for successor, older in followed.items():
        line(say("models.followed", successor=successor, models=", ".join(older)))


def list_models(config: Config) -> list[Callable]:
    book, now, local = price_book(config), SystemClock().now(), on_device(config)
    found = []
    snapshot = try_out(config, local, book)
    for vendor in snapshot.vendors:
        known = {model.id: model for model in VENDORS[vendor.adapter].models}
        sold_by = next((offer.vendor for offer in snapshot.offers.get(vendor.id, ())), vendor.id)
        found += [_model(book, vendor, sold_by, known.get(name) or Model(name), now) for name in vendor.models]
    return found


def _model(book: PriceBook, vendor: VendorSettings, sold_by: str, model: Model, now: int) -> Callable:
    """``sold_by``: the vendor whose prices hold."""
    name, context = model.id, vendor.context or model.context
    if sold_by not in book.vendors():
        return Callable(vendor.id, name, context, None, None, False, model.successor, model.does)
    offer = default_row(book, sold_by, name, now, vendor.currency)
    varies = len(rows_in_force(book, sold_by, name, now, vendor.currency)) > 1
    return Callable(vendor.id, name, context, vendor.currency, offer, varies, model.successor, model.does)


def _price(one: Callable, meter: str) -> str:
    return say("models.unpriced") if one.offer is None else price(one.offer, meter) or "-"


def _in_its_unit(one: Callable) -> str:
    offer = one.offer
    if offer is None:
        return say("models.unpriced")
    return ", ".join(f"{price(offer, meter)} {one.currency} / {unit_words(offer.unit)}" for meter in offer.prices)


def _as_data(one: Callable) -> dict[str, Any]:
    offer = one.offer
    return {
        "name": f"{one.vendor}/{one.model}",
        "vendor": one.vendor,
        "model": one.model,
        "for": one.does,
        "context": one.context,
        "successor": one.successor or None,
        "currency": one.currency,
        "prices": None if offer is None else {meter: price(offer, meter) for meter in offer.prices},
        "unit": None if offer is None else offer.unit,
        "offer": None if offer is None else offer.id,
        "varies": one.varies,
    }
