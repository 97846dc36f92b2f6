"""What commands print: plain lines, tables that fit, or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fenli.cli.language import say
from fenli.values.money import decimal_of

WIDTH: Final = 100  # of tables that go to a file or a pipe
GAP: Final = 2
NARROW: Final = 12  # to which the flexible column may be pressed


def line(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """A note that is no part of the result."""
    sys.stderr.write(text + "\n")


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
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), flexible: int | None = None
) -> None:
    """Columns in ``right`` are flush right. Only the ``flexible`` one wraps; the others stand whole in any terminal."""
    grid = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold underline")
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    for index, heading in enumerate(headings):
        fixed = index != flexible
        justify: Literal["left", "right"] = "right" if index in right else "left"
        grid.add_column(
            Text(heading), justify=justify, no_wrap=fixed, min_width=widths[index] if fixed else None, overflow="fold"
        )
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    needed = sum(widths) + GAP * (len(widths) - 1)
    if flexible is not None:
        needed -= max(0, widths[flexible] - NARROW)
    terminal = console()
    terminal.width = max(terminal.width, needed)
    with terminal.capture() as printed:
        terminal.print(grid)
    for text in printed.get().splitlines():
        line(text.rstrip())


def console() -> Console:
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDTH if piped else None, highlight=False)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()
