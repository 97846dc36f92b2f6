"""Answers in another dialect than the caller's, said again in OpenAI's words.

    bytes ──Frames──> messages ──Reader──> Said ──ChatWriter──> chunks, or one completion

A `Reader` is all that a dialect has to bring: it says what each message of the vendor's means. Both answers here keep
to `fenli.wire.answers.Answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from fenli.errors import UsageError
from fenli.wire.frames import Frames, WholeFrame
from fenli.wire.openai_chat.stream import DONE, as_comment
from fenli.wire.openai_chat.whole import BYTES_PER_TOKEN, NO_ANSWER, given, with_cost
from fenli.wire.openai_chat.writer import ChatWriter

_encode = msgspec.json.encode
ANSWER_MAX: Final = 64 * 1024 * 1024
_MESSAGE: Final = 64  # bytes that any message takes here at least, however little it says
# What some say of how an answer ended while it goes on.
_UNFINISHED: Final = ("", "null")
_Words = TypeVar("_Words")


class CallPart(msgspec.Struct, frozen=True, gc=False):
    """A part of a tool call: its id and name with the first part of each ``index``, and more of its arguments.

    ``members`` are further members of the call, with its first part.
    """

    index: int = 0
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    members: dict[str, Any] | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one message of an answer says of one choice: only what is new since the message before it.

    ``finish`` is OpenAI's word (stop, length, tool_calls, content_filter). ``usage`` and ``error`` are the vendor's own
    objects, as JSON. ``ended``: this is the answer's own end mark. ``members`` are further members of the delta, or of
    the message, such as citations. ``logprobs`` are those of the new tokens, as OpenAI has them in ``content``.
    """

    choice: int = 0
    text: str = ""
    reasoning: str = ""
    calls: Sequence[CallPart] = ()
    finish: str | None = None
    usage: bytes | None = None
    error: bytes | None = None
    ended: bool = False
    id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    members: dict[str, Any] | None = None
    logprobs: Sequence[msgspec.Raw] = ()


class Reader(Protocol):
    """Made for one answer; it may remember what has been said (a cumulative stream, the number of a tool call)."""

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        """What a message says; ``name`` is the event's, where the framing has names.

        Raises msgspec.DecodeError or ValueError for what is no message of the dialect.
        """


class Translation(msgspec.Struct, frozen=True):
    """What both answers are made of. ``shown_usage`` makes OpenAI's usage object of the vendor's (raises UsageError);
    ``now`` (ns) is the instant of the request; ``whole`` reads an answer that comes in one JSON body."""

    reader: Callable[[], Reader]
    whole: Callable[[], Reader]
    shown_usage: Callable[[bytes], bytes]
    model: str
    now: int
    choices: int = 1


