"""Answers that may tell a failure in a member of their own, where the status says 200 and no ``error`` stands.

The readers here are for vendors that do so; the others' readers know nothing of it, and pay nothing for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from fenli.wire.openai_chat.stream import StreamAnswer
from fenli.wire.openai_chat.whole import NO_ANSWER, WholeAnswer

_FINE = (None, 0, "0", "")


class FailurePlace(msgspec.Struct, frozen=True):
    """``code`` and ``message`` are members of the body, or of its member ``within``. A code of 0 says that all is well,
    and so does none."""

    code: str
    message: str
    within: str = ""


class FailureReader:
    """Finds a failure in any of its places; the first counts."""

    __slots__ = ("_alarm", "_decode", "_places")

    def __init__(self, places: tuple[FailurePlace, ...]) -> None:
        tops = dict.fromkeys(name for place in places if not place.within for name in (place.code, place.message))
        inner = {
            place.within: msgspec.defstruct("Told", [(place.code, object, None), (place.message, object, None)]) | None
            for place in places
            if place.within
        }
        body = msgspec.defstruct(
            "Body", [(name, kind, None) for name, kind in (dict.fromkeys(tops, object) | inner).items()]
        )
        codes = b"|".join(re.escape(place.code.encode()) for place in places)
        self._places = places
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(body).decode
        # Text inside a JSON string has its quotes escaped, so that this only ever finds members.
        self._alarm = re.compile(rb'"(?:%b)"\s*:\s*+(?!(?:0|null|"0?")\s*[,}])' % codes)

    def may_tell(self, data: bytes) -> bool:
        """Whether these whole events hold a code that says anything but that all is well."""
        return self._alarm.search(data) is not None

    def told(self, body: bytes) -> tuple[str, str] | None:
        """The code and the message, None where the body tells no failure."""
        try:
            found = self._decode(body)
        except NO_ANSWER:
            return None
        for place in self._places:
            where = getattr(found, place.within) if place.within else found
            code = None if where is None else getattr(where, place.code)
            if code not in _FINE:
                return str(code), str(getattr(where, place.message) or "")
        return None


class TellingStream(StreamAnswer):
    """A stream with chunks that may tell a failure."""

    __slots__ = ("_failures",)

    def __init__(self, failures: FailureReader, wants_usage: bool, choices: int = 1) -> None:
        super().__init__(wants_usage, choices)
        self._failures = failures

    def feed(self, data: bytes) -> bytes:
        if self._ends_nowhere(data) if self._rest else not self._failures.may_tell(data):
            return super().feed(data)  # no event ends here, or nothing is told here
        self._received += len(data)
        data = b"".join((*self._rest, data))
        self._rest = []
        return self._read(data)

    def _chunk(self, event: bytes, payload: bytes, out: list[bytes]) -> None:
        if self._failures.told(payload) is None:
            super()._chunk(event, payload, out)
        else:
            self.error = payload

    def in_one_piece(self, limit: int) -> WholeAnswer:
        return TellingWhole(self._failures, limit)


class TellingWhole(WholeAnswer):
    """An answer in one piece that may be a failure."""

    __slots__ = ("_failures",)

    def __init__(self, failures: FailureReader, limit: int) -> None:
        super().__init__(limit)
        self._failures = failures

    def end(self) -> None:
        super().end()
        if self._size <= self.limit and self._failures.told(self._body) is not None:
            self.begun = self.finished = False
            self.damage, self.error = None, self._body

    def in_one_piece(self, limit: int) -> WholeAnswer:
        return TellingWhole(self._failures, limit)
