"""`fenli reconcile`: a vendor's bills beside our entries, and why they differ. Books nothing unless told to."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Any

import typer

from fenli.cli.books import open_books
from fenli.cli.language import say
from fenli.cli.options import Data, Json, data_folder
from fenli.cli.output import aligned, as_json, complain, line, table
from fenli.cli.posted import wait_until_posted
from fenli.clock import SystemClock
from fenli.errors import ConfigError
from fenli.ledger.reconciliation import Compared, Place
from fenli.office.reconciling import Reconciliation
from fenli.office.reconciling import reconcile as compare_with_bills
from fenli.office.settling import Posted
from fenli.office.settling import post as book
from fenli.values.money import decimal_of

Vendor = Annotated[str, typer.Argument(help=say("option.bill_vendor"), metavar="VENDOR")]
Month = Annotated[str | None, typer.Option("--month", help=say("option.reconcile_month"))]
Post = Annotated[bool, typer.Option("--post", help=say("option.post"))]
Names = Annotated[list[str] | None, typer.Option("--model", help=say("option.reconcile_model"), metavar="OURS=THEIRS")]
All = Annotated[bool, typer.Option("--all", help=say("option.reconcile_all"))]


def reconcile(
    vendor: Vendor,
    month: Month = None,
    model: Names = None,
    everything: All = False,
    post: Post = False,
    data: Data = None,
    json: Json = False,
) -> None:
    wanted, names, folder, posted = _month(month), _names(model or []), data_folder(data), None
    with open_books(folder) as books:
        if not wait_until_posted(folder, books):
            complain(say("ledger.lagging"))
        with books.read() as connection:
            found = compare_with_bills(connection, vendor, month=wanted, names=names)
        if post:
            posted = book(books, found, month=wanted, now=SystemClock().now())
    if json:
        as_json(_as_data(found, posted))
    else:
        _print(found, [one for one in found.compared if everything or one.causes])
        if posted is not None:
            _print_posted(posted)


def _month(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ConfigError(say("statement.bad_month", month=text)) from None


def _names(asked: list[str]) -> dict[str, str]:
    names = {}
    for word in asked:
        ours, _, theirs = word.partition("=")
        if not ours or not theirs:
            raise ConfigError(say("reconcile.bad_model", text=word))
        names[ours] = theirs
    return names


def _print(found: Reconciliation, shown: list[Compared]) -> None:
    period = found.period
    bills = ", ".join(str(bill.id) for bill in found.bills)
    line(
        say("reconcile.title", vendor=found.vendor, bills=bills, first=period.first, last=period.last, zone=period.zone)
    )
    if shown:
        line()
        _table(shown)
        line()
    agree = sum(1 for one in found.compared if not one.causes)
    line(say("reconcile.agree", agree=agree, places=len(found.compared)))
    for currency, (ours, theirs) in _totals(found).items():
        amounts = {"ours": decimal_of(ours), "theirs": decimal_of(theirs), "difference": decimal_of(theirs - ours)}
        line(say("reconcile.total", currency=currency, **amounts))
    if found.elsewhere is not None:
        line(say("reconcile.elsewhere", zone=found.elsewhere, bills=bills))
    causes = Counter(cause for one in found.compared for cause in one.causes)
    for cause, places in causes.most_common():
        line(say("reconcile.cause", cause=say(f"cause.{cause}"), places=places, next=say(f"cause_next.{cause}")))


def _table(shown: list[Compared]) -> None:
    columns = {
        "place": [one.place.request_id or one.place.day for one in shown],
        "model": [one.place.model for one in shown],
        "ours": aligned([_ours(one) for one in shown]),
        "theirs": aligned(["-" if one.theirs is None else decimal_of(one.theirs.picos) for one in shown]),
        "difference": aligned([decimal_of(one.picos) for one in shown]),
        "currency": [one.place.currency for one in shown],
        "cause": [", ".join(say(f"cause.{cause}") for cause in one.causes) + _units(one) for one in shown],
    }
    headings = [say(f"reconcile_column.{name}") for name in columns]
    table(headings, list(zip(*columns.values(), strict=True)), flexible=6)


def _ours(one: Compared) -> str:
    """What is known; a place where nothing is says so."""
    if one.ours is None:
        return "-"
    return say("unknown") if one.ours.unknown == one.ours.attempts else decimal_of(one.ours.known)


def _units(one: Compared) -> str:
    return "".join(
        say("reconcile.units", meters="+".join(meters), ours=f"{ours:,}", theirs=f"{theirs:,}")
        for meters, ours, theirs in one.units
    )


def _totals(found: Reconciliation) -> dict[str, tuple[int, int]]:
    totals: dict[str, tuple[int, int]] = {}
    for one in found.compared:
        ours, theirs = totals.get(one.place.currency, (0, 0))
        totals[one.place.currency] = (
            ours + (one.ours.known if one.ours else 0),
            theirs + (one.theirs.picos if one.theirs else 0),
        )
    return {currency: totals[currency] for currency in sorted(totals) if currency}


def _print_posted(posted: Posted) -> None:
    line()
    if posted.entries or posted.transfers:
        line(say("reconcile.posted", entries=posted.entries, transfers=posted.transfers))
    else:
        line(say("reconcile.nothing_posted"))
    if posted.left:
        line(say("reconcile.left", places=len(posted.left)))


def _as_data(found: Reconciliation, posted: Posted | None) -> dict[str, Any]:
    return {
        "vendor": found.vendor,
        "bills": [bill.id for bill in found.bills],
        "first_day": found.period.first,
        "last_day": found.period.last,
        "zone": found.period.zone,
        "days_begin_elsewhere": found.elsewhere,
        "models": found.names,
        "places": [_place(one) for one in found.compared],
        "posted": None
        if posted is None
        else {
            "entries": posted.entries,
            "transfers": posted.transfers,
            "left": [_where(one.place) for one in posted.left],
        },
    }


def _place(one: Compared) -> dict[str, Any]:
    ours, theirs = one.ours, one.theirs
    return {
        **_where(one.place),
        "ours": None if ours is None else decimal_of(ours.known),
        "unknown": 0 if ours is None else ours.unknown,
        "unknown_held": None if ours is None else decimal_of(ours.unknown_held),
        "theirs": None if theirs is None else decimal_of(theirs.picos),
        "difference": decimal_of(one.picos),
        "units": [{"meters": list(meters), "ours": mine, "theirs": counted} for meters, mine, counted in one.units],
        "causes": [str(cause) for cause in one.causes],
    }


def _where(place: Place) -> dict[str, str | None]:
    return {
        "day": place.day or None,
        "model": place.model,
        "currency": place.currency or None,
        "request_id": place.request_id or None,
    }
