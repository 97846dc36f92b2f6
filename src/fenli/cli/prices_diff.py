"""`fenli prices diff`: which prices differ between two days, or between two files, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration, instant
from fenli.cli.output import aligned, as_json, line, table
from fenli.cli.price_changes import Change, between, percent
from fenli.cli.price_rows import unit_words
from fenli.clock import SystemClock
from fenli.config.settings import price_book
from fenli.errors import ConfigError
from fenli.prices.book import PriceBook
from fenli.prices.units import TOKENS
from fenli.values import format_instant

Files = Annotated[list[Path] | None, typer.Argument(help=say("option.diff_files"), metavar="[OLD NEW]")]
From = Annotated[str | None, typer.Option("--from", help=say("option.diff_from"))]
To = Annotated[str | None, typer.Option("--to", help=say("option.diff_to"))]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.price_vendor"))]


def diff(
    files: Files = None,
    since: From = None,
    until: To = None,
    vendor: Vendor = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    places = files or []
    if len(places) not in (0, 2) or (places and since is not None) or (not places and since is None):
        raise ConfigError(say("prices.diff_what"))
    now = SystemClock().now()
    after = instant(until) or now
    before = instant(since) or after
    if places:
        old, new = (_book(place) for place in places)
    else:
        old = new = price_book(configuration(config))
    if vendor is not None:
        new.header(vendor)  # refuses a vendor that there is not
    found = list(between(old, before, new, after, vendor))
    if json:
        as_json([_as_data(change) for change in found])
        return
    words = [str(place) for place in places] or [format_instant(before), format_instant(after)]
    fresh, ended = (sum(side is None for side in sides) for sides in _sides(found))
    counts = {"changed": len(found) - fresh - ended, "new": fresh, "ended": ended}
    line(say("prices.diff", old=words[0], after=words[1], **counts))
    if found:
        line()
        _print(found)


def _book(place: Path) -> PriceBook:
    if not place.exists():
        raise ConfigError(say("prices.no_file", path=place))
    return PriceBook.load(place)


def _print(found: list[Change]) -> None:
    old, new = (aligned([value or "-" for value in side]) for side in _sides(found))
    rows = [
        [f"{one.vendor}/{one.model}", one.conditions, _meter(one), one.currency, old[index], new[index], _by(one)]
        for index, one in enumerate(found)
    ]
    headings = ["model", "conditions", "meter", "currency", "before", "after", "change"]
    table([say(f"column.{heading}") for heading in headings], rows, right=(6,), flexible=1)


def _sides(found: list[Change]) -> tuple[list[str | None], list[str | None]]:
    return [change.before for change in found], [change.after for change in found]


def _meter(change: Change) -> str:
    return change.meter if change.unit == TOKENS else f"{change.meter} / {unit_words(change.unit)}"


def _by(change: Change) -> str:
    if change.before is None:
        return say("prices.new")
    if change.after is None:
        return say("prices.ended")
    return percent(change) or say("prices.was_free")


def _as_data(change: Change) -> dict[str, str | None]:
    return {
        "vendor": change.vendor,
        "model": change.model,
        "currency": change.currency,
        "conditions": change.conditions or None,
        "meter": change.meter,
        "unit": change.unit,
        "before": change.before,
        "after": change.after,
        "percent": percent(change) or None,
    }
