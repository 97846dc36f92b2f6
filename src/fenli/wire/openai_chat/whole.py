"""An answer that comes in one piece: ``chat.completion``."""

from __future__ import annotations

from typing import Final

import msgspec

_ABSENT: Final = msgspec.Raw()


class _Choice(msgspec.Struct, gc=False):
    usage: msgspec.Raw = _ABSENT


class _Completion(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    service_tier: object = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Completion).decode

# What decoding raises for bytes that are no answer, however they were made.
NO_ANSWER: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

BYTES_PER_TOKEN: Final = 4  # of English or Chinese text in UTF-8, roughly; used for estimates only


def given(raw: msgspec.Raw) -> bytes | None:
    """The member's JSON, None where it is absent or null."""
    value = bytes(raw)
    return None if not value or value == b"null" else value


def with_cost(text: bytes, usage: bytes, cost: bytes) -> bytes:
    """``text`` with ``cost`` (JSON members) added at the end of its last ``usage`` object; as it is if it has none."""
    at = text.rfind(usage)
    if at < 0 or not usage.startswith(b"{"):
        return text
    at += len(usage) - 1
    separator = b"" if usage[1:-1].isspace() or len(usage) == 2 else b","
    return text[:at] + separator + cost + text[at:]


class WholeAnswer:
    """Implements `fenli.wire.answers.Answer` for a reply that is not streamed."""

    __slots__ = (
        "_body",
        "_pieces",
        "_size",
        "begun",
        "damage",
        "error",
        "finished",
        "limit",
        "model",
        "partial",
        "service_tier",
        "upstream_id",
        "usage",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.begun = False
        self.finished = False
        self.usage: bytes | None = None
        self.partial = False
        self.error: bytes | None = None
        self.damage: str | None = None
        self.upstream_id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._body = b""

    def refused(self, content_type: bytes) -> bool:
        return False

    def feed(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > self.limit:
            self.damage = f"the answer is larger than {self.limit} bytes"
            self._pieces.clear()
        else:
            self._pieces.append(data)
        return b""

    def end(self) -> None:
        pieces = self._pieces
        body = self._body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.damage is not None:
            return
        try:
            completion = _decode(body)
        except NO_ANSWER as error:
            self.damage = f"the answer is not a chat completion: {error}"
            return
        self.upstream_id = completion.id
        self.model = completion.model
        if isinstance(completion.service_tier, str):
            self.service_tier = completion.service_tier
        if completion.error is not _ABSENT:
            self.error = given(completion.error)
            if self.error is not None:
                return
        self.usage = given(completion.usage)
        if not completion.choices:
            self.damage = "the answer has no choices"
            return
        if self.usage is None:
            self.usage = given(completion.choices[-1].usage)
        self.begun = self.finished = True

    def tail(self, cost: bytes | None) -> bytes:
        if cost is None or self.usage is None:
            return self._body
        return with_cost(self._body, self.usage, cost)

    def in_one_piece(self, limit: int) -> WholeAnswer:
        return WholeAnswer(limit)

    def counted(self) -> int:
        return self._size // BYTES_PER_TOKEN

    def uncounted(self) -> int:
        return 0
