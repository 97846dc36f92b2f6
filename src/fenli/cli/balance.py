"""`fenli balance`: what is left of our money with the vendors that tell it, and how it changed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fenli.cli.asking import poll_now
from fenli.cli.balance_history import print_history, shown_instant
from fenli.cli.balance_states import (
    BalanceState,
    balance_states,
    left,
    low_line,
    next_step,
    telling_vendors,
)
from fenli.cli.books import open_books
from fenli.cli.language import say
from fenli.cli.options import ConfigFile, Data, Json, Since, Until, configuration, data_folder, instant
from fenli.cli.output import aligned, as_json, line, table
from fenli.config.load import Config
from fenli.errors import ConfigError
from fenli.office.balances import list_polls, poll_as_data
from fenli.values.money import decimal_of

Vendor = Annotated[str | None, typer.Argument(help=say("option.balance_vendor"), metavar="VENDOR")]
PollNow = Annotated[bool, typer.Option("--poll-now", help=say("option.poll_now"))]
Limit = Annotated[int, typer.Option("--limit", min=1, help=say("option.limit"))]


def balance(
    vendor: Vendor = None, ask_now: PollNow = False, since: Since = None, until: Until = None, limit: Limit = 20,
    data: Data = None, config: ConfigFile = None, json: Json = False,
) -> None:  # fmt: skip
    first, last, folder = instant(since), instant(until), data_folder(data)
    loaded = configuration(config, folder)
    if ask_now:
        poll_now(folder, loaded, [vendor] if vendor is not None else [])
    with open_books(folder) as books:
        states = [state for state in balance_states(books, loaded) if vendor in (None, state.vendor)]
        polls = list_polls(books, vendor, first, last) if vendor is not None else []
    if vendor is not None and not states:
        _check(vendor, loaded)
    if json:
        as_json([poll_as_data(poll) for poll in polls] if vendor is not None else [_as_data(one) for one in states])
    elif vendor is None:
        _print_all(states)
    else:
        print_history(vendor, polls, limit, until=last)
        _explain(states)
    if ask_now and any(state.on and state.poll is not None and not state.poll.told for state in states):
        raise typer.Exit(1)


def _print_all(states: list[BalanceState]) -> None:
    asked = [state for state in states if state.poll is not None]
    if not asked:
        line(say("balance.none"))
        return
    rows = [row for state in asked for row in _rows(state)]
    columns = list(zip(*rows, strict=True))
    for place in (1, 3, 4):
        columns[place] = tuple(aligned(columns[place]))
    headings = [say("column.vendor"), say("column.left"), "", *map(say, ("column.granted", "column.topped_up"))]
    table([*headings, say("column.asked"), ""], list(zip(*columns, strict=True)), flexible=6)
    _explain(states)
    never = [state.vendor for state in states if state.poll is None]
    if never:
        line(say("balance.never", vendors=", ".join(never)))


def _rows(state: BalanceState) -> list[tuple[str, ...]]:
    """One for each currency, one for a vendor that did not tell."""
    poll = state.poll
    assert poll is not None
    when, off = shown_instant(poll.asked_at), "" if state.on else say("balance.off")
    if poll.balance is None:
        return [(state.vendor, say("unknown"), "", "", "", when, " ".join((poll.outcome, off)).rstrip())]
    return [
        (state.vendor, decimal_of(held.picos), held.currency, _part(held.granted), _part(held.topped_up), when,
         " ".join((say("balance.is_low") if held == state.low else "", off)).strip())
        for held in poll.balance.holdings
    ]  # fmt: skip


def _explain(states: list[BalanceState]) -> None:
    """What is wrong, and the next step."""
    for state in states:
        poll = state.poll
        if poll is None:
            continue
        if not poll.told:
            line(say("balance.failed", vendor=state.vendor, outcome=poll.outcome, note=poll.note or ""))
            if state.told is not None and state.told.balance is not None:
                before = ", ".join(map(left, state.told.balance.holdings))
                line(say("balance.told_before", left=before, at=shown_instant(state.told.asked_at)))
            line(say("balance.next", step=say(next_step(poll))))
        elif state.low is not None:
            line(low_line(state, state.low))
            line(say("balance.next", step=say("balance.next.low")))


def _check(vendor: str, config: Config) -> None:
    """Raises ConfigError for a vendor that cannot have a history: it does not tell what is left."""
    known = [state.id for state in telling_vendors(config)]
    if vendor not in known:
        raise ConfigError(say("balance.no_vendor", vendor=vendor, known=", ".join(known)))


def _as_data(state: BalanceState) -> dict[str, Any]:
    poll = {"vendor": state.vendor} if state.poll is None else poll_as_data(state.poll)
    floor = None if state.floor is None else decimal_of(state.floor)
    return {**poll, "on": state.on, "low": state.low is not None, "low_balance": floor}


def _part(picos: int | None) -> str:
    return "-" if picos is None else decimal_of(picos)
