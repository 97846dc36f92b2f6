"""Tickets: what some vendors lend for a key, for a while, and take in its place.

    Booth         where one is had, with one credential: a request, and how to read the reply
    TicketHolder  the ticket that this credential has at the moment; every address of it shares one
    TicketRack    the holders of a process: they outlive the snapshot that they were made for

A vendor asks its address's holder for the text; the holder raises TicketNeeded where there is none that is good. Who
performs calls has it fetched then, and before it runs out (`fenli.gateway.tickets`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from fenli.clock import SECOND
from fenli.errors import TicketNeeded, TicketRefused
from fenli.http.transport import Request

# Of a ticket's life: how long before its end it is renewed, and no longer used, at most.
_RENEWED: Final = 3_600 * SECOND
_UNUSED: Final = 30 * SECOND


class Ticket(msgspec.Struct, frozen=True):
    """``since`` and ``until`` are instants."""

    text: str
    since: int
    until: int

    def __repr__(self) -> str:
        return f"Ticket(since={self.since}, until={self.until})"

    @property
    def renewed_at(self) -> int:
        """When it is time for the next one: an hour before its end, or a tenth of its life."""
        return self.until - min(_RENEWED, (self.until - self.since) // 10)

    @property
    def good_until(self) -> int:
        """The vendor's clock is not ours, and a request is under way for a while."""
        return self.until - min(_UNUSED, (self.until - self.since) // 20)


ReadTicket = Callable[[int, Sequence[tuple[bytes, bytes]], bytes, int], Ticket]


class Booth(msgspec.Struct, frozen=True):
    """``read`` makes a ticket of status, headers, body and the instant of the request. It raises TicketRefused.

    It shows itself without the credential that is in its request.
    """

    request: Request
    read: ReadTicket

    def __repr__(self) -> str:
        return f"Booth({self.request.origin})"


class TicketHolder:
    """``used``: the ticket has been asked for since it came. ``asked_at``: when the vendor was last asked for one."""

    __slots__ = ("__weakref__", "_refused", "_refused_until", "asked_at", "booth", "ticket", "used")

    def __init__(self, booth: Booth) -> None:
        self.booth = booth
        self.ticket: Ticket | None = None
        self.used = False
        self.asked_at = 0
        self._refused: TicketRefused | None = None
        self._refused_until = 0

    def __repr__(self) -> str:
        return f"TicketHolder({self.booth}, {self.ticket})"

    def text(self, now: int) -> str:
        """Raises TicketNeeded where there is none that is good at ``now``."""
        ticket = self.ticket
        if ticket is None or now >= ticket.good_until:
            raise TicketNeeded(f"no ticket of {self.booth.request.origin.host} is at hand")
        self.used = True
        return ticket.text

    def keep(self, ticket: Ticket) -> None:
        self.ticket, self.used, self._refused = ticket, False, None

    def refuse(self, refused: TicketRefused, until: int) -> None:
        """There is no sense in asking again before ``until``."""
        self._refused, self._refused_until = refused, until

    def refusal(self, now: int) -> TicketRefused | None:
        return self._refused if now < self._refused_until else None

    def spoil(self, at: int) -> None:
        """The vendor no longer takes the ticket of the instant ``at``; one that has come since is another."""
        if self.ticket is not None and self.ticket.since <= at:
            self.ticket = None


class TicketRack:
    """A holder lives as long as any address needs it."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: WeakValueDictionary[Booth, TicketHolder] = WeakValueDictionary()

    def shared(self, holder: TicketHolder) -> TicketHolder:
        """The one of the same credential that was here first, else ``holder``."""
        return self._holders.setdefault(holder.booth, holder)
