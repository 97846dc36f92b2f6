"""`fenli doctor`: everything that could be wrong here, each with its next step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from fenli.cli import balance_checks, book_checks, checks
from fenli.cli.checks import Check
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, config_file, data_folder
from fenli.cli.output import as_json, line


def doctor(data: Data = None, config: ConfigFile = None, json: Json = False) -> None:
    found = list(examine(data_folder(data), config))
    if json:
        as_json(found)
    else:
        for check in found:
            line(f"{say(f'doctor.{check.state}')}  {check.name:<8} {check.what}")
            if check.next_step is not None:
                line(f"{'':14} {say('doctor.next')} {check.next_step}")
    if any(check.state == "fail" for check in found):
        raise typer.Exit(1)


def examine(folder: Path, config: Path | None) -> Iterator[Check]:
    yield from checks.installation()
    yield from checks.data(folder)
    loaded, found = checks.config(config_file(config, folder))
    yield from found
    yield from book_checks.books(folder)
    yield from checks.clock()
    if loaded is not None:
        yield from checks.ports(loaded, folder)
        yield from checks.vendors(loaded)
        yield from checks.local(loaded)
        yield from balance_checks.balances(loaded, folder)
    yield from checks.limits()
