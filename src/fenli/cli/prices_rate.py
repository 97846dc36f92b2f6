"""`fenli prices rate`: what a usage costs at an instant, by which row, and how that comes about."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any

import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration
from fenli.cli.output import aligned, as_json, line, table
from fenli.cli.price_names import known_currency, only_seller, read_facts, read_usage
from fenli.cli.price_rows import as_data, date, unit_words, zone_of
from fenli.clock import SystemClock
from fenli.config.settings import price_book
from fenli.errors import NoOffer
from fenli.prices.facts import Facts
from fenli.prices.offers import Conditions, Offer
from fenli.prices.tariff import Rating
from fenli.prices.working import Line, working
from fenli.values import PICO, format_instant, parse_instant
from fenli.values.money import decimal_of

Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.rate_vendor"))]
Model = Annotated[str, typer.Option("--model", help=say("option.price_model"))]
Usage = Annotated[str, typer.Option("--usage", metavar="METER=N,...", help=say("option.usage"))]
At = Annotated[str | None, typer.Option("--at", help=say("option.rate_at"))]
KnownAt = Annotated[str | None, typer.Option("--known-at", help=say("option.known_at"))]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.price_currency"))]
Thinking = Annotated[bool, typer.Option("--thinking", help=say("option.thinking"))]
Batch = Annotated[bool, typer.Option("--batch", help=say("option.batch"))]
Tier = Annotated[str | None, typer.Option("--tier", help=say("option.tier"))]
When = Annotated[list[str] | None, typer.Option("--when", metavar="NAME=VALUE", help=say("option.when"))]


def rate(
    model: Model,
    usage: Usage,
    vendor: Vendor = None,
    at: At = None,
    known_at: KnownAt = None,
    currency: Currency = None,
    thinking: Thinking = False,
    batch: Batch = False,
    tier: Tier = None,
    when: When = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    instant = SystemClock().now() if at is None else parse_instant(at)
    used = read_usage(usage)
    facts = read_facts(when or [], thinking=thinking, batch=batch, tier=tier)
    book = price_book(configuration(config))
    model, seller = only_seller(book, model, vendor)
    currency = known_currency(book, seller, model, currency)
    if known_at is not None:
        book = book.as_known_at(parse_instant(known_at))
    tariff = book.tariff(seller, model, currency)
    if tariff is None:
        raise NoOffer(say("prices.not_known", model=f"{seller}/{model}", currency=currency))
    rating = tariff.rate(used, instant, facts)
    offer = tariff.find(instant, used, facts)
    lines = list(working(offer, used))
    if json:
        as_json(_as_data(rating, offer, lines, facts, instant))
        return
    line(say("prices.cost", cost=decimal_of(rating.picos), currency=rating.currency))
    assumed = say("prices.assumed") if book.header(seller).instant_basis_assumed else ""
    basis = say(f"prices_basis.{tariff.basis}")
    line(say("prices.counts", at=format_instant(instant), basis=basis, assumed=assumed, facts=str(facts) or "-"))
    line()
    _show_row(offer)
    line()
    _show_working(offer, lines, rating)


def _show_row(offer: Offer) -> None:
    until = say("prices.until", until=date(offer.effective_to, offer.currency)) if offer.effective_to else ""
    since = date(offer.effective_from, offer.currency)
    line(say("prices.row", id=offer.id, since=since, until=until, zone=zone_of(offer.currency)))
    always = offer.conditions == Conditions()
    line(say("prices.row_conditions", conditions=say("prices.always") if always else offer.conditions))
    line(say("prices.row_source", source=offer.source or say("unknown"), confidence=offer.confidence or say("unknown")))
    if offer.note:
        line(say("prices.note", note=offer.note))


def _show_working(offer: Offer, lines: list[Line], rating: Rating) -> None:
    amounts = aligned([*(_amount(one.picos) for one in lines), decimal_of(rating.picos)])
    rows = [
        [one.meter, _units(one), _price(offer, one), amount]
        for one, amount in zip(lines, amounts, strict=False)
    ]  # fmt: skip
    rows.append([say("usage.total"), "", "", amounts[-1]])
    headings = ["column.meter", "column.units", "column.price", "column.amount"]
    table([say(heading) for heading in headings], rows, right=(1,), flexible=2)
    if sum(one.picos for one in lines) != rating.picos:
        line(say("prices.rounded"))


def _units(one: Line) -> str:
    return str(one.units) if one.units == one.charged else say("prices.charged", units=one.units, charged=one.charged)


def _price(offer: Offer, one: Line) -> str:
    unit = unit_words(offer.unit_of(one.priced_as))
    words = say("prices.per", price=offer.quoted(one.priced_as), currency=offer.currency, unit=unit)
    return words if one.priced_as == one.meter else say("prices.as", words=words, meter=one.priced_as)


def _amount(picos: Fraction) -> str:
    """The exact decimal; a fraction where no decimal is exact."""
    if picos.denominator == 1:
        return decimal_of(picos.numerator)
    exact = Fraction(picos.numerator, picos.denominator * PICO)
    return f"{exact.numerator}/{exact.denominator}"


def _as_data(rating: Rating, offer: Offer, lines: list[Line], facts: Facts, at: int) -> Mapping[str, Any]:
    return {
        "cost": decimal_of(rating.picos),
        "currency": rating.currency,
        "at": format_instant(at),
        "facts": str(facts) or None,
        "row": as_data(offer),
        "working": [
            {
                "meter": one.meter,
                "units": one.units,
                "charged": one.charged,
                "price": offer.quoted(one.priced_as),
                "unit": offer.unit_of(one.priced_as),
                "priced_as": one.priced_as,
                "amount": _amount(one.picos),
            }
            for one in lines
        ],
        "rounded": sum(one.picos for one in lines) != rating.picos,
    }