class _Translated:
    """What `TranslatedStream` and `TranslatedWhole` share: everything but how it is said again."""

    __slots__ = (
        "_finished_choices", "_frames", "_messages", "_named", "_nameless", "_reader", "_size", "_told", "_translation",
        "_writer", "begun", "damage", "error", "finished", "model", "partial", "service_tier", "upstream_id", "usage",
    )  # fmt: skip

    def __init__(self, frames: Frames, reader: Reader, translation: Translation) -> None:
        self.begun = False
        self.finished = False
        self.usage: bytes | None = None
        self.partial = False
        self.error: bytes | None = None
        self.damage: str | None = None
        self.upstream_id: str | None = None
        self.model: str | None = None
        self.service_tier: str | None = None
        self._frames = frames
        self._reader = reader
        self._translation = translation
        self._writer = ChatWriter(translation.model, translation.now)
        self._finished_choices: set[int] = set()
        self._named: set[tuple[int, int]] = set()  # calls, by choice and index
        self._nameless: set[tuple[int, int]] = set()
        self._messages = 0
        self._size = 0  # bytes of what the model wrote
        self._told = 0  # tokens of it that the usage covers, by our count

    def feed(self, data: bytes) -> bytes:
        try:
            return self._read(self._frames.feed(data))
        except ValueError as error:
            self._damaged(error)
            return b""

    def refused(self, content_type: bytes) -> bool:
        return self._frames.refuses_as_json and b"json" in content_type.lower()

    def in_one_piece(self, limit: int) -> TranslatedWhole:
        translation = self._translation
        return TranslatedWhole(WholeFrame(limit), translation.whole(), translation)

    def counted(self) -> int:
        return max(self._messages, self._size // BYTES_PER_TOKEN)

    def uncounted(self) -> int:
        return self.counted() - self._told

    def _read(self, frames: list[tuple[bytes, bytes]]) -> bytes:
        out: list[bytes] = []
        for name, data in frames:
            if self.finished or self.error is not None or self.damage is not None:
                break
            try:
                for said in list(self._reader.read(name, data)):
                    self._take(said, out)
                    if self.damage is not None:
                        break
            except (ValueError, *NO_ANSWER) as error:
                self._damaged(error)
                break
        return b"".join(out)

    def _take(self, said: Said, out: list[bytes]) -> None:
        if said.error is not None:
            self.error = said.error
            return
        choices = self._translation.choices
        if not 0 <= said.choice < choices:
            self.damage = f"it answers as choice {said.choice} where {choices} were asked for"
            return
        self.upstream_id = self.upstream_id or said.id
        self.model = self.model or said.model
        self.service_tier = said.service_tier or self.service_tier
        if said.text or said.reasoning or said.calls or said.members:
            self._messages += 1
            written = sum(len((part.name or "") + part.arguments) for part in said.calls)
            self._size += len(said.text.encode()) + len(said.reasoning.encode()) + written
        if self._size + _MESSAGE * self._messages > ANSWER_MAX:
            self.damage = f"the answer is larger than {ANSWER_MAX} bytes"
            return
        for part in said.calls:
            self._name(said.choice, part)
        if said.usage is not None:
            self.usage, self._told = said.usage, self.counted()
        if said.finish in _UNFINISHED:
            said = msgspec.structs.replace(said, finish=None)
        if said.finish is not None:
            self._finished_choices.add(said.choice)
        whole = len(self._finished_choices) >= choices
        self.partial = self.usage is not None and not whole
        if whole and self._nameless:
            self.damage = "it calls a function without a name"
        elif said.ended and not whole:
            self.damage = "the answer ends without a word of how"
        else:
            self._say(said, out)
            self.finished = self.finished or said.ended

    def _name(self, choice: int, part: CallPart) -> None:
        call = (choice, part.index)
        if part.name:
            self._named.add(call)
            self._nameless.discard(call)
        elif call not in self._named:
            self._nameless.add(call)

    def _say(self, said: Said, out: list[bytes]) -> None:
        raise NotImplementedError

    def _close(self) -> bytes:
        """The peer closed in good order: what is left is read, and an answer that named its end is whole."""
        out = b""
        if self.error is None and self.damage is None and not self.finished:
            out = self._read(self._frames.end())
        if self.error is None and self.damage is None and not self.finished:
            self.finished = len(self._finished_choices) >= self._translation.choices
        return out

    def _shown_usage(self, cost: bytes | None) -> bytes | None:
        if self.usage is None:
            return None
        try:
            shown = self._translation.shown_usage(self.usage)
        except UsageError:
            return None  # the books say what is wrong with it
        return shown if cost is None else with_cost(shown, shown, cost)

    def _made_id(self, index: int) -> str:
        """Of a call whose vendor gives none: clients and other vendors want ids that no other turn has."""
        return f"call_{self.upstream_id or format(self._translation.now, 'x')}_{index}"

    def _damaged(self, error: Exception) -> None:
        self.damage = self.damage or f"a message of the answer is not of the vendor's dialect: {error}"


class TranslatedStream(_Translated):
    """For a caller who asked for a stream. ``wants_usage``: whether the caller asked for the usage chunk."""

    __slots__ = ("_late", "_roles", "_wants_usage")

    def __init__(self, frames: Frames, reader: Reader, translation: Translation, *, wants_usage: bool) -> None:
        super().__init__(frames, reader, translation)
        self._wants_usage = wants_usage
        self._late = b""
        self._roles: set[int] = set()

    def end(self) -> None:
        self._late += self._close()

    def tail(self, cost: bytes | None) -> bytes:
        usage = self._shown_usage(cost)
        if usage is None:
            return self._late + DONE
        return self._late + (self._writer.usage_chunk(usage) if self._wants_usage else as_comment(usage)) + DONE

    def _say(self, said: Said, out: list[bytes]) -> None:
        delta: dict[str, Any] = dict(said.members or {})
        if said.text:
            delta["content"] = said.text
        if said.reasoning:
            delta["reasoning_content"] = said.reasoning
        if said.calls:
            delta["tool_calls"] = [_call(part, self._made_id(part.index)) for part in said.calls]
        if not delta and said.finish is None and not said.logprobs:
            return
        self.begun = True
        if said.choice not in self._roles:
            self._roles.add(said.choice)
            self._writer.id, self._writer.model = self.upstream_id, self.model or self._writer.model
            delta = {"role": "assistant", **delta}
        out.append(self._writer.chunk(said.choice, delta, said.finish, said.logprobs))


class TranslatedWhole(_Translated):
    """For a caller who asked for one piece, however the vendor sends it."""

    __slots__ = ("_choices",)

    def __init__(self, frames: Frames, reader: Reader, translation: Translation) -> None:
        super().__init__(frames, reader, translation)
        self._choices = [_Choice() for _ in range(translation.choices)]

    def feed(self, data: bytes) -> bytes:
        super().feed(data)
        self._begin()
        return b""

    def end(self) -> None:
        self._close()
        if self.error is None and self.damage is None and not self.finished:
            self.damage = "the answer names no end"
        self._begin()

    def tail(self, cost: bytes | None) -> bytes:
        self._writer.id, self._writer.model = self.upstream_id, self.model or self._writer.model
        choices = [choice.shown(index, self._made_id) for index, choice in enumerate(self._choices)]
        return self._writer.completion(choices, self._shown_usage(cost))

    def _begin(self) -> None:
        self.begun = self.finished

    def _say(self, said: Said, out: list[bytes]) -> None:
        self._choices[said.choice].add(said)


class _Choice:
    """One answer, gathered from its parts."""

    __slots__ = ("_calls", "_finish", "_logprobs", "_members", "_reasoning", "_text")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[CallPart]] = {}
        self._members: dict[str, msgspec.Raw] = {}
        self._finish: str | None = None
        self._logprobs: list[msgspec.Raw] = []

    def add(self, said: Said) -> None:
        if said.text:
            self._text.append(said.text)
        if said.reasoning:
            self._reasoning.append(said.reasoning)
        for part in said.calls:
            self._calls.setdefault(part.index, []).append(part)
        # Written at once: what is nested too deeply for that is found where it can still be told.
        self._members.update((name, msgspec.Raw(_encode(value))) for name, value in (said.members or {}).items())
        self._finish = said.finish or self._finish
        self._logprobs += said.logprobs

    def shown(self, index: int, made_id: Callable[[int], str]) -> dict[str, Any]:
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not self._calls else None}
        if reasoning:
            message["reasoning_content"] = reasoning
        message |= self._members
        if self._calls:
            message["tool_calls"] = [_joined(parts, made_id(at)) for at, parts in sorted(self._calls.items())]
        choice = {"index": index, "message": message, "finish_reason": self._finish}
        return choice | {"logprobs": {"content": self._logprobs}} if self._logprobs else choice


