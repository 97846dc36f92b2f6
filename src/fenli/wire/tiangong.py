"""The Tiangong dialect: one POST, and an answer in one JSON object, or in one on each line of a stream.

    {"model", "messages": [{role: system|user|bot, content}], "param": {generate_length, temperature, ...}}
    {"code": 200, "code_msg", "trace_id", "resp_data": {reply, status, finish_reason, usage}}

A status of 1 says that more comes, 2 that it took too long, 3 that it is whole, 4 that a filter ended it. Source: four
clients of others; the vendor's own pages are gone. They differ in whether a line has what is new, or all so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import Message, decoded, refuse_unknown
from fenli.wire.translated import Said

_WELL: Final = 200
_LATE: Final = 2
_WHOLE: Final = 3
_FILTERED: Final = 4
_FINISHES: Final = {1: "stop", 2: "length"}
_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "bot"}
# Members of the same name in ``param``; those of the vendor's own may be sent along.
_PARAM: Final = ("temperature", "top_p", "top_k", "repetition_penalty", "length_penalty", "min_len")


def encode_request(ask: ChatRequest, model: bytes, vendor: str) -> bytes:
    """``model`` is JSON; ``vendor`` is named to callers. Raises CallRefused for what the dialect cannot say."""
    refuse_unknown(ask, vendor, _PARAM)
    messages = [_message(message, vendor) for message in decoded(ask).messages]
    param: dict[str, Any] = {
        name: msgspec.Raw(bytes(ask.fields[name]))
        for name in _PARAM
        if name in ask.fields and bytes(ask.fields[name]) != b"null"
    }
    if ask.output_limit is not None:
        param["generate_length"] = ask.output_limit
    return msgspec.json.encode({"model": msgspec.Raw(model), "messages": messages, "param": param})


def _message(message: Message, vendor: str) -> dict[str, str]:
    role = _ROLES.get(message.role)
    if role is None or message.tool_calls or any(part.get("type") != "text" for part in message.parts):
        reason = f"{vendor} takes text alone, from system, user and assistant: ask another model"
        raise CallRefused(Code.INVALID_VALUE, reason, "messages")
    return {"role": role, "content": message.text}


class _Data(msgspec.Struct):
    reply: str | None = None
    status: int | None = None
    finish_reason: int | None = None
    usage: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct):
    code: int
    code_msg: str | None = None
    trace_id: str | None = None
    resp_data: _Data | None = None


_decode = msgspec.json.Decoder(_Part).decode


class TiangongReader:
    """Implements `fenli.wire.translated.Reader`, for what is new in each message. ``error`` is ``{code, message}``,
    with the code ``status-2`` or ``status-4`` where the body's own says that all is well."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said = False

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        part = _decode(data)
        if part.code != _WELL:
            return (_failed(part, part.code),)
        found = part.resp_data
        if found is None:
            return ()
        text = self._new(found.reply or "")
        if found.status == _WHOLE and found.reply is None and not self._said:
            raise ValueError("it is whole and has no reply")
        if found.status == _LATE or (found.status == _FILTERED and not (self._said or text)):
            return (_failed(part, f"status-{found.status}"),)
        self._said = self._said or bool(text)
        finish = _FINISHES.get(found.finish_reason or 0)
        if found.status == _FILTERED:
            finish = "content_filter"
        elif finish is None and found.status == _WHOLE:
            finish = "stop"
        raw = bytes(found.usage)
        usage = raw if raw not in (b"", b"null") else None
        return (Said(text=text, finish=finish, usage=usage, ended=finish is not None, id=part.trace_id),)

    def _new(self, reply: str) -> str:
        return reply


class CumulativeTiangongReader(TiangongReader):
    """For what has been said so far in each message."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        super().__init__()
        self._before = ""

    def _new(self, reply: str) -> str:
        if not reply:
            return ""
        if not reply.startswith(self._before):
            raise ValueError("a message takes back what was said before")
        new, self._before = reply[len(self._before) :], reply
        return new


def _failed(part: _Part, code: int | str) -> Said:
    told = {"code": code, "message": part.code_msg or "the vendor gave no reason"}
    return Said(error=msgspec.json.encode(told), id=part.trace_id)
