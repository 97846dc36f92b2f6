"""What a caller asks of a vendor and what costs nothing: it is no call, no budget is asked, and it is in no book."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from fenli.calls.replies import error_reply
from fenli.errors import Failure
from fenli.http.exchange import ServerExchange
from fenli.http.fetch import BODY_MAX, Fetched, Gathering
from fenli.http.transport import Deadlines, Request, Sending, Transport
from fenli.routing.targets import Target
from fenli.vendors.services import Service

JSON: Final = b"content-type: application/json\r\n"


class Unbooked:
    """One such request, answered once, after as many questions as it takes. Implements
    `fenli.http.exchange.ServerListener`. ``room``: the bytes of the largest answer."""

    deadlines: ClassVar[Deadlines]
    room: ClassVar[int] = BODY_MAX

    _target: Target

    __slots__ = ("_call", "_exchange", "_sending", "_target", "_transport")

    def __init__(self, transport: Transport, exchange: ServerExchange, call: str) -> None:
        self._transport = transport
        self._exchange = exchange
        self._call = call
        self._sending: Sending | None = None

    def client_gone(self) -> None:
        self._hang_up()

    def client_slow(self) -> None:
        pass

    def client_ready(self) -> None:
        pass

    @property
    def _service(self) -> Service:
        assert isinstance(self._target.vendor, Service)
        return self._target.vendor

    def _send(self, request: Request, done: Callable[[Fetched | Exception], None]) -> None:
        self._exchange.listener = self
        self._sending = self._transport.send(request, self.deadlines, Gathering(done, self.room))

    def _fail(self, failure: Failure, fetched: Fetched | Exception | None = None) -> None:
        headers = fetched.headers if isinstance(fetched, Fetched) else []
        self._reply(*error_reply(failure, self._target, headers, self._call))

    def _hang_up(self) -> None:
        """Nothing more is wanted of the vendor, though it may go on."""
        if self._sending is not None:
            self._sending.cancel()

    def _reply(self, status: int, lines: bytes, body: bytes) -> None:
        self._hang_up()
        self._exchange.listener = None
        self._exchange.reply(status, lines + b"x-request-id: %b\r\n" % self._call.encode() + self._label(), body)

    def _label(self) -> bytes:
        """Header lines that say who was asked."""
        return self._target.label
