"""`fenli usage`: exact sums of the books. Currencies are never added to each other, and what is unknown is not zero."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Annotated, Any

import msgspec
import typer

from fenli.cli.books import key_names, open_books
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, Since, Until, Zone, data_folder, instant, zone_named
from fenli.cli.output import aligned, as_json, complain, line, table
from fenli.cli.posted import wait_until_posted
from fenli.cli.rates import all_rates, rate_data, rate_line
from fenli.office.conversion import added, converted_usage
from fenli.office.reports import UsageRow
from fenli.office.reports import usage as sums
from fenli.prices.rates import Rate
from fenli.values import Usage
from fenli.values.money import NO_CURRENCY, currency_of, decimal_of


class By(enum.StrEnum):
    KEY = "key"
    PROJECT = "project"
    CUSTOMER = "customer"
    ROUTE = "route"
    MODEL = "model"
    VENDOR = "vendor"
    GRADE = "grade"
    DAY = "day"


Group = Annotated[By, typer.Option("--by", help=say("option.by"))]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.currency"))]


def usage(
    by: Group = By.MODEL, since: Since = None, until: Until = None, zone: Zone = "UTC", currency: Currency = None,
    data: Data = None, config: ConfigFile = None, json: Json = False,
) -> None:  # fmt: skip
    folder, first, last, days = data_folder(data), instant(since), instant(until), zone_named(zone)
    rates: list[Rate] = []
    with open_books(folder) as books:
        posted = wait_until_posted(folder, books)
        names = key_names(books) if by is By.KEY else {}
        if currency is None:
            rows = sums(books, by=by.value, since=first, until=last, zone=days)
        else:
            stated, wanted = all_rates(books, folder, config), currency_of(currency)
            found = converted_usage(books, stated, wanted, by=by.value, since=first, until=last, zone=days)
            rows, rates = found.rows, found.rates
    if not posted:
        complain(say("ledger.lagging"))
    if json:
        shown = [_as_data(row, by, names) for row in rows]
        as_json(
            shown if currency is None else {"currency": currency, "rates": list(map(rate_data, rates)), "rows": shown}
        )
    elif not rows:
        line(say("usage.none"))
    else:
        _print(rows, by, names)
        for rate in rates:
            line(rate_line(rate))


def _print(rows: list[UsageRow], by: By, names: dict[str, str]) -> None:
    totals = [row for row in _totals(rows) if row.currency is not None or row.unknown]
    shown = [*rows, *totals] if len(rows) > 1 else rows
    columns = [
        [names.get(row.group, row.group) or say("usage.none_of_it") for row in shown],
        [f"{row.calls:,}" for row in shown],
        *([f"{count:,}" for count in counts] for counts in zip(*map(_tokens, shown), strict=True)),
        aligned([_cost(row) or ("" if row.unknown else "-") for row in shown]),
        [row.currency or "" for row in shown],
        [say("usage.unknown", count=row.unknown) if row.unknown else "" for row in shown],
    ]
    headings = [say(f"column.{name}") for name in (by.value, "calls", "in", "out", "cost")] + ["", ""]
    if not any(columns[-1]):
        columns, headings = columns[:-1], headings[:-1]
    if any(row.charge_currency is not None for row in rows):
        columns.append(aligned([*map(_charge, rows), *("" for _ in shown[len(rows) :])]))
        headings.append(say("column.charge"))
    table(headings, list(zip(*columns, strict=True)), right=(1, 2, 3))
    for row in totals:
        if row.unknown:
            unheld = say("usage.unheld", count=row.unknown_unheld) if row.unknown_unheld else ""
            held = f"{decimal_of(row.unknown_held)} {row.currency or ''}".strip()
            line(say("usage.held", count=row.unknown, held=held, unheld=unheld))
    for currency, picos, unknown in _charges(rows):
        if currency == NO_CURRENCY:
            line(say("usage.charge_no_currency", count=unknown))
            continue
        missing = say("usage.charge_unknown", count=unknown) if unknown else ""
        line(say("usage.charged", charge=decimal_of(picos), currency=currency, unknown=missing))


def _totals(rows: list[UsageRow]) -> list[UsageRow]:
    """One row for each currency of costs."""
    totals: dict[str | None, UsageRow] = {}
    for row in rows:
        before = totals.get(row.currency)
        totals[row.currency] = (
            msgspec.structs.replace(row, group=say("usage.total")) if before is None else added(before, row)
        )
    return list(totals.values())


def _charges(rows: list[UsageRow]) -> list[tuple[str, int, int]]:
    """What customers pay, by currency: known picos, and for how many attempts it is not known."""
    known: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for row in rows:
        if row.charge_currency is not None:
            known[row.charge_currency] += row.charge_picos
            unknown[row.charge_currency] += row.charge_unknown
    return [(currency, known[currency], unknown[currency]) for currency in sorted(known)]


def _charge(row: UsageRow) -> str:
    """With its currency, which need not be that of the cost."""
    if row.charge_currency is None:
        return "-"
    known = row.charge_picos or row.charge_unknown < row.attempts
    return f"{decimal_of(row.charge_picos)} {row.charge_currency}" if known else say("unknown")


def _cost(row: UsageRow) -> str | None:
    """None where nothing is known: every cost is unknown, or nothing was owed in any currency."""
    known = row.currency is not None and (row.picos or row.unknown < row.attempts)
    return decimal_of(row.picos) if known else None


def _tokens(row: UsageRow) -> tuple[int, int]:
    used = Usage(row.usage)
    return used.prompt, used.completion


def _as_data(row: UsageRow, by: By, names: dict[str, str]) -> dict[str, Any]:
    named = {"name": names.get(row.group)} if by is By.KEY else {}
    return {
        by.value: row.group,
        **named,
        "currency": row.currency,
        "calls": row.calls,
        "attempts": row.attempts,
        "usage": row.usage,
        "cost": _cost(row),
        "unknown": row.unknown,
        "unknown_held": decimal_of(row.unknown_held),
        "unknown_unheld": row.unknown_unheld,
        "charge_currency": row.charge_currency,
        "charge": None if row.charge_currency is None else decimal_of(row.charge_picos),
        "charge_unknown": row.charge_unknown,
    }
