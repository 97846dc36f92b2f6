"""Tickets are had here: one request at a time for each credential, and the next one before the last runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from fenli.calls.attempt import failure_of
from fenli.clock import MILLISECOND, SECOND
from fenli.errors import Fault, TicketRefused, TimedOut
from fenli.http.fetch import Fetched, Gathering
from fenli.http.transport import Deadlines, Sending, Transport
from fenli.vendors.contract import retry_after_ms
from fenli.vendors.tickets import TicketHolder

log = logging.getLogger(__name__)

WITHIN: Final = 30 * SECOND
# A key that was refused is not tried again for a while: whoever tries one too often is locked out.
REFUSED_FOR: Final = 60 * SECOND
RENEWED_AGAIN: Final = 10 * SECOND
_DEADLINES: Final = Deadlines(connect=5 * SECOND, head=15 * SECOND, first_byte=15 * SECOND, idle=15 * SECOND)

Told = Callable[[TicketRefused | None], None]


class Tickets:
    """``ask`` for one; ``renew`` is to be called several times a second."""

    __slots__ = ("_fetches", "_known", "_now", "_numbers", "_transport")

    def __init__(self, transport: Transport, now: Callable[[], int]) -> None:
        self._transport = transport
        self._now = now
        self._fetches: dict[TicketHolder, _Fetch] = {}
        self._known: WeakValueDictionary[int, TicketHolder] = WeakValueDictionary()  # in the order they were asked for
        self._numbers = count()

    def ask(self, holder: TicketHolder, told: Told) -> None:
        """``told`` hears None once a ticket is there, else why not; at once where it is."""
        ticket = holder.ticket
        if ticket is not None and self._now() < ticket.good_until:
            told(None)
        elif holder in self._fetches:
            self._fetches[holder].told.append(told)
        else:
            self._begin(holder, told)

    def renew(self, now: int) -> None:
        """Asks for the next ticket of whoever used the last, and gives up what takes too long."""
        for holder, fetch in [*self._fetches.items()]:
            if now >= fetch.started + WITHIN:
                fetch.sending.cancel()
                self._over(holder, TimedOut("idle", f"no ticket within {WITHIN // SECOND} s", sent=True))
        for holder in [*self._known.values()]:
            ticket = holder.ticket
            due = ticket is not None and holder.used and now >= max(ticket.renewed_at, holder.asked_at + RENEWED_AGAIN)
            if due and holder not in self._fetches and holder.refusal(now) is None:
                self._begin(holder)

    def _begin(self, holder: TicketHolder, *told: Told) -> None:
        if holder not in self._known.values():
            self._known[next(self._numbers)] = holder
        holder.asked_at = self._now()
        gathering = Gathering(lambda fetched: self._over(holder, fetched))
        sending = self._transport.send(holder.booth.request, _DEADLINES, gathering)
        self._fetches[holder] = _Fetch(sending, holder.asked_at, [*told])

    def _over(self, holder: TicketHolder, fetched: Fetched | Exception) -> None:
        fetch = self._fetches.pop(holder)
        fetch.sending.cancel()  # of what was too large the rest is still to come
        refused = None
        try:
            if isinstance(fetched, Exception):
                raise TicketRefused(failure_of(fetched))
            holder.keep(holder.booth.read(fetched.status, fetched.headers, fetched.body, fetch.started))
        except TicketRefused as error:
            refused = _named(error, fetched)
            failure = refused.failure
            log.warning("%s: no ticket: %s", holder.booth.request.origin.host, failure.kind.value)
            if failure.fault is Fault.CREDENTIAL:
                holder.refuse(refused, self._now() + REFUSED_FOR)
            elif failure.retry_after_ms is not None:
                holder.refuse(refused, self._now() + min(failure.retry_after_ms * MILLISECOND, REFUSED_FOR))
        for told in fetch.told:
            try:
                told(refused)
            except Exception:
                log.exception("a call that waited for a ticket could not go on")


class _Fetch(msgspec.Struct):
    sending: Sending
    started: int
    told: list[Told]


def _named(refused: TicketRefused, fetched: Fetched | Exception) -> TicketRefused:
    """It is the ticket that was not to be had: nothing is said of the call. With the wait that the reply asks for."""
    failure = refused.failure
    detail = None if failure.detail is None else f"no ticket: {failure.detail}"
    wait = None if isinstance(fetched, Exception) else retry_after_ms(fetched.headers)
    message = f"no ticket: {failure.message}"
    return TicketRefused(msgspec.structs.replace(failure, message=message, detail=detail, retry_after_ms=wait))
