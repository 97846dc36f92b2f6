"""The shapes of bills that are known: one TOML file each, with where we know it from. Users may write their own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from fenli.errors import BillRefused, ConfigError
from fenli.ledger.bills import FIELDS, REQUESTS, Column, Layout
from fenli.values import METERS


class SplitColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: tuple[str, ...]
    split: str
    part: int


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``confidence``: high where the vendor describes the file, medium where others who read it do, low where we had to
    assume a part of it. ``columns`` and ``meters`` as in `ledger.bills.Layout`."""

    title: str
    vendor: str
    source: str
    confidence: Literal["high", "medium", "low"]
    zone: str
    columns: dict[str, tuple[str, ...] | SplitColumn]
    currency: str | None = None
    meters: dict[str, tuple[str, ...]] = {}
    skip_empty: tuple[str, ...] = ()

    def layout(self) -> Layout:
        columns = {
            field: Column(found) if isinstance(found, tuple) else Column(found.names, found.split, found.part)
            for field, found in self.columns.items()
        }
        return Layout(
            columns=columns, zone=ZoneInfo(self.zone), currency=self.currency, meters=self.meters,
            skip_empty=self.skip_empty,
        )  # fmt: skip


def presets() -> dict[str, Preset]:
    """Those that come with fenli, by name."""
    folder = files("fenli.office").joinpath("data/bills")
    found = sorted((file.name.removesuffix(".toml"), file.read_text("utf-8")) for file in folder.iterdir())
    return {name: _read(name, text) for name, text in found}


def preset_named(name: str) -> Preset:
    """One that comes with fenli, or a ``.toml`` file of the same shape. Raises ConfigError with what there is."""
    if name.endswith(".toml"):
        try:
            return _read(name, Path(name).expanduser().read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name} cannot be read ({error}): name another file") from None
    known = presets()
    if name not in known:
        raise ConfigError(
            f"there is no preset {name!r}: there are {', '.join(known)}; or name a file that ends in .toml"
        )
    return known[name]


def fitting(vendor: str, header: Sequence[str]) -> str:
    """The one preset for the vendor all of whose columns are in the header. Raises BillRefused where none is."""
    names = {cell.strip().removeprefix("\ufeff") for cell in header}
    fits = [
        name
        for name, preset in presets().items()
        if preset.vendor == vendor and all(names & {*(column.names)} for column in preset.layout().columns.values())
    ]
    if len(fits) != 1:
        raise BillRefused(
            f"no preset for {vendor} knows the columns {', '.join(sorted(filter(None, names))) or 'of this file'}: say "
            "what they hold: --map date=COLUMN --map model=COLUMN --map amount=COLUMN --zone ZONE --currency CURRENCY"
        )
    return fits[0]


def _read(name: str, text: str) -> Preset:
    try:
        preset = msgspec.convert(tomllib.loads(text), Preset)
        ZoneInfo(preset.zone)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, OSError, KeyError) as error:
        raise ConfigError(f"preset {name}: {error}") from None
    check_fields(f"preset {name}", preset.columns)
    for value, meters in preset.meters.items():
        check_meters(f"preset {name}, {value!r}", meters)
    return preset


def check_fields(where: str, fields: Collection[str]) -> None:
    """Raises ConfigError for what no bill has, and where what every bill has is missing."""
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]!r} is nothing that a bill holds: there are {', '.join(FIELDS)}")
    missing = [field for field in ("date", "model") if field not in fields]
    if "amount" not in fields and not {"price", "units"} <= {*fields}:
        missing.append("amount (or price and units)")
    if missing:
        raise ConfigError(f"{where}: say which column holds {', '.join(missing)}")


def check_meters(where: str, meters: Sequence[str]) -> None:
    unknown = [meter for meter in meters if meter not in (*METERS, REQUESTS)]
    if unknown or not meters:
        raise ConfigError(f"{where}: {''.join(unknown[:1])!r} is no meter: there are {', '.join((*METERS, REQUESTS))}")
