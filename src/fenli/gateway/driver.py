"""Between one call and the world: performs its effects, brings it its events. Loop and sockets come from outside."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from fenli.budgets.purse import Lease, Need, Purse
from fenli.calls.call import Call
from fenli.calls.effects import (
    Abort,
    Append,
    Ask,
    Cancel,
    Closing,
    Effects,
    Ended,
    Fetch,
    Finish,
    Inquire,
    Reply,
    Send,
    Start,
    Write,
)
from fenli.calls.service import ServiceCall
from fenli.clock import SECOND, Clock
from fenli.errors import CallRefused, Code, Failure, Kind, TicketNeeded, TicketRefused
from fenli.gateway.recorder import Recorder
from fenli.gateway.tickets import Tickets
from fenli.http.fetch import Fetched, Gathering
from fenli.http.transport import Deadlines, Request, Sending, Transport

log = logging.getLogger(__name__)

# One question after a task; it is asked again later.
INQUIRING: Final = Deadlines(connect=5 * SECOND, head=30 * SECOND, first_byte=30 * SECOND, idle=30 * SECOND)
_SILENT: Final = "a budget binds this call and the office that keeps it does not answer: retry in a few seconds"
_BROKEN: Final = "the call could not be made, for a fault of the gateway's own: retry, or ask who runs it for the log"


class Listener(Protocol):
    def client_gone(self) -> None: ...
    def client_slow(self) -> None: ...
    def client_ready(self) -> None: ...


class Exchange(Protocol):
    """The caller's side: what `fenli.http.server` gives, or the simulator."""

    listener: Listener | None

    def reply(self, status: int, headers: bytes, body: bytes) -> None: ...
    def start(self, status: int, headers: bytes) -> None: ...
    def write(self, data: bytes) -> None: ...
    def finish(self, data: bytes = b"") -> None: ...
    def abort(self) -> None: ...


class Lender(Protocol):
    """Whoever may have more of a budget: `fenli.gateway.leases`, or the simulator."""

    def ask(self, needs: list[Need], told: Callable[[bool | None], None]) -> None: ...
    def fill(self, low: list[Lease]) -> None: ...


class Desk:
    """What every call of a worker shares. ``ended`` is told of each call that is over, ``drivers`` holds the others.

    ``refuse`` answers a caller whose call cannot be made.
    """

    __slots__ = ("drivers", "ended", "lender", "now", "purse", "recorder", "refuse", "tickets", "transport")

    def __init__(
        self,
        clock: Clock,
        transport: Transport,
        recorder: Recorder,
        ended: Callable[[Call, Ended, int], None],
        purse: Purse,
        lender: Lender,
        refuse: Callable[[Any, CallRefused], None],
    ) -> None:
        self.now = clock.now
        self.transport = transport
        self.recorder = recorder
        self.ended = ended
        self.purse = purse
        self.lender = lender
        self.refuse = refuse
        self.tickets = Tickets(transport, clock.now)
        self.drivers: dict[CallDriver, None] = {}  # in the order they began

    def begin(self, call: Call, exchange: Exchange) -> None:
        driver = CallDriver(self, self.now, call, exchange)
        exchange.listener = driver
        self.drivers[driver] = None
        try:
            driver.perform(call.begin(call.started))
        except Exception:  # refused, or a bug that the server answers with 500: nothing stays behind
            self.drivers.pop(driver, None)
            exchange.listener = None
            raise
        if self.purse.low:
            self.lender.fill(self.purse.low)

    def wake(self) -> None:
        """To be called several times a second: lets the calls whose deadline has passed know."""
        now = self.now()
        self.tickets.renew(now)
        for driver in [driver for driver in self.drivers if driver.call.wake_at <= now]:
            try:
                driver.perform(driver.call.wake(now))
            except Exception:
                log.exception("call %s could not be woken", driver.call.id)


