"""What commands print: plain lines, tables that fit, or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fenli.cli.language import say
from fenli.values.money import decimal_of

WIDTH: Final = 100  # of tables that go to a file or a pipe


def line(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def as_json(value: Any) -> None:
    """Indented JSON on standard output. Instants and amounts are strings in it."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def amount(picos: int | None) -> str:
    """The exact decimal; what is unknown says so."""
    return say("unknown") if picos is None else decimal_of(picos)


def aligned(amounts: Sequence[str]) -> list[str]:
    """The same, with their decimal points below each other; a word ends where the units end."""
    parts = [text.partition(".") if _is_number(text) else (text, "", "") for text in amounts]
    units = max((len(part[0]) for part in parts), default=0)
    rest = max((len(part[1] + part[2]) for part in parts), default=0)
    return [part[0].rjust(units) + (part[1] + part[2]).ljust(rest) for part in parts]


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), keep: Sequence[int] = ()
) -> None:
    """Columns in ``right`` are flush right; those and ``keep`` are never wrapped, however narrow the terminal."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        grid.add_column(
            Text(heading),
            justify="right" if index in right else "left",
            no_wrap=index in right or index in keep,
            overflow="fold",
        )
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console().print(grid)


def console() -> Console:
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDTH if piped else None, highlight=False)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
