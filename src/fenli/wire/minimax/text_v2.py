"""Streams of text chat v2 (``/v1/text/chatcompletion_v2``).

Sources: MiniMax's page on text chat, litellm. The chunks are OpenAI's, but for the last event: a ``chat.completion``
that says everything once more, whole, with the usage. An end mark may follow it or not. Answers of characters (pro)
are read, too: a choice has ``messages``, and the event with the whole has a ``reply``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.wire.minimax.failure import failure_in
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said

WHOLE: Final = "chat.completion"
_DONE: Final = b"[DONE]"
_TAKEN: Final = frozenset({"role", "content", "reasoning_content", "tool_calls"})


class _Line(msgspec.Struct):
    sender_name: str = ""
    text: str = ""


class _Choice(msgspec.Struct):
    delta: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    messages: list[_Line] | None = None
    finish_reason: str | None = None
    index: int = 0


class _Chunk(msgspec.Struct):
    id: str | None = None
    object: str = ""
    reply: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    service_tier: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Chunk).decode


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function = msgspec.field(default_factory=_Function)


class _Words(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class TextV2Reader:
    """Implements `fenli.wire.translated.Reader`: of a stream, and of an answer in one piece."""

    __slots__ = ("_finished", "_spoken")

    def __init__(self) -> None:
        self._spoken = False
        self._finished = False

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        if data.strip() == _DONE:
            yield Said(ended=True)
            return
        chunk = _decode(data)
        if failure_in(data) is not None or given(chunk.error) is not None:
            yield Said(error=data)
            return
        whole = chunk.object == WHOLE or bool(chunk.reply)
        for choice in chunk.choices or ():
            yield self._said(chunk, choice, {} if whole and self._spoken else _delta(choice))
        if (usage := given(chunk.usage)) is not None or whole:
            yield Said(usage=usage, ended=whole, id=chunk.id, model=chunk.model, service_tier=chunk.service_tier)

    def _said(self, chunk: _Chunk, choice: _Choice, delta: dict[str, Any]) -> Said:
        words = _words(delta)
        calls = [_part(at, call) for at, call in enumerate(words.tool_calls or ())]
        text, reasoning = words.content or "", words.reasoning_content or ""
        spoken = bool(text or reasoning or calls)
        self._spoken = self._spoken or spoken
        finish = None if self._finished else choice.finish_reason or None
        self._finished = self._finished or finish is not None
        members = {name: value for name, value in delta.items() if name not in _TAKEN and value} if spoken else None
        return Said(
            choice=choice.index, text=text, reasoning=reasoning, calls=calls, finish=finish, id=chunk.id,
            model=chunk.model, members=members,
        )  # fmt: skip


def _delta(choice: _Choice) -> dict[str, Any]:
    if not choice.messages:
        return choice.delta or choice.message or {}
    speaker = choice.messages[-1].sender_name
    return {"content": "".join(line.text for line in choice.messages), "name": speaker}


def _words(delta: dict[str, Any]) -> _Words:
    return msgspec.convert(delta, _Words)


def _part(at: int, call: _Call) -> CallPart:
    function = call.function
    index = at if call.index is None else call.index
    return CallPart(index, call.id or None, function.name or None, function.arguments or "")
