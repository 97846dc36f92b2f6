"""Statements as tables, CSV and data. What is unknown stands apart, and no amount stands for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from fenli.cli.language import say
from fenli.cli.output import aligned, line, table
from fenli.ledger.chart import Move
from fenli.ledger.rounding import policy_named
from fenli.ledger.statements import Conversion, Line, Period, Statement, Subject, Unknown
from fenli.values import Usage, format_instant
from fenli.values.money import decimal_of
from fenli.values.rounding import DECIMALS

CALLS: Final = (Move.COST, Move.CHARGE)
_HEADER: Final = (
    "subject_kind", "subject", "first_day", "last_day", "zone", "currency", "row", "day", "what", "calls",
    "tokens_in", "tokens_out", "amount", "held",
)  # fmt: skip


class Row(NamedTuple):
    """``what`` in the words of the language; ``amount`` is "" where there is none."""

    day: str
    what: str
    calls: str
    tokens_in: str
    tokens_out: str
    amount: str


def rows(statement: Statement) -> Iterator[Row]:
    """From the opening to the closing balance."""
    policy = policy_named(statement.policy)
    yield Row("", say("statement.opening"), "", "", "", _shown(statement.opening, policy.total_decimals))
    for each in statement.lines:
        used = Usage(each.usage)
        counts = (f"{each.calls:,}", f"{used.prompt:,}", f"{used.completion:,}") if each.kind in CALLS else ("", "", "")
        yield Row(each.day, label(each), *counts, _shown(each.picos, policy.line_decimals))
    if statement.difference:
        word = say("statement.converting" if policy.name == "none" else "statement.rounding_line")
        yield Row("", word, "", "", "", decimal_of(statement.difference))
    yield Row("", say("statement.closing"), "", "", "", _shown(statement.closing, policy.total_decimals))


def totals(statement: Statement) -> Iterator[Row]:
    """The same with one row for each kind of movement."""
    kinds = dict.fromkeys(str(line.kind) for line in statement.lines)
    summed = (Line(kind=kind, day="", what="", picos=statement.total(kind)) for kind in kinds)
    yield from rows(msgspec.structs.replace(statement, lines=tuple(summed)))


def label(one: Line) -> str:
    """The model of calls; of anything else what it is, with its reference."""
    if one.kind in CALLS:
        return one.what or say("statement.calls")
    kind = say(f"statement.{one.kind}")
    return say("statement.with_reference", kind=kind, reference=one.what) if one.what else kind


def notes(statement: Statement) -> Iterator[str]:
    """What must be said of the statement besides its rows."""
    if statement.subject.kind == "customer" and statement.closing:
        amount = _shown(abs(statement.closing), policy_named(statement.policy).total_decimals)
        word = "statement.in_favour" if statement.closing > 0 else "statement.owes"
        yield say(word, amount=amount, currency=statement.currency)
    if (conversion := statement.conversion) is not None:
        yield say(
            "statement.converted", original=conversion.original, currency=statement.currency, pair=conversion.pair,
            rate=conversion.rate, when=format_instant(conversion.effective_from), source=conversion.source,
        )  # fmt: skip
    if statement.policy != "none":
        yield say(f"statement.policy.{statement.policy}")
    if statement.provisional is not None:
        yield say(f"statement.{statement.provisional}")


def unknown_text(statement: Statement, one: Unknown) -> str:
    held = "" if one.held_picos is None else say("statement.held", amount=decimal_of(one.held_picos))
    unheld = "" if not one.unheld else say("statement.unheld", count=one.unheld)
    held = f"{held} {statement.currency}" if held else ""
    words = (say("statement.unknown_line", day=one.day, what=one.what, calls=one.calls), held, unheld)
    return "  ".join(word for word in words if word)


def print_statement(subject: Subject, period: Period, found: Sequence[Statement]) -> None:
    line(title(subject))
    line(period_text(period))
    if not found:
        line()
        line(say("statement.nothing"))
    for statement in found:
        line()
        if statement.currency:
            _print(statement)
        if statement.unknown:
            line(say("statement.unknown"))
            for one in statement.unknown:
                line("  " + unknown_text(statement, one))
        for note in notes(statement):
            line(note)


def title(subject: Subject) -> str:
    name = subject.id if subject.name == subject.id else f"{subject.name} ({subject.id})"
    return say(f"statement.of_{subject.kind}", name=name)


def period_text(period: Period) -> str:
    return say("statement.period", first=period.first, last=period.last, zone=period.zone)


def as_csv(subject: Subject, period: Period, found: Sequence[Statement]) -> str:
    """One header, then every row of every statement. Words of a machine, whatever the language; amounts as decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    of_all = (subject.kind, subject.id, period.first, period.last, period.zone)
    for statement in found:
        for row in _csv_rows(statement):
            writer.writerow(_harmless(cell) for cell in (*of_all, statement.currency, *row))
    return text.getvalue()


