"""The Spark dialect over a WebSocket: one message asks, and each that answers is a part, the last one with the usage.

    {"header": {app_id, uid}, "parameter": {"chat": {domain, ...}}, "payload": {"message", "functions"}}
    {"header": {code, message, sid, status}, "payload": {"choices": {status, seq, text}, "usage": {"text": {...}}}}

A status of 2 ends the answer; a code other than 0 is a failure. Sources: the vendor's pages on its Web API, its SDK
spark-ai-python 0.4.5, one-api. None of them has a word for the result of a function: a history with one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import ChatBody, Message, decoded, refuse_unknown
from fenli.wire.translated import CallPart, Said

_ENDED: Final = 2
# Members of its own that go on as they came.
_OWN: Final = ("auditing", "chat_id", "question_type", "show_ref_label")
_TAKEN: Final = frozenset({"temperature", "top_k", "tools", "tool_choice", "patch_id", *_OWN})
_UID_MAX: Final = 32
_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def encode_header(ask: ChatRequest, app: str) -> bytes:
    """The request's header: whose it is. ``user`` goes along where it is not too long, ``patch_id`` (of a tuned model)
    as it is. Raises CallRefused where that is no text."""
    header: dict[str, Any] = {"app_id": app}
    user, patch = _word(ask, "user"), _word(ask, "patch_id")
    if user is not None and len(user) <= _UID_MAX:
        header["uid"] = user
    if patch is not None:
        header["patch_id"] = [patch]
    return msgspec.json.encode(header)


def _word(ask: ChatRequest, name: str) -> str | None:
    try:
        word: str | None = _decode_word(ask.fields.get(name, b"null"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CallRefused(Code.INVALID_VALUE, f"{name!r} must be a text", name) from None
    return word


def encode_request(ask: ChatRequest, domain: bytes, vendor: str) -> bytes:
    """All of the request but its header. ``domain`` is the model's, as JSON; ``vendor`` is named to callers.

    Raises CallRefused for what the dialect cannot say.
    """
    refuse_unknown(ask, vendor, _TAKEN)
    body = decoded(ask)
    chat: dict[str, Any] = {"domain": msgspec.Raw(domain)}
    if ask.output_limit is not None:
        chat["max_tokens"] = ask.output_limit
    if body.temperature is not None:
        chat["temperature"] = body.temperature
    if body.top_k is not None:
        chat["top_k"] = body.top_k
    chat |= {name: msgspec.Raw(ask.fields[name]) for name in _OWN if name in ask.fields}
    payload: dict[str, Any] = {"message": {"text": [_text(message, vendor) for message in body.messages]}}
    functions = _functions(body, vendor)
    if functions:
        payload["functions"] = {"text": functions}
    return msgspec.json.encode({"parameter": {"chat": chat}, "payload": payload})


def _text(message: Message, vendor: str) -> dict[str, str]:
    role = _ROLES.get(message.role)
    if role is None or message.tool_calls:
        what = "the result of a tool" if role is None else "a tool call that was made before"
        raise _unsayable(f"{vendor} has no word for {what}", "messages")
    if any(part.get("type") != "text" for part in message.parts):
        raise _unsayable(f"{vendor} takes text alone", "messages")
    return {"role": role, "content": message.text}


def _functions(body: ChatBody, vendor: str) -> list[dict[str, Any]]:
    if body.tool_choice == "none":
        return []
    if body.tool_choice not in (None, "auto"):
        raise _unsayable(f"{vendor} calls a tool where it sees fit, so 'tool_choice' is auto or none", "tool_choice")
    functions = []
    for tool in body.tools:
        if tool.function is None:
            raise _unsayable(f"{vendor} has no tool of the type {tool.type!r}", "tools")
        shown = {"name": tool.function.name, "description": tool.function.description or ""}
        functions.append(shown | {"parameters": tool.function.parameters or {"type": "object", "properties": {}}})
    return functions


def _unsayable(message: str, param: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, f"{message} in the dialect it is asked in: ask another model", param)


class _Header(msgspec.Struct):
    code: int
    message: str = ""
    sid: str | None = None


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _Text(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    function_call: _Function | None = None


class _Choices(msgspec.Struct):
    status: int = 0
    text: list[_Text] = []


class _Usage(msgspec.Struct):
    text: msgspec.Raw


class _Payload(msgspec.Struct):
    choices: _Choices | None = None
    usage: _Usage | None = None


class _Part(msgspec.Struct):
    header: _Header
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Part).decode
_decode_word = msgspec.json.Decoder(str | None).decode


class SparkReader:
    """Implements `fenli.wire.translated.Reader`. ``error`` of what it says is ``{code, message}``."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls = 0

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        part = _decode(data)
        header, payload = part.header, part.payload
        if header.code != 0:
            told = {"code": header.code, "message": header.message}
            return (Said(error=msgspec.json.encode(told), id=header.sid),)
        choices = payload.choices if payload is not None else None
        if payload is None or choices is None:
            return ()
        said = [self._said(text, header.sid) for text in choices.text]
        if choices.status == _ENDED:
            usage = None if payload.usage is None else bytes(payload.usage.text)
            finish = "tool_calls" if self._calls else "stop"
            said.append(Said(finish=finish, usage=usage, ended=True, id=header.sid))
        return said

    def _said(self, text: _Text, answer: str | None) -> Said:
        calls: tuple[CallPart, ...] = ()
        function = text.function_call
        if function is not None and function.name:
            calls = (CallPart(self._calls, f"call_{answer}_{self._calls}", function.name, function.arguments),)
            self._calls += 1
        return Said(text=text.content or "", reasoning=text.reasoning_content or "", calls=calls, id=answer)
