"""An answer to anything but chat: it comes in one piece, and a `Codec` says what it is."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, runtime_checkable

import msgspec

from fenli.errors import CallRefused, UsageError
from fenli.wire.answers import Answer
from fenli.wire.openai_chat.failures import FailureReader
from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, NO_ANSWER, given, with_cost
from fenli.wire.services.request import ServiceRequest

JSON: Final = b"content-type: application/json\r\n"
ANSWER_MAX: Final = 64 * 1024 * 1024
_ABSENT: Final = msgspec.Raw()
_decode_text = msgspec.json.Decoder(str).decode


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller gets. ``usage`` is JSON that tells what was used: the vendor's own object, or what the answer
    itself comes to where it has none (``{"images":2}``); None where neither does. ``shown`` is the usage object as it
    stands in ``body``; ``lines`` are header lines.
    ``task``: what is to be asked after, where the answer is not there yet; ``body`` begins with it as its id, or is
    empty where nobody is to see it (`fenli.wire.services.tasks`)."""

    body: bytes
    usage: bytes | None
    shown: bytes | None = None
    lines: bytes = JSON
    id: str | None = None
    model: str | None = None
    task: str | None = None


class Reply(NamedTuple):
    """What came back: ``content_type`` as its header said, ``at`` the instant of the request in ns."""

    data: bytes
    content_type: bytes
    at: int


class Codec(Protocol):
    """How one vendor is asked for one capability, and how its answer is read. No I/O, no clock."""

    def check(self, ask: ServiceRequest) -> None:
        """Raises CallRefused for what this vendor cannot be told, naming it and what to do."""

    def body(self, ask: ServiceRequest, model: bytes) -> bytes:
        """The vendor's request; ``model`` is its own name for it, as JSON. Only for what `check` lets pass."""

    def read(self, ask: ServiceRequest, reply: Reply) -> Delivered:
        """Raises ValueError for what is no answer; `fenli.wire.openai_chat.whole.NO_ANSWER` come of themselves."""

    def meters(self, raw: bytes) -> dict[str, int]:
        """Out of `Delivered.usage`. Raises UsageError for what does not count."""


@runtime_checkable
class Streaming(Codec, Protocol):
    """A codec whose answers may come in pieces."""

    def streamed(self, ask: ServiceRequest, failures: FailureReader | None) -> Answer:
        """A reader of them, for what is asked for so."""


class _Failing(msgspec.Struct):
    error: msgspec.Raw = _ABSENT


_decode_failing = msgspec.json.Decoder(_Failing).decode


class ServiceAnswer:
    """Implements `fenli.wire.answers.Answer`. ``content_type`` is told before the end; ``lines`` are header lines for
    the caller. ``failures`` is where the vendor tells one beside ``error``."""

    __slots__ = (
        "_ask", "_at", "_codec", "_delivered", "_failures", "_pieces", "_size", "begun", "content_type", "damage",
        "error", "finished", "model", "partial", "service_tier", "upstream_id", "usage",
    )  # fmt: skip

    def __init__(self, codec: Codec, ask: ServiceRequest, failures: FailureReader | None, at: int) -> None:
        self.begun = False
        self.finished = False
        self.usage: bytes | None = None
        self.partial = False
        self.error: bytes | None = None
        self.damage: str | None = None
        self.upstream_id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self.content_type = b""
        self._codec = codec
        self._ask = ask
        self._failures = failures
        self._at = at
        self._pieces: list[bytes] = []
        self._size = 0
        self._delivered: Delivered | None = None

    @property
    def task(self) -> str | None:
        return None if self._delivered is None else self._delivered.task

    @property
    def awaited(self) -> bool:
        """All that there is of it is a task."""
        return self._delivered is not None and not self._delivered.body

    def arrived(self, delivered: Delivered) -> None:
        """What came of the task. What it is called upstream stays the name that it was asked after by."""
        self._delivered = delivered
        self.usage, self.model = delivered.usage, delivered.model

    def fell_through(self, error: bytes) -> None:
        """Nothing came of the task; ``error`` says why, as the vendor's own do."""
        self.begun = self.finished = False
        self.error = error

    @property
    def lines(self) -> bytes:
        return JSON if self._delivered is None else self._delivered.lines

    def refused(self, content_type: bytes) -> bool:
        return False

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > ANSWER_MAX:
            self.damage = f"the answer is larger than {ANSWER_MAX} bytes"
            self._pieces.clear()
        else:
            self._pieces.append(data)
        return b""

    def end(self) -> None:
        if self.damage is not None:
            return
        body = b"".join(self._pieces)
        failed = self._tells_failure(body)
        if failed:
            self.error = body
        try:
            delivered = self._codec.read(self._ask, Reply(body, self.content_type, self._at))
        except (ValueError, CallRefused, *NO_ANSWER) as error:
            if not failed:
                self.damage = f"the answer is not what was asked for: {error}"
            return
        if failed:
            self.usage = self._used(delivered.usage)
            return
        self._delivered = delivered
        self.usage, self.upstream_id, self.model = delivered.usage, delivered.id, delivered.model
        self.begun = self.finished = True

    def tail(self, cost: bytes | None) -> bytes:
        """The whole answer; the cost stands in its usage. What is no JSON has no place for it: see `ServiceCall`."""
        assert self._delivered is not None
        body, shown = self._delivered.body, self._delivered.shown
        if cost is None or self._delivered.lines is not JSON:
            return body
        if shown is not None:
            return with_cost(body, shown, cost)
        return b'%b,"usage":{%b}}' % (body.rstrip()[:-1], cost)

    def in_one_piece(self, limit: int) -> ServiceAnswer:
        return ServiceAnswer(self._codec, self._ask, self._failures, self._at)

    def counted(self) -> int:
        return self._size // BYTES_PER_TOKEN

    def uncounted(self) -> int:
        return 0

    def _used(self, usage: bytes | None) -> bytes | None:
        """What a failure says that it used all the same, which may be charged."""
        try:
            return usage if usage is not None and any(self._codec.meters(usage).values()) else None
        except UsageError:
            return None

    def _tells_failure(self, body: bytes) -> bool:
        if body.lstrip()[:1] != b"{":
            return False
        if self._failures is not None and self._failures.told(body) is not None:
            return True
        try:
            return given(_decode_failing(body).error) is not None
        except NO_ANSWER:
            return False


def text_in(member: msgspec.Raw | None) -> str | None:
    """What a member of an answer says; None where it is no text."""
    return _decode_text(member) if member is not None and bytes(member)[:1] == b'"' else None