def words_of(words: _Words | None, choice: int, begun: set[int], none: _Words) -> _Words:
    """What an event says of ``choice``, ``none`` where that has said something before (it is among the ``begun``) and
    only ends. Raises ValueError for one that has said nothing."""
    if words is None and choice not in begun:
        raise ValueError("a choice says nothing")
    begun.add(choice)
    return none if words is None else words


def spelled(arguments: msgspec.Raw) -> str:
    """The arguments of a call as text, of a dialect that has them as an object. Raises ValueError for anything else."""
    text = (given(arguments) or b"{}").decode()
    if not text.startswith("{"):
        raise ValueError("the arguments of a call are no object")
    return text


def _call(part: CallPart, made: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"index": part.index}
    if part.id is not None or part.name is not None:
        shown |= {"id": part.id or made, "type": "function"}
    function = {"arguments": part.arguments} if part.name is None else {"name": part.name, "arguments": part.arguments}
    return shown | {"function": function} | (part.members or {})


def _joined(parts: list[CallPart], made: str) -> dict[str, Any]:
    name = next((part.name for part in parts if part.name is not None), "")
    number = next((part.id for part in parts if part.id is not None), None)
    arguments = "".join(part.arguments for part in parts)
    call = {
        "id": number or made,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    return call | next((part.members for part in parts if part.members), {})
