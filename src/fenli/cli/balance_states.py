"""How it stands with each vendor that tells what is left: its last answer, and whether that is too little."""

from __future__ import annotations

import os

import msgspec

from fenli.cli.language import say
from fenli.config.load import Config
from fenli.config.settings import price_book
from fenli.config.vendors import VendorState, vendor_states
from fenli.errors import FAULT_OF, Fault, Kind
from fenli.office.balances import NOT_TOLD, Poll, last_polls, last_told
from fenli.office.polling import low_holding
from fenli.store import Database
from fenli.values.money import decimal_of, picos_of
from fenli.vendors.balances import Holding
from fenli.vendors.catalog import VENDORS


class BalanceState(msgspec.Struct, frozen=True):
    """``poll`` is the last one, None for a vendor that was never asked; ``told`` the last one that told a balance.
    ``low`` is the holding that is too little, if one is; ``floor`` what is not, in picos."""

    vendor: str
    on: bool
    poll: Poll | None
    told: Poll | None
    low: Holding | None = None
    floor: int | None = None


def balance_states(books: Database, config: Config) -> list[BalanceState]:
    """Vendors that are on and tell, and those that were ever asked, by id."""
    telling = {state.id: state for state in telling_vendors(config)}
    polls, told = last_polls(books), last_told(books)
    names = sorted({*polls, *(name for name, state in telling.items() if state.on)})
    return [_state(config, name, telling.get(name), polls.get(name), told.get(name)) for name in names]


def telling_vendors(config: Config) -> list[VendorState]:
    """Those of the catalogue and of the file that tell what is left, on or off."""
    states = vendor_states(config, os.environ)
    return [state for state in states if VENDORS[state.adapter].balance is not None]


def left(holding: Holding) -> str:
    return f"{decimal_of(holding.picos)} {holding.currency}"


def low_line(state: BalanceState, low: Holding) -> str:
    """That ``low`` is too little, and why."""
    if state.poll is not None and state.poll.balance is not None and state.poll.balance.usable is False:
        return say("balance.unusable", vendor=state.vendor, left=left(low))
    assert state.floor is not None
    return say("balance.low", vendor=state.vendor, left=left(low), floor=decimal_of(state.floor))


def next_step(poll: Poll) -> str:
    """The message that says what to do about a poll that told nothing."""
    if poll.outcome == NOT_TOLD:
        return "balance.next.address"
    return "balance.next.key" if FAULT_OF[Kind(poll.outcome)] is Fault.CREDENTIAL else "balance.next.later"


def _state(config: Config, name: str, state: VendorState | None, poll: Poll | None, told: Poll | None) -> BalanceState:
    if state is None or poll is None:
        return BalanceState(name, state is not None and state.on, poll, told)
    floor = None if state.low_balance is None else picos_of(state.low_balance)
    low = low_holding(poll, _currency(config, state, poll), floor)
    return BalanceState(name, state.on, poll, told, low, floor)


def _currency(config: Config, state: VendorState, poll: Poll) -> str:
    """The contract's, looked up only where it decides which of several holdings counts."""
    if state.currency is not None or poll.balance is None or len(poll.balance.holdings) == 1:
        return state.currency or ""
    book = price_book(config)
    return book.currency(state.id) if state.id in book.vendors() else ""
