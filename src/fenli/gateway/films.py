"""``/v1/videos/{id}``: how far a video is, where it is, and calling it off. Nothing here costs anything: the clip was
paid for when it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from fenli.calls.attempt import failure_of
from fenli.errors import CallRefused, Code, Failure, Kind
from fenli.gateway.driver import INQUIRING, Desk
from fenli.gateway.unbooked import JSON, Unbooked
from fenli.http.exchange import ServerExchange
from fenli.http.fetch import Fetched
from fenli.http.transport import Request
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Key
from fenli.routing.targets import Target
from fenli.wire.capabilities import Capability
from fenli.wire.openai_chat.whole import NO_ANSWER
from fenli.wire.services.tasks import Errand
from fenli.wire.services.videos import Film, Handle, Status, read_handle, video_object

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


class Following(Unbooked):
    """One question after one video."""

    deadlines = INQUIRING

    __slots__ = ("_handle", "_name", "_now", "_say", "_steps")

    def __init__(
        self, desk: Desk, exchange: ServerExchange, name: str, handle: Handle, target: Target, call: str
    ) -> None:
        super().__init__(desk.transport, exchange, call)
        self._target = target
        self._now = desk.now
        self._name = name
        self._handle = handle
        self._say: Callable[[Film], None] = self._tell
        self._steps = 0

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

    def _ask(self, request: Request) -> None:
        self._steps += 1
        self._send(request, self._heard)

    def _request(self, errand: Errand) -> Request:
        return self._service.errand(self._target.address, errand, self._now())

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
            self._reply(200, JSON, msgspec.json.encode({"id": self._name, "object": "video.deleted", "deleted": True}))

    def _failure(self, fetched: Fetched | Exception) -> Failure | None:
        if isinstance(fetched, Exception):
            return failure_of(fetched)
        return self._service.failure(fetched.status, fetched.headers, fetched.body)

    def _tell(self, film: Film) -> None:
        video = {"id": self._name, **video_object(self._handle.model, self._handle.at, film)}
        self._reply(200, JSON, msgspec.json.encode(video))

    def _show(self, film: Film) -> None:
        if film.status is not Status.COMPLETED:
            why = film.error or f"it is {film.status}: ask again in a few seconds"
            self._fail(Failure(Kind.BAD_REQUEST, f"there is no video to fetch, {why}"))
        else:
            assert film.url is not None
            self._reply(302, b"location: %b\r\n" % film.url.encode(), b"")


def _no_such() -> CallRefused:
    message = "there is no such video of yours: its id is what POST /v1/videos answered"
    return CallRefused(Code.PATH_NOT_FOUND, message)
