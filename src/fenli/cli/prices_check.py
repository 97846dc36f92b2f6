"""`fenli prices check`: are price files of one's own sound?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Json, configuration
from fenli.cli.output import as_json, complain, line
from fenli.errors import ConfigError
from fenli.prices.book import PriceBook

Places = Annotated[list[Path] | None, typer.Argument(help=say("option.check_places"), metavar="[DIR|FILE]...")]


def check(places: Places = None, json: Json = False, config: ConfigFile = None) -> None:
    asked = places or []
    for place in asked:
        if not place.exists():
            raise ConfigError(say("prices.no_file", path=place))
    if not asked:
        loaded = configuration(config)
        asked = [loaded.resolve(directory) for directory in loaded.document.prices.directories]
    book, problems = PriceBook.examine(*asked)
    if json:
        as_json([{**msgspec.to_builtins(problem), "text": str(problem)} for problem in problems])
    else:
        for problem in problems:
            complain(str(problem))
    if book is None:
        if not json:
            complain(say("prices.problems", count=len(problems)))
        raise typer.Exit(1)
    if not json:
        rows = sum(len(book.offers(vendor)) for vendor in book.vendors())
        names = ", ".join(map(str, asked)) or say("prices.own_none")
        line(say("prices.sound", places=names, rows=rows, vendors=len(book.vendors())))
