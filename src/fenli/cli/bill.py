"""`fenli bill`: vendors' bills, read whole into the books or refused with line and column."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from fenli.cli.books import make_books, open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder, zone_named
from fenli.cli.output import aligned, as_json, line, table
from fenli.clock import SystemClock
from fenli.errors import BillRefused, ConfigError
from fenli.ledger.bills import FIELDS, Column, Layout, read_bill
from fenli.office.bill_presets import check_fields, check_meters, fitting, preset_named, presets
from fenli.office.bills import Bill, drop_bill, import_bill, list_bills
from fenli.values import format_instant
from fenli.values.money import currency_of, decimal_of

app = typer.Typer(no_args_is_help=True)

UTF_8: Final = "utf-8"
Vendor = Annotated[str, typer.Argument(help=say("option.bill_vendor"), metavar="VENDOR")]
File = Annotated[Path, typer.Argument(help=say("option.bill_file"), metavar="FILE.csv")]
Preset = Annotated[str | None, typer.Option("--preset", help=say("option.preset"))]
Map = Annotated[list[str] | None, typer.Option("--map", help=say("option.map"), metavar="FIELD=COLUMN")]
Meter = Annotated[list[str] | None, typer.Option("--meter", help=say("option.meter"), metavar="WORD=METER")]
Zone = Annotated[str | None, typer.Option("--zone", help=say("option.bill_zone"))]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.bill_currency"))]
Encoding = Annotated[str, typer.Option("--encoding", help=say("option.encoding"))]
Id = Annotated[int, typer.Argument(help=say("option.bill_id"), metavar="ID")]
OfVendor = Annotated[str | None, typer.Option("--vendor", help=say("option.vendor"))]


@app.command("import", help=say("help.bill.import"))
def take(
    vendor: Vendor,
    file: File,
    preset: Preset = None,
    mapped: Map = None,
    meter: Meter = None,
    zone: Zone = None,
    currency: Currency = None,
    encoding: Encoding = UTF_8,
    data: Data = None,
    json: Json = False,
) -> None:
    content = _content(file)
    text, columns = _text(file, content, encoding), _columns(mapped or [])
    name = preset
    if name is None and not columns:
        name = fitting(vendor, next(csv.reader(text.splitlines()[:1]), []))
    layout = _layout(name, columns, _meters(meter or []), zone, currency)
    lines = read_bill(str(file), text, layout)
    how = " ".join([*([name] if name else []), *(mapped or [])])
    with make_books(data_folder(data)) as books:
        bill = import_bill(
            books, vendor, file.name, content, lines, layout=how, zone=str(layout.zone), now=SystemClock().now()
        )
    if json:
        as_json(_as_data(bill))
        return
    line(say("bill.imported", id=bill.id, lines=bill.lines, first=bill.first_day, last=bill.last_day, zone=bill.zone))
    for code, picos in sorted(bill.totals.items()):
        line(f"  {decimal_of(picos)} {code}")
    if name is not None:
        found = preset_named(name)
        line(say("bill.preset_used", name=name, title=found.title, confidence=found.confidence))
    line(say("bill.next", vendor=vendor))


@app.command("list", help=say("help.bill.list"))
def show(vendor: OfVendor = None, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books, books.read() as connection:
        found = list_bills(connection, vendor)
    if json:
        as_json([_as_data(bill) for bill in found])
    elif not found:
        line(say("bill.none"))
    else:
        _print(found)


@app.command(help=say("help.bill.drop"))
def drop(id: Id, data: Data = None, json: Json = False) -> None:
    with open_books(data_folder(data)) as books:
        dropped = drop_bill(books, id, now=SystemClock().now())
    if json:
        as_json(_as_data(dropped))
    else:
        line(say("bill.dropped", id=id, vendor=dropped.vendor, first=dropped.first_day, last=dropped.last_day))


@app.command("presets", help=say("help.bill.presets"))
def show_presets(json: Json = False) -> None:
    found = presets()
    if json:
        as_json({name: msgspec.to_builtins(preset) for name, preset in found.items()})
        return
    for name, preset in found.items():
        line(f"{name}: {preset.title}")
        line("  " + say("bill.preset", zone=preset.zone, confidence=preset.confidence, source=preset.source))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(say("bill.not_read", file=file, reason=error.strerror)) from None


def _text(file: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode("utf-8-sig" if encoding == UTF_8 else encoding)
    except LookupError:
        raise ConfigError(say("bill.no_encoding", encoding=encoding)) from None
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise BillRefused(say("bill.wrong_encoding", file=file, line=row, encoding=encoding)) from None


def _columns(asked: list[str]) -> dict[str, Column]:
    """``date=账期`` or several of them with commas between; a column whose name has a comma stands alone."""
    columns = {}
    for word in asked:
        parts = word.split(",")
        for part in parts if all("=" in part for part in parts) else [word]:
            field, _, column = part.partition("=")
            if not column.strip():
                raise ConfigError(say("bill.bad_map", text=part, fields=", ".join(FIELDS)))
            columns[field.strip()] = Column((column.strip(),))
    return columns


def _meters(asked: list[str]) -> dict[str, tuple[str, ...]]:
    """``输出=output+reasoning``: the two meters of ours are added up beside the bill's one."""
    meters = {}
    for word in asked:
        text, _, named = word.rpartition("=")
        if not text:
            raise ConfigError(say("bill.bad_meter", text=word))
        meters[text] = tuple(part.strip() for part in named.split("+"))
        check_meters(f"--meter {word}", meters[text])
    return meters


def _layout(
    preset: str | None, columns: dict[str, Column], meters: dict[str, tuple[str, ...]], zone: str | None,
    currency: str | None,
) -> Layout:  # fmt: skip
    """A preset's, with what the options say besides. Without one they have to say whose days and money they are."""
    base = None if preset is None else preset_named(preset).layout()
    if base is None:
        check_fields("--map", columns)
    if base is None and zone is None:
        raise ConfigError(say("bill.no_zone"))
    found = base or Layout(columns={}, zone=zone_named(zone or "UTC"))
    layout = msgspec.structs.replace(
        found,
        columns={**found.columns, **columns},
        meters={**found.meters, **meters},
        zone=found.zone if zone is None else zone_named(zone),
        currency=found.currency if currency is None else currency_of(currency),
    )
    if layout.currency is None and "currency" not in layout.columns:
        raise ConfigError(say("bill.no_currency"))
    return layout


def _print(found: list[Bill]) -> None:
    columns = {
        "id": [str(bill.id) for bill in found],
        "vendor": [bill.vendor for bill in found],
        "from": [bill.first_day for bill in found],
        "to": [bill.last_day for bill in found],
        "zone": [bill.zone for bill in found],
        "lines": [str(bill.lines) for bill in found],
        "amount": aligned([_total(bill) for bill in found]),
        "file": [bill.name if bill.dropped_at is None else say("bill.was_dropped", file=bill.name) for bill in found],
    }
    table(
        [say(f"bill_column.{name}") for name in columns],
        list(zip(*columns.values(), strict=True)),
        right=(5,),
        flexible=7,
    )


def _total(bill: Bill) -> str:
    return ", ".join(f"{decimal_of(picos)} {code}" for code, picos in sorted(bill.totals.items()))


def _as_data(bill: Bill) -> dict[str, Any]:
    shown = msgspec.structs.asdict(bill)
    for name in ("imported_at", "dropped_at"):
        shown[name] = None if shown[name] is None else format_instant(shown[name])
    return {**shown, "totals": {code: decimal_of(picos) for code, picos in sorted(bill.totals.items())}}