def as_data(subject: Subject, period: Period, found: Sequence[Statement]) -> dict[str, Any]:
    return {
        "subject": {"kind": subject.kind, "id": subject.id, "name": subject.name, "side": subject.side},
        "period": {
            "first_day": period.first,
            "last_day": period.last,
            "zone": period.zone,
            "since": format_instant(period.since),
            "until": format_instant(period.until),
        },
        "statements": [_data(statement) for statement in found],
    }


def _print(statement: Statement) -> None:
    cells = list(rows(statement))
    columns = [list(column) for column in zip(*cells, strict=True)]
    columns[-1] = aligned(columns[-1])
    names = ("day", "what", "calls", "in", "out")
    headings = [say(f"statement.column.{name}") for name in names] + [statement.currency]
    table(headings, list(zip(*columns, strict=True)), right=(2, 3, 4), flexible=1)


def _csv_rows(statement: Statement) -> Iterator[tuple[object, ...]]:
    if statement.currency:
        yield "opening", "", "", "", "", "", decimal_of(statement.opening), ""
    for each in statement.lines:
        used = Usage(each.usage)
        counts = (each.calls, used.prompt, used.completion) if each.kind in CALLS else ("", "", "")
        yield str(each.kind), each.day, each.what, *counts, decimal_of(each.picos), ""
    if statement.difference:
        yield "rounding", "", "", "", "", "", decimal_of(statement.difference), ""
    if statement.currency:
        yield "closing", "", "", "", "", "", decimal_of(statement.closing), ""
    for one in statement.unknown:
        held = "" if one.held_picos is None else decimal_of(one.held_picos)
        yield "unknown", one.day, one.what, one.calls, "", "", "", held


def _harmless(cell: object) -> object:
    """A spreadsheet takes a text that begins like a formula for one."""
    formula = isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_decimal(cell)
    return f"'{cell}" if formula else cell


def _is_decimal(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _data(statement: Statement) -> dict[str, Any]:
    conversion = statement.conversion
    return {
        "currency": statement.currency or None,
        "opening": decimal_of(statement.opening),
        "lines": [
            {
                "kind": str(each.kind),
                "day": each.day or None,
                "what": each.what or None,
                "calls": each.calls if each.kind in CALLS else None,
                "usage": dict(each.usage) if each.kind in CALLS else None,
                "amount": decimal_of(each.picos),
            }
            for each in statement.lines
        ],
        "rounding": {"policy": statement.policy, "difference": decimal_of(statement.difference)},
        "closing": decimal_of(statement.closing),
        "unknown": [
            {
                "day": one.day,
                "what": one.what,
                "calls": one.calls,
                "held": None if one.held_picos is None else decimal_of(one.held_picos),
                "unheld": one.unheld,
            }
            for one in statement.unknown
        ],
        "conversion": None if conversion is None else _rate(conversion),
        "provisional": statement.provisional,
    }


def _rate(conversion: Conversion) -> dict[str, str]:
    return {**msgspec.structs.asdict(conversion), "effective_from": format_instant(conversion.effective_from)}


def _shown(picos: int, decimals: int) -> str:
    """With all the decimals that a policy keeps; the shortest text where it keeps every one."""
    text = decimal_of(picos)
    if decimals == DECIMALS:
        return text
    units, _, fraction = text.partition(".")
    return f"{units}.{fraction:0<{decimals}}"
