"""What a call asks its driver to do, in the order given.

A `Send` waits until every record before it has been written: no vendor hears of a call that the journal has not. So do
the `Closing` effects: whoever has a whole answer has it in the books.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fenli.budgets.purse import Need
from fenli.http.transport import Request
from fenli.ledger.records import Record
from fenli.prices.tariff import Rating
from fenli.routing.targets import Target
from fenli.vendors.contract import Headers


class Write(msgspec.Struct, frozen=True, gc=False):
    """More of a started reply."""

    data: bytes


class Start(msgspec.Struct, frozen=True, gc=False):
    """A streamed reply begins; ``headers`` are lines for the wire."""

    status: int
    headers: bytes
    data: bytes


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The call is over; its last record has been appended. ``cost`` is None while it is unknown, ``heard`` are the
    headers of the last attempt's answer; ``failed`` has the targets before it with theirs.

    An effect of its own only where nobody is left to be told.
    """

    outcome: str
    target: Target
    status: int
    usage: dict[str, int] | None
    cost: Rating | None
    first_content: int | None
    attempts: int
    heard: Headers = ()
    failed: tuple[tuple[Target, Headers], ...] = ()


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The started reply is complete behind ``data``, and the call over."""

    data: bytes
    ended: Ended


class Abort(msgspec.Struct, frozen=True, gc=False):
    """The started reply stays incomplete, and must be seen to, behind ``data``; the call is over."""

    data: bytes
    ended: Ended


class Reply(msgspec.Struct, frozen=True, gc=False):
    """The whole reply at once, and the call over."""

    status: int
    headers: bytes
    body: bytes
    ended: Ended


class Append(msgspec.Struct, frozen=True, gc=False):
    record: Record


class Send(msgspec.Struct, frozen=True, gc=False):
    attempt: int
    target: Target
    request: Request


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """A ticket is to be had for the target, then the attempt's request is to be made and sent. Waits for records as a
    `Send` does."""

    attempt: int
    target: Target
    ask: Any


class Inquire(msgspec.Struct, frozen=True, gc=False):
    """The attempt's vendor is to be asked how far the task is that it took on; what it says is `ServiceCall.heard`."""

    attempt: int
    request: Request


class Ask(msgspec.Struct, frozen=True, gc=False):
    """The office is to be asked for more of some budgets; then `Call.allowed` goes on. Comes alone."""

    needs: list[Need]


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Close the attempt's connection; nothing more is wanted from it."""

    attempt: int


Closing = Reply | Finish | Abort | Ended
Effect = Write | Start | Finish | Abort | Reply | Append | Send | Fetch | Inquire | Ask | Cancel | Ended
Effects = tuple[Effect, ...] | list[Effect]
