"""`fenli pack`: what we bought of vendors ahead, and what their calls cost with it: at list price, and in cash."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import (
    AMOUNTS,
    Amount,
    ConfigFile,
    Currency,
    Data,
    Json,
    Note,
    Reference,
    Zone,
    configuration,
    data_folder,
    instant,
    money,
    zone_named,
)
from fenli.cli.output import aligned, as_json, line, table
from fenli.clock import SystemClock
from fenli.config.load import Config
from fenli.config.settings import price_book
from fenli.errors import AccountRefused
from fenli.ledger.lots import UNITS, LotKind, Unit
from fenli.office.packs import PackInfo, Purchase, VendorCosts, buy, list_packs, pay_vendor, vendor_costs
from fenli.values import Money, format_instant
from fenli.values.money import decimal_of
from fenli.vendors.catalog import VENDORS

app = typer.Typer(no_args_is_help=True)

Vendor = Annotated[str, typer.Argument(help=say("option.pack_vendor"), metavar="VENDOR")]
OneVendor = Annotated[str | None, typer.Argument(help=say("option.vendor"), metavar="VENDOR")]
Units = Annotated[str, typer.Argument(help=say("option.pack_units"), metavar="AMOUNT")]
OfUnit = Annotated[str, typer.Argument(help=say("option.pack_unit"), metavar="UNIT")]
OfKind = Annotated[LotKind, typer.Option("--kind", help=say("option.pack_kind"))]
Price = Annotated[str | None, typer.Option("--price", help=say("option.pack_price"))]
PriceCurrency = Annotated[str | None, typer.Option("--currency", help=say("option.pack_currency"))]
Models = Annotated[list[str] | None, typer.Option("--model", help=say("option.pack_models"))]
Starts = Annotated[str | None, typer.Option("--from", help=say("option.pack_from"))]
Expires = Annotated[str | None, typer.Option("--expires", help=say("option.expires"))]

GIVEN = (LotKind.FREE, LotKind.PROMOTIONAL, LotKind.GRANTED)


@app.command("buy", context_settings=AMOUNTS, help=say("help.pack.buy"))
def purchase(
    vendor: Vendor, units: Units, unit: OfUnit, reference: Reference, kind: OfKind = LotKind.PACK, price: Price = None,
    currency: PriceCurrency = None, model: Models = None, starts: Starts = None, expires: Expires = None,
    zone: Zone = "UTC", note: Note = None, data: Data = None, config: ConfigFile = None, json: Json = False,
) -> None:  # fmt: skip
    folder, where = data_folder(data), zone_named(zone)
    _check_vendor(vendor, configuration(config, folder))
    amount, of, paid = _bought(units, unit, kind, price, currency)
    wanted = Purchase(
        vendor=vendor, kind=kind, unit=of, units=amount, price=paid, reference=reference,
        models=tuple(model) if model else None, starts_at=instant(starts, where), expires_at=instant(expires, where),
        why=note,
    )  # fmt: skip
    with make_books(folder) as books:
        fresh = buy(books, wanted, now=SystemClock().now())
    if json:
        as_json({"vendor": vendor, "reference": reference, "booked": fresh})
    else:
        held = f"{units} {unit}"
        key = "pack.bought" if fresh else "pack.before"
        line(say(key, vendor=vendor, held=held, price=str(paid), reference=reference))


@app.command("list", help=say("help.pack.list"))
def show(vendor: OneVendor = None, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books, books.read() as connection:
        found = list_packs(connection, vendor)
    if json:
        as_json([_as_data(each) for each in found])
    elif not found:
        line(say("pack.none"))
    else:
        _print(found)


@app.command(help=say("help.pack.costs"))
def costs(vendor: OneVendor = None, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books, books.read() as connection:
        found = vendor_costs(connection, vendor)
    if json:
        as_json([{"vendor": each.vendor, "currency": each.currency, **_cost_amounts(each)} for each in found])
    elif not found:
        line(say("pack.no_costs"))
    else:
        amounts = list(zip(*(_cost_amounts(each).values() for each in found), strict=True))
        rows = zip(
            [each.vendor for each in found], *map(aligned, amounts), [each.currency for each in found], strict=True
        )  # fmt: skip
        names = ("vendor", *_cost_amounts(found[0]))
        table([*(say(f"column.{name}") for name in names), ""], list(rows), flexible=0)
        line(say("pack.costs_meaning"))


@app.command("pay", context_settings=AMOUNTS, help=say("help.pack.pay"))
def pay(
    vendor: Vendor, amount: Amount, currency: Currency, reference: Reference, note: Note = None, data: Data = None,
    config: ConfigFile = None, json: Json = False,
) -> None:  # fmt: skip
    folder, paid = data_folder(data), money(amount, currency)
    _check_vendor(vendor, configuration(config, folder))
    with open_books(folder) as books:
        fresh = pay_vendor(books, vendor, paid, reference=reference, why=note, now=SystemClock().now())
    if json:
        as_json({"vendor": vendor, "reference": reference, "booked": fresh})
    else:
        key = "pack.paid" if fresh else "pack.before"
        line(say(key, vendor=vendor, held=str(paid), price=str(paid), reference=reference))


def _bought(units: str, unit: str, kind: LotKind, price: str | None, currency: str | None) -> tuple[int, Unit, Money]:
    """Money is bought for itself unless another price is named, and what was given costs nothing."""
    given = "0" if kind in GIVEN else None
    if unit in UNITS and unit != "money":
        if not units.isdecimal():
            raise AccountRefused(say("pack.whole", units=units, unit=unit))
        paid = price or given
        if paid is None or currency is None:
            raise AccountRefused(say("pack.needs_price"))
        return int(units), cast(Unit, unit), money(paid, currency)
    face = money(units, unit)
    if currency not in (None, unit):
        raise AccountRefused(say("pack.two_currencies", one=unit, other=currency))
    return face.picos, "money", money(price or given or units, unit)


def _check_vendor(vendor: str, config: Config) -> None:
    known = {*VENDORS, *price_book(config).vendors(), *config.document.vendors}
    if vendor not in known:
        raise AccountRefused(say("pack.no_vendor", vendor=vendor, vendors=", ".join(sorted(known))))


def _print(found: list[PackInfo]) -> None:
    columns: dict[str, list[str]] = {
        "vendor": [each.lot.owner for each in found],
        "pack": [say(f"lot.{each.lot.kind}") for each in found],
        "left": aligned([_units(each, each.lot.left) for each in found]),
        "of": aligned([_units(each, each.lot.face) for each in found]),
        "unit": [each.lot.currency if each.lot.unit == "money" else say(f"unit.{each.lot.unit}") for each in found],
        "paid": aligned([decimal_of(each.lot.cash) for each in found]),
        "paid_left": aligned([decimal_of(each.cash_left) for each in found]),
        "currency": [each.lot.currency for each in found],
        "to": [_end(each) for each in found],
        "models": [", ".join(sorted(each.lot.scope)) if each.lot.scope else say("key.all_models") for each in found],
    }
    headings = ["" if name in ("unit", "currency") else say(f"column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=9)


def _units(pack: PackInfo, units: int) -> str:
    return decimal_of(units) if pack.lot.unit == "money" else str(units)


def _end(pack: PackInfo) -> str:
    if pack.lapsed_at is not None:
        return say("pack.lapsed")
    return "" if pack.lot.expires_at is None else format_instant(pack.lot.expires_at)[:16].replace("T", " ")


def _as_data(pack: PackInfo) -> dict[str, Any]:
    lot = pack.lot
    return {
        "vendor": lot.owner,
        "kind": lot.kind,
        "unit": lot.unit,
        "units": _units(pack, lot.face),
        "left": _units(pack, lot.left),
        "currency": lot.currency,
        "paid": decimal_of(lot.cash),
        "paid_left": decimal_of(pack.cash_left),
        "models": None if lot.scope is None else sorted(lot.scope),
        "opens_at": format_instant(lot.opens_at),
        "expires_at": None if lot.expires_at is None else format_instant(lot.expires_at),
        "lapsed_at": None if pack.lapsed_at is None else format_instant(pack.lapsed_at),
        "reference": pack.reference,
    }


def _cost_amounts(costs: VendorCosts) -> dict[str, str]:
    names = ("list_cost", "cash_cost", "saved", "lapsed", "unused", "payable", "unclear")
    return {name: decimal_of(getattr(costs, name)) for name in names}
