"""Options that many commands share, and what they come to."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from fenli.cli.language import say
from fenli.cli.running import read_running
from fenli.config.load import Config, find_config, load_config
from fenli.errors import ConfigError
from fenli.values import Money
from fenli.values.instants import instant_of, parse_instant
from fenli.values.money import currency_of

Data = Annotated[Path | None, typer.Option("--data", envvar="FENLI_DATA", help=say("option.data"))]
ConfigFile = Annotated[Path | None, typer.Option("--config", help=say("option.config"))]
Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
Since = Annotated[str | None, typer.Option("--since", help=say("option.since"))]
Zone = Annotated[str, typer.Option("--zone", help=say("option.zone"))]
Until = Annotated[str | None, typer.Option("--until", help=say("option.until"))]
Amount = Annotated[str, typer.Argument(help=say("option.amount"), metavar="AMOUNT")]
Currency = Annotated[str, typer.Argument(help=say("option.amount_currency"), metavar="CURRENCY")]
Reference = Annotated[str, typer.Option("--reference", help=say("option.reference"))]
Note = Annotated[str | None, typer.Option("--note", help=say("option.note"))]

# Of a command that takes an amount: one below zero is an argument too, and is refused by what it means.
AMOUNTS: Final = {"ignore_unknown_options": True}

_AGO: Final = re.compile(r"([0-9]{1,6})([mhd])")
_SIZES: Final = {"m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}


def data_folder(asked: Path | None) -> Path:
    """Where the books are; it need not exist yet."""
    return (asked or Path("~/.local/share/fenli")).expanduser().absolute()


def configuration(asked: Path | None, folder: Path | None = None) -> Config:
    """The file asked for; else, beside the books of ``folder``, the one that `fenli serve` used for them."""
    return load_config(config_file(asked, folder))


def config_file(asked: Path | None, folder: Path | None) -> Path | None:
    if asked is None and folder is not None and "FENLI_CONFIG" not in os.environ:
        last = read_running(folder)
        if last is not None and last.config is not None and Path(last.config).is_file():
            return Path(last.config)
    return find_config(asked, os.environ)


def instant(text: str | None, zone: tzinfo = UTC) -> int | None:
    """An instant: ISO 8601, a date (its first moment in ``zone``), or how long ago: ``30m``, ``24h``, ``7d``."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return time.time_ns() - int(ago[1]) * _SIZES[ago[2]]
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return instant_of(datetime.fromisoformat(text).replace(tzinfo=zone))
        except ValueError:
            pass
    return parse_instant(text)


def money(amount: str, currency: str) -> Money:
    """Raises MoneyError for what is no amount or no currency that books are kept in."""
    return Money.parse(currency_of(currency), amount)


def span(text: str) -> int:
    """A span of time, ns: ``30m``, ``24h``, ``7d``. Raises ConfigError."""
    found = _AGO.fullmatch(text)
    if found is None:
        raise ConfigError(say("option.bad_span", text=text))
    return int(found[1]) * _SIZES[found[2]]


def zone_named(name: str) -> ZoneInfo:
    """Raises ConfigError for what is no IANA time zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise ConfigError(say("usage.bad_zone", zone=name)) from None
