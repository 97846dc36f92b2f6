"""Chat as a Pangu deployment words it: near to OpenAI's, with a whole message where a stream has its delta.

Facts: huaweicloudsdkpangulargemodels 3.1, pangu-kits-app-dev-py. It names neither a model nor why an answer ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import Said, words_of

# Members that go on as they came.
TAKEN: Final = frozenset({"temperature", "top_p", "n", "presence_penalty", "frequency_penalty", "user"})


def encode_chat(chat: ChatBody, fields: dict[str, bytes | msgspec.Raw], *, limit: int | None, stream: bool) -> bytes:
    """The request's body. ``limit`` is in tokens. Raises CallRefused for anything but text."""
    messages = []
    for at, message in enumerate(chat.messages):
        if message.role == "tool" or message.tool_calls or any(part.get("type") != "text" for part in message.parts):
            where = f"messages[{at}]"
            told = f"{where!r} must be text: this dialect has neither tools nor images"
            raise CallRefused(Code.INVALID_VALUE, told, where)
        role = "system" if message.role == "developer" else message.role
        messages.append({"role": role, "content": message.text})
    body: dict[str, Any] = {"messages": messages, "stream": stream}
    if limit is not None:
        body["max_tokens"] = limit
    body |= {name: msgspec.Raw(value) for name, value in fields.items() if name in TAKEN}
    return msgspec.json.encode(body)


class PanguReader:
    """A stream's answer is whole at its end mark; one in one piece is whole as it comes."""

    __slots__ = ("_begun", "_finished", "_streamed")

    def __init__(self, *, streamed: bool) -> None:
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._streamed = streamed

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        if data.strip() == b"[DONE]":
            return [*self._rest("stop"), Said(ended=True)]
        if name == b"moderation":  # the rest is withheld
            return self._rest("content_filter")
        part = _decode(data)
        if given(part.error) is not None or part.error_code is not None or part.error_msg is not None:
            return [Said(error=given(part.error) or data)]
        said = [Said(usage=given(part.usage), id=part.id), *map(self._choice, part.choices)]
        return said if self._streamed or not part.choices else [*said, *self._rest("stop")]

    def _choice(self, choice: _Choice) -> Said:
        words = words_of(choice.message or choice.delta, choice.index, self._begun, _Words())
        if choice.finish_reason:
            self._finished.add(choice.index)
        return Said(choice=choice.index, text=words.content or "", finish=choice.finish_reason or None)

    def _rest(self, finish: str) -> list[Said]:
        """Ends every choice that has begun and has not been ended."""
        left = sorted(self._begun - self._finished)
        self._finished.update(left)
        return [Said(choice=index, finish=finish) for index in left]


def failure_of(body: bytes) -> tuple[str, str]:
    """Code and message; empty where the body tells none. Raises msgspec.DecodeError."""
    part = _decode(body)
    return part.error_code or "", part.error_msg or ""


class _Words(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Words | None = None
    delta: _Words | None = None
    finish_reason: str | None = None


class _Part(msgspec.Struct):
    id: str | None = None
    choices: list[_Choice] = []
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    error_code: str | None = None
    error_msg: str | None = None


_decode = msgspec.json.Decoder(_Part).decode
