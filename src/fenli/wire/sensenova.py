"""Chat as SenseNova words it: everything inside ``data``, what is said as plain text, a status beside a stream.

Facts: sensenova 1.0.6 and its tests. Tools look as OpenAI's do, as far as they have been seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody, Message
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said

# Members that go on as they came.
TAKEN: Final = frozenset(
    {
        "know_ids", "knowledge_config", "n", "plugins", "repetition_penalty", "stop", "temperature", "thinking",
        "tool_choice", "tools", "top_p", "user",
    }
)  # fmt: skip
_FINISHES: Final = {"sensitive": "content_filter", "context": "length"}


def encode_chat(
    model: bytes, chat: ChatBody, fields: dict[str, bytes | msgspec.Raw], *, limit: int | None, stream: bool
) -> bytes:
    """The request's body. ``model`` is JSON; ``limit`` is in tokens. Raises CallRefused."""
    messages = [_message(message, at) for at, message in enumerate(chat.messages)]
    body: dict[str, Any] = {"model": msgspec.Raw(model), "messages": messages, "stream": stream}
    if limit is not None:
        body["max_new_tokens"] = limit
    body |= {name: msgspec.Raw(value) for name, value in fields.items() if name in TAKEN}
    return msgspec.json.encode(body)


class SenseNovaReader:
    """Reads either form."""

    __slots__ = ()

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        if data.strip() == b"[DONE]":
            return [Said(ended=True)]
        reply = _decode(data)
        failed = given(reply.error)
        if failed is not None:
            return [Said(error=failed)]
        if reply.status is not None and reply.status.code:
            return [Said(error=msgspec.json.encode(reply.status))]
        answer = reply.data
        members = {"plugins": answer.plugins} if answer.plugins else None
        head = Said(usage=given(answer.usage), id=answer.id, members=members)
        return [head, *map(_said, answer.choices)]


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None
    index: int | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: str | None = None
    delta: str | None = None
    reasoning_content: str | None = None
    finish_reason: str | None = None
    tool_calls: list[_Call] | None = None


class _Answer(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    id: str | None = None
    plugins: dict[str, Any] | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Reply(msgspec.Struct):
    data: _Answer = _Answer()
    status: _Status | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Reply).decode


def _said(choice: _Choice) -> Said:
    finish = choice.finish_reason or None
    return Said(
        choice=choice.index,
        text=choice.delta or choice.message or "",
        reasoning=choice.reasoning_content or "",
        calls=[
            CallPart(
                at if call.index is None else call.index, call.id, call.function.name, call.function.arguments or ""
            )
            for at, call in enumerate(choice.tool_calls or ())
        ],
        finish=finish and _FINISHES.get(finish, finish),
    )


def _message(message: Message, at: int) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role}
    if isinstance(message.content, list) and any(part.get("type") != "text" for part in message.content):
        said["content"] = [_part(part, f"messages[{at}].content[{index}]") for index, part in enumerate(message.parts)]
    else:
        said["content"] = message.text
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": call.type, "function": call.function} for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        said["tool_call_id"] = message.tool_call_id
    return said


def _part(part: dict[str, Any], where: str) -> dict[str, Any]:
    """An image written out goes without the ``data:`` in front of its Base64."""
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            kind, mark, data = url.partition(";base64,")
            if kind.startswith("data:") and mark:
                return {"type": "image_base64", "image_base64": data}
            return {"type": "image_url", "image_url": url}
    message = f"{where!r} is no part that this dialect takes: send text or image_url"
    raise CallRefused(Code.INVALID_VALUE, message, where)
