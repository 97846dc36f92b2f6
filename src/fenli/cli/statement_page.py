"""A statement as one HTML page to send: nothing outside of it is needed, and it prints on A4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from fenli.cli.language import say
from fenli.cli.statement_rows import notes, period_text, rows, title, totals, unknown_text
from fenli.ledger.statements import Period, Statement, Subject
from fenli.values import format_instant

_STYLE: Final = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 2rem; max-width: 60rem; color: #1c1e21; background: #fff;
  font: 14px/1.5 "Helvetica Neue", Arial, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
header { display: flex; justify-content: space-between; gap: 2rem; padding-bottom: 1rem; border-bottom: 2px solid; }
h1 { margin: 0; font-size: 1.6rem; font-weight: 600; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; font-weight: 600; }
header p { margin: .2rem 0; }
.issuer { text-align: right; color: #5a6068; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #d8dce1; text-align: left; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid #1c1e21; }
td.number, th.number { text-align: right; white-space: nowrap; }
table.summary { width: auto; min-width: 22rem; margin: 0 0 1.5rem; }
td.day { white-space: nowrap; }
td.what { overflow-wrap: anywhere; }
tr.balance td { font-weight: 600; background: #f3f5f7; }
.notes, .unknown { margin-top: 1rem; color: #3c4148; }
.unknown { padding: .7rem 1rem; border-left: 4px solid #b45309; background: #fdf6ec; }
.unknown ul { margin: .3rem 0 0; padding-left: 1.2rem; }
footer { margin-top: 2.5rem; color: #5a6068; font-size: .85rem; }
@page { size: A4; margin: 18mm 16mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 10pt; }
  thead { display: table-header-group; }
  tr, .unknown { break-inside: avoid; }
  tr.balance td, .unknown { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
_COLUMNS: Final = ("day", "what", "calls", "in", "out", "amount")
_TEXT: Final = 2  # columns that hold words; the others are numbers


def page(subject: Subject, period: Period, found: Sequence[Statement], issuer: str, now: int) -> str:
    """``issuer``: who sends it, "" leaves it out. ``now`` in ns."""
    return "\n".join(_page(subject, period, found, issuer, now)) + "\n"


def _page(subject: Subject, period: Period, found: Sequence[Statement], issuer: str, now: int) -> Iterator[str]:
    heading = escape(title(subject))
    yield "<!doctype html>"
    yield f'<html lang="{say("statement.html_language")}">'
    yield f'<head><meta charset="utf-8"><title>{heading}, {escape(period.first)} – {escape(period.last)}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style></head>"
    yield f"<body><header><div><h1>{heading}</h1><p>{escape(period_text(period))}</p></div>"
    yield f'<p class="issuer">{escape(issuer)}</p></header><main>'
    if not found:
        yield f"<p>{escape(say('statement.nothing'))}</p>"
    for statement in found:
        yield from _section(statement)
    made = say("statement.made", when=format_instant(now)[:16].replace("T", " "))
    yield f"</main><footer>{escape(made)}</footer></body></html>"


def _section(statement: Statement) -> Iterator[str]:
    yield "<section>"
    if statement.currency:
        yield f"<h2>{escape(say('statement.in_currency', currency=statement.currency))}</h2>"
        yield from _summary(statement)
        yield from _table(statement)
    if statement.unknown:
        items = "".join(f"<li>{escape(unknown_text(statement, one))}</li>" for one in statement.unknown)
        yield f'<div class="unknown">{escape(say("statement.unknown"))}<ul>{items}</ul></div>'
    said = "".join(f"<p>{escape(note)}</p>" for note in notes(statement))
    yield f'<div class="notes">{said}</div></section>'


def _summary(statement: Statement) -> Iterator[str]:
    """What each kind of movement comes to, for a reader who stops there."""
    yield '<table class="summary"><tbody>'
    for row in totals(statement):
        yield f'<tr><td>{escape(row.what)}</td><td class="number">{escape(row.amount)}</td></tr>'
    yield "</tbody></table>"


def _table(statement: Statement) -> Iterator[str]:
    headings = [say(f"statement.column.{name}") for name in _COLUMNS]
    cells = "".join(
        f"<th{_class('number' if place >= _TEXT else '')}>{escape(heading)}</th>"
        for place, heading in enumerate(headings)
    )
    yield f"<table><thead><tr>{cells}</tr></thead><tbody>"
    listed = list(rows(statement))
    for place, row in enumerate(listed):
        balance = place in (0, len(listed) - 1)
        classes = ("day", "what", *["number"] * (len(row) - _TEXT))
        cells = "".join(f"<td{_class(name)}>{escape(cell)}</td>" for name, cell in zip(classes, row, strict=True))
        yield f"<tr{_class('balance' if balance else '')}>{cells}</tr>"
    yield "</tbody></table>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
