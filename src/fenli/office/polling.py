"""Asking vendors what is left of our money with them, as often as the configuration says.

A vendor that does not tell stays on: what went wrong is written down with its history, and logged when it begins and
when it ends.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from fenli.calls.attempt import failure_of
from fenli.clock import SECOND, Clock
from fenli.errors import BalanceError, ConfigError, FenliError, Kind, TransportError
from fenli.http.fetch import Fetched, fetch
from fenli.http.transport import Deadlines, Transport
from fenli.ledger.records import OK
from fenli.office.balances import NOT_TOLD, Poll, add_poll, last_polls
from fenli.office.desk import Desk
from fenli.office.settings import Settings
from fenli.routing.credentials import resolve_secret
from fenli.routing.snapshot import VendorSettings
from fenli.store import Database
from fenli.values.money import NO_CURRENCY, decimal_of
from fenli.vendors.balances import Balance, Holding
from fenli.vendors.catalog import VENDORS

log = logging.getLogger(__name__)

DEADLINES: Final = Deadlines(5 * SECOND, 30 * SECOND, 30 * SECOND, 30 * SECOND)
WITHIN: Final = 60 * SECOND
_NOTE_MAX: Final = 300
_FINE: Final = 200
_ABSENT: Final = (404, 405)


def telling(vendors: Iterable[VendorSettings]) -> list[VendorSettings]:
    """Those that tell what is left."""
    return [vendor for vendor in vendors if VENDORS[vendor.adapter].balance is not None]


async def ask(vendor: VendorSettings, transport: Transport, clock: Clock) -> Poll:
    """Asks a vendor of `telling`. Whatever goes wrong is in the poll."""
    began, secret = clock.now(), ""
    try:
        secret = resolve_secret(vendor.credential)
        request = VENDORS[vendor.adapter].balance_request(vendor.base_url, secret)
        said = _read(vendor, await fetch(transport, request, DEADLINES, WITHIN))
    except ConfigError as error:
        said = _Said(Kind.BAD_KEY, str(error))
    except TransportError as error:
        failure = failure_of(error)
        said = _Said(failure.kind, failure.detail or failure.message)
    return Poll(
        vendor=vendor.id,
        asked_at=began,
        took=clock.now() - began,
        outcome=said.outcome,
        status=said.status,
        note=None if said.note is None else " ".join(_masked(said.note, secret).split())[:_NOTE_MAX],
        balance=said.balance,
        reply=None if said.reply is None else _masked(said.reply.decode(errors="replace"), secret).encode(),
    )


class Poller:
    """Asks each vendor as often as the desk's settings say. Make it, and use it, on the office's loop."""

    def __init__(self, database: Database, desk: Desk, transport: Transport, clock: Clock) -> None:
        self._database = database
        self._desk = desk
        self._transport = transport
        self._clock = clock
        self._last = last_polls(database)
        self._began = {vendor: poll.asked_at for vendor, poll in self._last.items()}
        self._under_way: set[asyncio.Task[None]] = set()

    def turn(self) -> None:
        """Begins to ask whoever is due."""
        settings, now = self._desk.settings, self._clock.now()
        for vendor in telling(self._desk.vendors):
            span = _span(settings, vendor.id)
            if span is not None and now - self._began.get(vendor.id, now - span) >= span:
                self._began[vendor.id] = now
                task = asyncio.create_task(self._poll_or_log(vendor))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def poll(self, wanted: Collection[str]) -> list[Poll]:
        """Asks these vendors now, all where none is named. Raises ConfigError for one that is off or does not tell."""
        vendors = {vendor.id: vendor for vendor in telling(self._desk.vendors)}
        return list(await asyncio.gather(*(self._poll(vendor) for vendor in chosen(vendors, wanted))))

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _poll_or_log(self, vendor: VendorSettings) -> None:
        try:
            await self._poll(vendor)
        except (FenliError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            log.error("what %s said of its balance could not be written down: %s", vendor.id, error)

    async def _poll(self, vendor: VendorSettings) -> Poll:
        poll = await ask(vendor, self._transport, self._clock)
        self._began[vendor.id] = poll.asked_at
        await asyncio.to_thread(add_poll, self._database, poll)
        self._report(vendor, self._last.get(vendor.id), poll)
        self._last[vendor.id] = poll
        return poll

    def _report(self, vendor: VendorSettings, before: Poll | None, poll: Poll) -> None:
        """Logs what has changed for the worse or the better."""
        if not poll.told:
            if before is None or before.outcome != poll.outcome:
                log.warning("%s does not tell what is left (%s): %s", poll.vendor, poll.outcome, poll.note)
            return
        if before is not None and not before.told:
            log.warning("%s tells again what is left", poll.vendor)
        floor = next((each.low_balance for each in self._desk.settings.vendors if each.id == vendor.id), None)
        low = low_holding(poll, vendor.currency, floor)
        if low is not None and (before is None or low_holding(before, vendor.currency, floor) is None):
            left = f"{decimal_of(low.picos)} {low.currency}"
            log.warning("%s has %s left: pay in before calls fail", poll.vendor, left)


def chosen(vendors: Mapping[str, VendorSettings], wanted: Collection[str]) -> list[VendorSettings]:
    """Those of ``vendors`` (all that are on and tell), all where none is named. Raises ConfigError for any other."""
    for name in wanted:
        if name not in vendors:
            able = [vendor for vendor, description in VENDORS.items() if description.balance is not None]
            known = ", ".join(vendors) or f"none; set a key of {', '.join(able)}"
            raise ConfigError(f"{name!r} is no vendor that is on and tells what is left: there are {known}")
    return [vendors[name] for name in dict.fromkeys(wanted)] or list(vendors.values())


def low_holding(poll: Poll, currency: str, floor: int | None) -> Holding | None:
    """The holding that is below ``floor`` (picos of the contract's ``currency``), or that serves no more calls."""
    if poll.balance is None:
        return None
    holdings = poll.balance.holdings
    of_contract = [holding for holding in holdings if holding.currency == currency] or list(holdings)
    if poll.balance.usable is False:
        return of_contract[0]
    if floor is None or len(of_contract) > 1:
        return None
    return of_contract[0] if of_contract[0].picos < floor else None


class _Said(NamedTuple):
    outcome: str
    note: str | None = None
    status: int | None = None
    balance: Balance | None = None
    reply: bytes | None = None


def _read(vendor: VendorSettings, reply: Fetched) -> _Said:
    description = VENDORS[vendor.adapter]
    assert description.balance is not None
    if reply.status in _ABSENT:
        return _Said(NOT_TOLD, f"HTTP {reply.status} at {description.balance.path}: check its base_url", reply.status)
    if reply.status != _FINE:
        failure = description.classify(reply.status, reply.headers, reply.body)
        return _Said(failure.kind, f"HTTP {reply.status}: {failure.message}", reply.status)
    currency = None if vendor.currency == NO_CURRENCY else vendor.currency
    try:
        balance = description.balance.read(reply.body, currency)
    except BalanceError as error:
        return _Said(NOT_TOLD, str(error), reply.status)
    return _Said(OK, None, reply.status, balance, reply.body)


def _span(settings: Settings, vendor: str) -> int | None:
    own = next((each.poll_balances for each in settings.vendors if each.id == vendor), None)
    return settings.poll_balances if own is None else own


def _masked(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text
