"""`fenli statement`: what a customer, a project, a key or a vendor had, what moved, and what that comes to."""

from __future__ import annotations

import enum
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from fenli.cli.books import open_books
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, data_folder, instant, zone_named
from fenli.cli.output import as_json, complain, line
from fenli.cli.posted import wait_until_posted
from fenli.cli.rates import all_rates
from fenli.cli.statement_page import page
from fenli.cli.statement_rows import as_csv, as_data, print_statement
from fenli.clock import SystemClock
from fenli.errors import ConfigError
from fenli.ledger.rounding import POLICIES, policy_named
from fenli.ledger.statements import (
    SUBJECT_KINDS,
    Conversion,
    Period,
    Statement,
    SubjectKind,
    converted,
    grouped,
    rounded,
)
from fenli.office.statements import draw_up, month_of, period_of
from fenli.office.subjects import find_subject
from fenli.prices.rates import Rates
from fenli.values.instants import moment_of
from fenli.values.money import currency_of

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class By(enum.StrEnum):
    DAY_MODEL = "day-model"
    DAY = "day"
    MODEL = "model"


class Rounding(enum.StrEnum):
    """The names of `POLICIES`."""

    NONE = "none"
    LINE_8 = "line-8"
    TOTAL_2 = "total-2"
    LINE_8_TOTAL_2 = "line-8-total-2"


assert list(Rounding) == list(POLICIES)

Customer = Annotated[str | None, typer.Option("--customer", help=say("option.statement_customer"))]
Project = Annotated[str | None, typer.Option("--project", help=say("option.statement_project"))]
Key = Annotated[str | None, typer.Option("--key", help=say("option.statement_key"))]
Vendor = Annotated[str | None, typer.Option("--vendor", help=say("option.statement_vendor"))]
Month = Annotated[str | None, typer.Option("--month", help=say("option.month"))]
First = Annotated[str | None, typer.Option("--since", help=say("option.first_day"))]
Until = Annotated[str | None, typer.Option("--until", help=say("option.until_day"))]
Zone = Annotated[str, typer.Option("--zone", help=say("option.zone"))]
Group = Annotated[By, typer.Option("--by", help=say("option.statement_by"))]
Currency = Annotated[str | None, typer.Option("--currency", help=say("option.statement_currency"))]
Policy = Annotated[Rounding, typer.Option("--rounding", help=say("option.rounding"))]
Csv = Annotated[bool, typer.Option("--csv", help=say("option.csv"))]
Html = Annotated[Path | None, typer.Option("--html", help=say("option.html"), metavar="FILE")]
Issuer = Annotated[str, typer.Option("--issuer", help=say("option.issuer"))]


def statement(
    customer: Customer = None,
    project: Project = None,
    key: Key = None,
    vendor: Vendor = None,
    month: Month = None,
    since: First = None,
    until: Until = None,
    zone: Zone = "UTC",
    by: Group = By.DAY_MODEL,
    currency: Currency = None,
    rounding: Policy = Rounding.NONE,
    csv: Csv = False,
    html: Html = None,
    issuer: Issuer = "",
    data: Data = None,
    config: ConfigFile = None,
    json: Json = False,
) -> None:
    kind, name = _subject(customer, project, key, vendor)
    period, folder, now = _period(month, since, until, zone), data_folder(data), SystemClock().now()
    wanted = None if currency is None else currency_of(currency)
    with open_books(folder) as books:
        posted = wait_until_posted(folder, books)
        rates = Rates() if wanted is None else all_rates(books, folder, config)
        with books.read() as connection:
            subject = find_subject(connection, kind, name)
            drawn = draw_up(connection, subject, period, now=now)
    found = [_as_asked(one, wanted, rates, min(period.until - 1, now), by, rounding) for one in drawn]
    if not posted:
        complain(say("ledger.lagging"))
    if html is not None:
        _write(html, page(subject, period, found, issuer, now))
    elif csv:
        line(as_csv(subject, period, found).removesuffix("\n"))
    elif json:
        as_json(as_data(subject, period, found))
    else:
        print_statement(subject, period, found)


def _as_asked(exact: Statement, currency: str | None, rates: Rates, at: int, by: By, rounding: Rounding) -> Statement:
    """Grouped, converted at the rate that is in force at the end of the period, then rounded."""
    found = exact if by is By.DAY_MODEL else grouped(exact, "day" if by is By.DAY else "model")
    if currency is not None and exact.currency not in ("", currency):
        exchange = rates.find(exact.currency, currency, at)
        rate = exchange.rate
        conversion = Conversion(exact.currency, rate.pair, str(rate.value), rate.effective_from, rate.source)
        found = converted(found, currency, exchange.convert, conversion)
    return rounded(found, policy_named(rounding.value))


def _subject(*asked: str | None) -> tuple[SubjectKind, str]:
    named = [(kind, name) for kind, name in zip(SUBJECT_KINDS, asked, strict=True) if name is not None]
    if len(named) != 1:
        raise ConfigError(say("statement.whose"))
    return named[0]


def _period(month: str | None, since: str | None, until: str | None, zone: str) -> Period:
    zone_named(zone)
    if month is not None and since is None and until is None:
        try:
            return month_of(date.fromisoformat(f"{month}-01"), zone)
        except ValueError:
            raise ConfigError(say("statement.bad_month", month=month)) from None
    if month is not None or since is None or until is None:
        raise ConfigError(say("statement.which_period"))
    first, after = _day(since, zone), _day(until, zone)
    if after <= first:
        raise ConfigError(say("statement.empty_period", since=first, until=after))
    return period_of(first, after - timedelta(days=1), zone)


def _day(text: str, zone: str) -> date:
    """A date, or an instant that is midnight in the zone: a statement is of whole days."""
    info = zone_named(zone)
    at = instant(text, info)
    assert at is not None
    moment = moment_of(at, info)
    if not _DAY.fullmatch(text) and (moment.hour, moment.minute, moment.second, at % 10**9) != (0, 0, 0, 0):
        raise ConfigError(say("statement.no_midnight", text=text, local=f"{moment:%Y-%m-%d %H:%M}", zone=zone))
    return moment.date()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(say("statement.not_written", file=path, reason=error.strerror)) from None
    line(say("statement.written", file=path))
