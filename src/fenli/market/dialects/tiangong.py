"""Tiangong's dialect: a signed POST, whose header says whether the answer comes in one piece or in lines of JSON."""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec

from fenli.errors import ConfigError, Kind
from fenli.market.dialects.spelling import Spelling, encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.sim.random import Stream
from fenli.vendors.tiangong import parse_key, sign

_WELL: Final = 200
_GOING, _WHOLE, _FILTERED = 1, 3, 4
_FINISHES: Final = {"stop": (_WHOLE, 1), "length": (_WHOLE, 2), "content_filter": (_FILTERED, None)}
_ROLES: Final = {"bot": "assistant", "user": "user", "system": "system"}
_UNSIGNED: Final = Refusal(Kind.BAD_KEY, 401, "the sign does not fit app_key and timestamp", 401)


class SignedHeaders:
    """Implements `fenli.market.flavours.flavour.Admission`. Nobody says how old a timestamp may be: any is taken."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Refusal | None:
        name, timestamp, signed = (ask.headers.get(header, "") for header in ("app_key", "timestamp", "sign"))
        for secret in vendor.keys:
            try:
                key = parse_key(secret)
            except ConfigError:
                continue
            if key.key == name and timestamp.isdecimal():
                return None if hmac.compare_digest(signed.encode(), sign(key, timestamp).encode()) else _UNSIGNED
        return _UNSIGNED


class _Message(msgspec.Struct):
    role: str
    content: str


class _Param(msgspec.Struct):
    generate_length: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


class _Asked(msgspec.Struct):
    model: str
    messages: list[_Message]
    param: _Param


_decode = msgspec.json.Decoder(_Asked).decode


class TiangongDialect:
    """Implements `fenli.market.flavours.flavour.Dialect`. ``pen`` writes what is new in each line, or all so far."""

    def __init__(self, pen: type[TiangongPen]) -> None:
        self._pen = pen

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path in vendor.chat_paths

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            asked = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        unknown = [message.role for message in asked.messages if message.role not in _ROLES]
        if unknown:
            return f"messages: the role {unknown[0]} is none of system, user and bot"
        param = asked.param
        if param.temperature is not None and not 0 <= param.temperature <= 1:
            return f"temperature: {param.temperature} is not from 0 to 1"
        if param.top_k is not None and not 3 <= param.top_k <= 100:
            return f"top_k: {param.top_k} is not from 3 to 100"
        if param.generate_length is not None and param.generate_length > 2048:
            return f"generate_length: {param.generate_length} is more than 2048"
        said = {
            "model": asked.model,
            "messages": [{"role": _ROLES[one.role], "content": one.content} for one in asked.messages],
            "stream": ask.headers.get("stream") == "true",
            "max_tokens": param.generate_length or None,
        }
        return parse_chat(msgspec.json.encode(said))

    def pen(self, flavour: Flavour, answer: Answer) -> TiangongPen:
        return self._pen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return _failure(refusal, request_id, Spelling.COMPACT)


class TiangongPen:
    """Implements `fenli.market.flavours.flavour.Pen`. The last line, with the usage, is the end mark."""

    __slots__ = ("_id", "_spelling")

    whole_type: Final = b"application/json"
    stream_type: Final = b"application/x-ndjson"

    def __init__(self, answer: Answer) -> None:
        self._id = answer.id
        self._spelling = answer.spelling

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        choice = choices[0]
        return self._object(choice["message"]["content"] or "", choice["finish_reason"], usage)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        return self._object(self._reply(delta.get("content") or ""), finish, usage) + b"\n"

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return data + b"\n"

    def error(self, refusal: Refusal) -> bytes:
        return _failure(refusal, self._id, self._spelling) + b"\n"

    def _reply(self, new: str) -> str:
        return new

    def _object(self, reply: str, finish: str | None, usage: dict[str, Any] | None) -> bytes:
        status, reason = (_GOING, None) if finish is None else _FINISHES[finish]
        data = {"reply": reply, "status": status, "finish_reason": reason, "usage": usage}
        told = {"code": _WELL, "code_msg": "success", "trace_id": self._id, "resp_data": data}
        return encode(told, self._spelling)


class CumulativeTiangongPen(TiangongPen):
    __slots__ = ("_said",)

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._said = ""

    def _reply(self, new: str) -> str:
        self._said += new
        return self._said


def _failure(refusal: Refusal, answer: str, spelling: Spelling) -> bytes:
    """A code of its own; or, where it has none, a status (in ``type``) of an answer that is otherwise well."""
    told: dict[str, Any] = {"code": refusal.code, "code_msg": refusal.message, "trace_id": answer, "resp_data": None}
    if refusal.code is None:
        told |= {"code": _WELL, "resp_data": {"reply": "", "status": int(refusal.type or _FILTERED)}}
    return encode(told, spelling)
