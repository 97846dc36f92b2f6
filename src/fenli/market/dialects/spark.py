"""Spark over a WebSocket: a signed address, one message that asks, and messages that answer.

A signature is checked as the vendor checks it: over the host, the date and the path as they were sent, with the secret
of the key that is named, and not much older or younger than now. How the authorization is laid out does not matter.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from fenli.clock import SECOND
from fenli.errors import ConfigError, Kind
from fenli.market.dialects.spelling import Spelling, encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.market.usage import Count
from fenli.sim.random import Stream
from fenli.vendors.iflytek_websocket import SparkKey, parse_key, sign

SKEW: Final = 300  # seconds
_GOING, _ENDED = 1, 2
_UNSIGNED: Final = Refusal(Kind.BAD_KEY, 401, "HMAC signature cannot be verified")
_STALE: Final = Refusal(Kind.BAD_KEY, 403, "HMAC signature cannot be verified: the date is too far from now")
_OTHER_APP: Final = Refusal(Kind.BAD_KEY, 200, "the app_id is not the one of the key", 10016)


class SignedAddress:
    """Implements `fenli.market.flavours.flavour.Admission`."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Refusal | None:
        target = urlsplit(ask.target)
        query = dict(parse_qsl(target.query))
        told = _authorization(query.get("authorization", ""))
        key = _known(vendor, told.get("api_key", ""))
        if key is None or query.get("host") != ask.headers.get("host") or told.get("algorithm") != "hmac-sha256":
            return _UNSIGNED
        wanted = sign(key, query["host"], query.get("date", ""), target.path)
        if not hmac.compare_digest(told.get("signature", "").encode(), wanted.encode()):
            return _UNSIGNED
        if not _is_now(query["date"], now):
            return _STALE
        if ask.body and _app(ask.body) != key.app:
            return _OTHER_APP
        return None


def _authorization(text: str) -> dict[str, str]:
    """Its parts, however they are spaced: the vendor's own SDK puts blanks between them."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return {}
    parts = (part.strip().partition("=") for part in plain.split(","))
    return {name: value.strip('"') for name, _, value in parts}


def _known(vendor: Place, name: str) -> SparkKey | None:
    for secret in vendor.keys:
        try:
            key = parse_key(secret)
        except ConfigError:
            continue
        if key.key == name:
            return key
    return None


def _is_now(date: str, now: int) -> bool:
    try:
        return abs(parsedate_to_datetime(date).timestamp() - now / SECOND) <= SKEW
    except ValueError:
        return False


class _Header(msgspec.Struct, frozen=True):
    app_id: str = ""


class _Chat(msgspec.Struct, frozen=True):
    domain: str
    temperature: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None


class _Parameter(msgspec.Struct, frozen=True):
    chat: _Chat


class _Texts(msgspec.Struct, frozen=True):
    text: list[dict[str, Any]] = []


class _Payload(msgspec.Struct, frozen=True):
    message: _Texts
    functions: _Texts = _Texts()


class _Asked(msgspec.Struct, frozen=True):
    header: _Header
    parameter: _Parameter
    payload: _Payload


_decode = msgspec.json.Decoder(_Asked).decode


def _app(body: bytes) -> str:
    try:
        return _decode(body).header.app_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class SparkDialect:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "GET" and ask.path in vendor.chat_paths

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            asked = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        chat = asked.parameter.chat
        if chat.temperature is not None and not 0 < chat.temperature <= 2:
            return f"temperature: {chat.temperature} is not above 0 and up to 2"
        if chat.top_k is not None and not 1 <= chat.top_k <= 6:
            return f"top_k: {chat.top_k} is not from 1 to 6"
        said = {
            "model": chat.domain,
            "messages": asked.payload.message.text,
            "stream": True,
            "max_tokens": chat.max_tokens,
            "tools": [{"type": "function", "function": function} for function in asked.payload.functions.text],
        }
        return parse_chat(msgspec.json.encode(said))

    def pen(self, flavour: Flavour, answer: Answer) -> SparkPen:
        return SparkPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return _failure(refusal, request_id, Spelling.COMPACT)


class SparkPen:
    """Implements `fenli.market.flavours.flavour.Pen`. The last message, with the usage, is the end mark."""

    __slots__ = ("_id", "_seq", "_spelling", "_usage")

    whole_type: Final = b"application/json"
    stream_type: Final = b"application/json"

    def __init__(self, answer: Answer) -> None:
        self._id = answer.id
        self._spelling = answer.spelling
        self._seq = -1
        self._usage: dict[str, Any] | None = None

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        self._usage = usage
        return self._part(_ENDED, choices[0]["message"])

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        if finish is not None:
            self._usage = usage
            return b""
        return self._part(_GOING if self._seq >= 0 else 0, delta)

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self._part(_ENDED, {})

    def message(self, data: bytes) -> bytes:
        return data.decode(errors="replace").encode()  # a text, whatever it says

    def error(self, refusal: Refusal) -> bytes:
        return _failure(refusal, self._id, self._spelling)

    def _part(self, status: int, said: Mapping[str, Any]) -> bytes:
        self._seq += 1
        text = {"content": said.get("content") or "", "role": "assistant", "index": 0}
        if said.get("reasoning_content"):
            text["reasoning_content"] = said["reasoning_content"]
        if said.get("tool_calls"):
            text |= {"content_type": "text", "function_call": said["tool_calls"][0]["function"]}
        payload: dict[str, Any] = {"choices": {"status": status, "seq": self._seq, "text": [text]}}
        if status == _ENDED and self._usage is not None:
            payload["usage"] = {"text": self._usage}
        header = {"code": 0, "message": "Success", "sid": self._id, "status": status}
        return encode({"header": header, "payload": payload}, self._spelling)


class SparkUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        return {
            "question_tokens": count.prompt,
            "prompt_tokens": count.prompt,
            "completion_tokens": count.completion,
            "total_tokens": count.prompt + count.completion + surplus,
        }


def _failure(refusal: Refusal, answer: str, spelling: Spelling) -> bytes:
    """In a message; a handshake is refused with the words alone."""
    if refusal.code is None:
        return encode({"message": refusal.message}, spelling)
    header = {"code": refusal.code, "message": refusal.message, "sid": answer, "status": _ENDED}
    return encode({"header": header}, spelling)
