"""An answer that is streamed: ``chat.completion.chunk`` events, relayed as the bytes that came.

Nearly every chunk is only searched, never parsed: it is passed on whole unless it carries usage, an error, a finish
reason or the end mark. Those few are read, and the extra usage chunk is kept back for `tail`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, NO_ANSWER, WholeAnswer, given, with_cost
from fenli.wire.sse import BLANK_LINE, REACH, data_of, split_events

DONE: Final = b"data: [DONE]\n\n"
_EVENT_MAX: Final = 16 * 1024 * 1024
_EMPTY: Final = (b"", b"null", b'""', b"[]", b"{}")


class _Choice(msgspec.Struct):
    index: int = 0
    delta: dict[str, msgspec.Raw] | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Chunk(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    service_tier: object = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Chunk).decode


class StreamAnswer:
    """Implements `fenli.wire.answers.Answer` for server-sent events.

    ``wants_usage``: whether the caller asked for the usage chunk; one who did not never sees it.
    ``choices``: how many answers were asked for (``n``): a stream that ends without ``[DONE]`` is whole only when each
    of them has named its finish reason.
    """

    __slots__ = (
        "_choices", "_envelope", "_events", "_finished_choices", "_held", "_last", "_late", "_pair", "_received",
        "_rest", "_rest_size", "_usage_event", "_wants_usage", "begun", "damage", "error", "finished", "model",
        "partial", "service_tier", "upstream_id", "usage",
    )  # fmt: skip

    def __init__(self, wants_usage: bool, choices: int = 1) -> None:
        self.begun = False
        self.finished = False
        self.usage: bytes | None = None
        self.partial = False
        self.error: bytes | None = None
        self.damage: str | None = None
        self.upstream_id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self._wants_usage = wants_usage
        self._choices = choices
        self._finished_choices: set[int] = set()
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._held: list[bytes] = []
        self._last = b""
        self._late = b""
        self._usage_event: bytes | None = None
        self._events = 0
        self._received = 0
        self._envelope = 0
        self._pair = 0  # from this size on, bytes may be more than one event

    def refused(self, content_type: bytes) -> bool:
        return b"json" in content_type.lower()

    def feed(self, data: bytes) -> bytes:
        self._received += len(data)
        if self._rest:
            waits = self._rest_size <= _EVENT_MAX and self._ends_nowhere(data)
            self._rest.append(data)
            if waits:
                self._rest_size += len(data)
                return b""  # a large event is looked through and joined once, not with each of its pieces
            data = b"".join(self._rest)
            self._rest = []
        if self.begun and self._usage_event is None and data.endswith((b"\n\n", b"\r\n\r\n")) and _is_plain(data):
            self._events += 1 if len(data) < self._pair else data.count(b"\n\n") or 1
            self._last = data
            return data
        return self._read(data)

    def end(self) -> None:
        if self.error is not None or self.finished:
            return
        rest = b"".join(self._rest)
        self._rest = []
        if rest:
            self._read_last(rest)
        for event in split_events(self._last)[0]:
            self._note_finish(event)
        if len(self._finished_choices) >= self._choices:
            self.finished = True

    def tail(self, cost: bytes | None) -> bytes:
        event = self._usage_event
        if event is None:
            return self._late + (DONE if self.usage is None else as_comment(self.usage) + DONE)
        if cost is not None and self.usage is not None:
            event = with_cost(event, self.usage, cost)
        return self._late + event + DONE

    def in_one_piece(self, limit: int) -> WholeAnswer:
        return WholeAnswer(limit)

    def counted(self) -> int:
        """At least one token an event; more where the events are long."""
        content = self._received - self._events * self._envelope
        return max(self._events, content // BYTES_PER_TOKEN)

    def uncounted(self) -> int:
        return 0

    def _ends_nowhere(self, data: bytes) -> bool:
        """Whether no event ends in ``data``, which follows the rest."""
        if b"\n\n" in data:
            return False
        if b"\n" not in data and b"\r" not in data:
            return True
        before = b"".join([piece[-REACH:] for piece in self._rest[-REACH:]])
        return BLANK_LINE.search(before[-REACH:] + data) is None

    def _read(self, data: bytes) -> bytes:
        events, rest = split_events(data)
        out: list[bytes] = []
        for event in events:
            if self.finished or self.damage is not None or self.error is not None:
                break
            payload = data_of(event)
            if not payload or payload.isspace():
                self._received -= len(event)
                if self.begun:
                    out.append(event)
            elif payload.strip() == b"[DONE]":
                self.finished = True
            else:
                self._chunk(event, payload, out)
        if rest:
            self._rest = [rest]
            self._rest_size = len(rest)
            if self._rest_size > _EVENT_MAX:
                self.damage = self.damage or f"an event is larger than {_EVENT_MAX} bytes"
                self._rest = []
        if not self.begun and self._received > _EVENT_MAX:
            self.damage = self.damage or f"no content came within {_EVENT_MAX} bytes"
        return b"".join(out)

    def _read_last(self, rest: bytes) -> None:
        """A last event without its blank line counts if it is whole; one that was cut off never happened."""
        event = rest + b"\n\n"
        payload = data_of(event)
        if payload is None:
            return
        if payload.strip() != b"[DONE]":
            try:
                _decode(payload)
            except NO_ANSWER:
                return
        self._late = self._read(event)

    def _chunk(self, event: bytes, payload: bytes, out: list[bytes]) -> None:
        try:
            chunk = _decode(payload)
        except NO_ANSWER as error:
            self.damage = f"a chunk of the stream is not a chat completion chunk: {error}"
            return
        self.error = given(chunk.error)
        if self.error is not None:
            return
        self.upstream_id = self.upstream_id or chunk.id
        self.model = self.model or chunk.model
        if isinstance(chunk.service_tier, str):
            self.service_tier = chunk.service_tier
        choices = chunk.choices or ()
        usage = given(chunk.usage)
        last = not choices
        for choice in choices:
            usage = usage or given(choice.usage)
            if choice.finish_reason not in (None, "", "null"):
                self._finished_choices.add(choice.index)
                last = True
                self._begin(out)
            elif not self.begun and choice.delta and (content := _content(choice.delta)):
                self._begin_with(event, content, out)
        self._events += 1
        # Usage may come on every chunk and only the last one is final: one that may be the last is kept for `tail`.
        waiting = out if self.begun else self._held
        if self._usage_event is not None:
            waiting.append(self._usage_event)
            self._usage_event = None
        if usage is not None:
            self.usage = usage
            self.partial = not last
        if usage is None or not last:
            waiting.append(event)
        elif choices or self._wants_usage:
            self._usage_event = event

    def _begin_with(self, event: bytes, content: int, out: list[bytes]) -> None:
        """``event`` is the first that has any content: so many bytes."""
        self._envelope = max(0, len(event) - content)
        self._pair = self._envelope * 3 // 2
        self._begin(out)

    def _begin(self, out: list[bytes]) -> None:
        if not self.begun:
            self.begun = True
            out += self._held
            self._held.clear()

    def _note_finish(self, event: bytes) -> None:
        try:
            chunk = _decode(data_of(event) or b"{}")
        except NO_ANSWER:
            return  # it has been passed on, and says nothing of an end
        for choice in chunk.choices or ():
            if choice.finish_reason not in (None, "", "null"):
                self._finished_choices.add(choice.index)


def as_comment(usage: bytes) -> bytes:
    """Usage for a caller who did not ask: programs skip a comment, people who watch the stream read it."""
    return b': {"usage":' + b" ".join(usage.split()) + b"}\n\n"


def _is_plain(data: bytes) -> bool:
    """True when nothing in these whole events can concern us. Text inside a JSON string has its quotes escaped, so a
    match is always a real member; ``"usage":null`` is the common one that means nothing."""
    at = data.find(b'"usage"')
    if at >= 0 and not (data.startswith(b":null", at + 7) and data.find(b'"usage"', at + 12) < 0):
        return False
    return b'"error"' not in data and b'"finish_reason":"' not in data and b"[DONE]" not in data


def _content(delta: dict[str, msgspec.Raw]) -> int:
    """Bytes of content in a delta; 0 when it carries none (a role alone is no content)."""
    return sum(len(value) for name, value in map(_member, delta.items()) if name != "role" and value not in _EMPTY)


def _member(item: tuple[str, msgspec.Raw]) -> tuple[str, bytes]:
    return item[0], bytes(item[1])