class CallDriver(msgspec.Struct, eq=False):
    """``sendings``: the requests under way, by attempt; one may outlive its call by the end of its reply."""

    _desk: Desk
    now: Callable[[], int]
    call: Call
    exchange: Exchange | None
    sendings: dict[int, Sending] = {}

    def client_gone(self) -> None:
        self.perform(self.call.client_gone(self.now()))
        self.client_ready()  # who is read on for its usage must not stay paused for a caller who left

    def client_slow(self) -> None:
        for sending in self.sendings.values():
            sending.pause()

    def client_ready(self) -> None:
        for sending in self.sendings.values():
            sending.resume()

    def perform(self, effects: Effects) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        recorder = self._desk.recorder
        for effect in effects:
            kind = type(effect)
            if kind is Write:
                exchange.write(effect.data)  # type: ignore[union-attr]
            elif kind is Append:
                recorder.append(effect.record)  # type: ignore[union-attr]
            elif kind is Reply or kind is Finish:
                recorder.at_last(self, effect)  # type: ignore[arg-type]
            elif kind is Send:
                recorder.after(self, effect)  # type: ignore[misc]
            elif kind is Start:
                exchange.start(effect.status, effect.headers)  # type: ignore[union-attr]
                exchange.write(effect.data)  # type: ignore[union-attr]
            elif kind is Cancel:
                self.hang_up(effect.attempt)  # type: ignore[union-attr]
            elif kind is Ask:
                self._desk.lender.ask(effect.needs, self.told)  # type: ignore[union-attr]
            elif kind is Fetch:
                self._fetch(effect)  # type: ignore[arg-type]
            elif kind is Inquire:
                self._inquire(effect.attempt, effect.request)  # type: ignore[union-attr]
            else:
                recorder.at_last(self, effect)  # type: ignore[arg-type]

    def _fetch(self, effect: Fetch) -> None:
        assert effect.target.address.ticket is not None
        refused = effect.target.address.ticket.refusal(self.now())
        if refused is None:
            self._desk.recorder.after(Fetching(self, self._desk.tickets), effect)
        else:
            self.perform(self.call.failed(effect.attempt, refused, self.now()))

    def _inquire(self, number: int, request: Request) -> None:
        heard = partial(self._heard, number)
        self.sendings[number] = self._desk.transport.send(request, INQUIRING, Gathering(heard))

    def _heard(self, number: int, fetched: Fetched | Exception) -> None:
        self.hang_up(number)  # of what was too large to hear the rest is still to come
        call = self.call
        assert isinstance(call, ServiceCall)
        if isinstance(fetched, Exception):
            self.perform(call.unheard(number, fetched, self.now()))
        else:
            self.perform(call.heard(number, *fetched, self.now()))

    def told(self, met: bool | None) -> None:
        """What the office said to an `Ask`; None where it said nothing."""
        exchange = self.exchange
        if exchange is None:
            return
        try:
            if met is None:
                raise CallRefused(Code.BUDGET_UNAVAILABLE, _SILENT)
            self.perform(self.call.allowed(self.now(), met=met))
        except CallRefused as refusal:
            self._refuse(exchange, refusal)
        except Exception:
            log.exception("call %s could not go on", self.call.id)
            self._refuse(exchange, CallRefused(Code.INTERNAL_ERROR, _BROKEN))

    def close(self, effect: Closing, now: int) -> None:
        """The last of a call, once its end is written."""
        exchange, desk = self.exchange, self._desk
        if exchange is None:
            return
        kind = type(effect)
        try:
            if kind is Reply:
                exchange.reply(effect.status, effect.headers, effect.body)  # type: ignore[union-attr]
            elif kind is Finish:
                exchange.finish(effect.data)  # type: ignore[union-attr]
            elif kind is Abort:
                exchange.write(effect.data)  # type: ignore[union-attr]
                exchange.abort()
        finally:
            desk.drivers.pop(self, None)
            self.exchange = exchange.listener = None
            desk.ended(self.call, effect if kind is Ended else effect.ended, now)  # type: ignore[union-attr, arg-type]

    def send(self, effect: Send, now: int) -> None:
        if not self.call.sending(effect.attempt, now):
            return
        receiver = AttemptReceiver(self, self.call, effect.attempt)
        self.sendings[effect.attempt] = self._desk.transport.send(effect.request, effect.target.transport, receiver)

    def journal_failed(self, effect: Send, *, written: bool) -> None:
        self.perform(self.call.journal_failed(effect.attempt, self.now(), written=written))

    def hang_up(self, number: int) -> None:
        """Nothing more is wanted from this vendor, whatever it goes on to say."""
        sending = self.sendings.pop(number, None)
        if sending is not None:
            sending.cancel()

    def _refuse(self, exchange: Exchange, refusal: CallRefused) -> None:
        self.exchange = None
        self._desk.drivers.pop(self, None)
        exchange.listener = None
        self._desk.refuse(exchange, refusal)


class Fetching:
    """One attempt that waits for its target's ticket, once its hold is written: a `fenli.gateway.recorder.Waiter`."""

    __slots__ = ("_driver", "_tickets")

    def __init__(self, driver: CallDriver, tickets: Tickets) -> None:
        self._driver = driver
        self._tickets = tickets

    def send(self, effect: Fetch, now: int) -> None:
        holder = effect.target.address.ticket
        assert holder is not None
        if self._driver.call.fetching(effect.attempt):
            self._tickets.ask(holder, lambda refused: self._told(effect, refused))

    def close(self, effect: Closing, now: int) -> None:
        self._driver.close(effect, now)

    def journal_failed(self, effect: Fetch, *, written: bool) -> None:
        self._driver.perform(self._driver.call.journal_failed(effect.attempt, self._driver.now(), written=written))

    def _told(self, effect: Fetch, refused: TicketRefused | None) -> None:
        driver, target = self._driver, effect.target
        now = driver.now()
        if refused is None:
            try:
                request = target.vendor.request(target.address, effect.ask, now)
            except TicketNeeded:
                refused = TicketRefused(Failure(Kind.TIMEOUT, "the ticket that it lent had run out on arrival"))
        if refused is not None:
            driver.perform(driver.call.failed(effect.attempt, refused, now))
        else:
            driver.send(Send(effect.attempt, target, request), now)


class AttemptReceiver(msgspec.Struct, eq=False):
    """Implements `fenli.http.transport.Receiver` for one attempt."""

    _driver: CallDriver
    _call: Call
    _number: int

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._call.head(self._number, status, headers)

    def body_received(self, data: bytes) -> None:
        driver = self._driver
        effects = self._call.body(self._number, data, driver.now())
        if effects:
            driver.perform(effects)
        elif driver.exchange is None:
            driver.hang_up(self._number)

    def completed(self) -> None:
        driver = self._driver
        driver.sendings.pop(self._number, None)
        effects = self._call.complete(self._number, driver.now())
        if effects:
            driver.perform(effects)

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        driver = self._driver
        driver.sendings.pop(self._number, None)
        effects = self._call.answered(self._number, status, headers, body, driver.now())
        if effects:
            driver.perform(effects)

    def failed(self, error: Exception) -> None:
        driver = self._driver
        driver.sendings.pop(self._number, None)
        effects = self._call.failed(self._number, error, driver.now())
        if effects:
            driver.perform(effects)
