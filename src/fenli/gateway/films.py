"""``/v1/videos/{id}``: how far a video is, where it is, and calling it off. Nothing here costs anything: the clip was
paid for when it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from fenli.calls.attempt import failure_of
from fenli.calls.replies import error_reply
from fenli.clock import SECOND
from fenli.errors import CallRefused, Code, Failure, Kind
from fenli.gateway.driver import Desk
from fenli.http.exchange import ServerExchange
from fenli.http.fetch import Fetched, Gathering
from fenli.http.transport import Deadlines, Request, Sending
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key
from fenli.routing.targets import Target
from fenli.vendors.services import Service
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.services.tasks import Errand
from fenli.wire.services.videos import Film, Handle, Status, read_handle, video_object

_JSON: Final = b"content-type: application/json\r\n"
_DEADLINES: Final = Deadlines(connect=5 * SECOND, head=30 * SECOND, first_byte=30 * SECOND, idle=30 * SECOND)
CONTENT: Final = "/content"
# MiniMax's needs two: the task, and the address of its file.
STEPS_MAX: Final = 3


def find(directory: Directory, key: Key, text: str) -> tuple[Handle, Target]:
    """Raises CallRefused for an id that is not ours or belongs to somebody else, a model that the key may not call, or
    a vendor that is off."""
    handle = read_handle(text)
    if handle is None:
        raise _no_such()
    target = directory.plan_for(Capability.VIDEOS, handle.target).targets[0]
    if not handle.belongs(target.address.secret, key.owner):
        raise _no_such()
    if key.models is not None and handle.model not in key.models:
        raise CallRefused(Code.MODEL_NOT_ALLOWED, f"this key may not call {handle.model!r}", "model")
    return handle, target


class Following:
    """One question after one video. Implements `fenli.http.exchange.ServerListener`."""

    __slots__ = (
        "_call", "_exchange", "_handle", "_name", "_now", "_say", "_sending", "_steps", "_target", "_transport",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, exchange: ServerExchange, name: str, handle: Handle, target: Target, call: str
    ) -> None:
        self._transport = desk.transport
        self._now = desk.now
        self._exchange = exchange
        self._name = name
        self._handle = handle
        self._target = target
        self._call = call
        self._say: Callable[[Film], None] = self._tell
        self._sending: Sending | None = None
        self._steps = 0
        exchange.listener = self

    def tell(self) -> None:
        """Answers how far it is."""
        self._ask(self._service.inquiry(self._target.address, self._handle.task, self._now()))

    def hand_over(self) -> None:
        """Sends the caller to where the video is."""
        self._say = self._show
        self.tell()

    def cancel(self) -> None:
        """Calls it off. Raises CallRefused where the vendor has no way to."""
        errand = self._service.filming.cancelled(self._handle.task)
        if errand is None:
            message = f"{self._target.vendor_id} cannot call off a video that it was asked for: leave it alone"
            raise CallRefused(Code.BAD_REQUEST, message)
        self._send(self._request(errand), self._deleted)

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

    def _ask(self, request: Request) -> None:
        self._steps += 1
        self._send(request, self._heard)

    def _request(self, errand: Errand) -> Request:
        return self._service.errand(self._target.address, errand, self._now())

    def _send(self, request: Request, done: Callable[[Fetched | Exception], None]) -> None:
        self._sending = self._transport.send(request, _DEADLINES, Gathering(done))

    def _heard(self, fetched: Fetched | Exception) -> None:
        failure = self._failure(fetched)
        if failure is not None:
            self._fail(failure, fetched)
            return
        assert isinstance(fetched, Fetched)
        try:
            told = self._service.filming.told(fetched.body)
        except (ValueError, *NO_ANSWER) as error:
            self._fail(Failure(Kind.SERVER_ERROR, f"what it says of the video cannot be read: {error}"), fetched)
            return
        if isinstance(told, Film):
            self._say(told)
        elif self._steps < STEPS_MAX:
            self._ask(self._request(told))
        else:
            self._fail(Failure(Kind.SERVER_ERROR, "it sends from one place to the next"), fetched)

    def _deleted(self, fetched: Fetched | Exception) -> None:
        failure = self._failure(fetched)
        if failure is not None:
            self._fail(failure, fetched)
        else:
            self._reply(200, _JSON, msgspec.json.encode({"id": self._name, "object": "video.deleted", "deleted": True}))

    def _failure(self, fetched: Fetched | Exception) -> Failure | None:
        if isinstance(fetched, Exception):
            return failure_of(fetched)
        return self._service.failure(fetched.status, fetched.headers, fetched.body)

    def _fail(self, failure: Failure, fetched: Fetched | Exception) -> None:
        headers = fetched.headers if isinstance(fetched, Fetched) else []
        self._reply(*error_reply(failure, self._target, headers, self._call))

    def _tell(self, film: Film) -> None:
        video = {"id": self._name, **video_object(self._handle.model, self._handle.at, film)}
        self._reply(200, _JSON, msgspec.json.encode(video))

    def _show(self, film: Film) -> None:
        if film.status is not Status.COMPLETED:
            why = film.error or f"it is {film.status}: ask again in a few seconds"
            failure = Failure(Kind.BAD_REQUEST, f"there is no video to fetch, {why}")
            self._reply(*error_reply(failure, self._target, [], self._call))
        else:
            assert film.url is not None
            self._reply(302, b"location: %b\r\n" % film.url.encode(), b"")

    def _hang_up(self) -> None:
        """Nothing more is wanted of the vendor, though it may go on."""
        if self._sending is not None:
            self._sending.cancel()

    def _reply(self, status: int, lines: bytes, body: bytes) -> None:
        self._hang_up()
        self._exchange.listener = None
        self._exchange.reply(status, lines + b"x-request-id: %b\r\n" % self._call.encode() + self._target.label, body)


def _no_such() -> CallRefused:
    message = "there is no such video of yours: its id is what POST /v1/videos answered"
    return CallRefused(Code.PATH_NOT_FOUND, message)
