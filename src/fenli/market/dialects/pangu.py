"""A Pangu deployment behind Huawei Cloud's gateway: an IAM token in a header, the deployment in the path."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.dialects.lent_tokens import lend, lent
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.sim.random import Stream

_TOKENS: Final = "/v3/auth/tokens"
_LENT_FOR: Final = 24 * 3_600
_CHAT: Final = re.compile(r"/v1/[^/]+/deployments/([^/]+)/chat/completions")
_DENIED: Final = Refusal(Kind.BAD_KEY, 401, "Incorrect IAM authentication information", "APIG.0301")


class TokenInHeader:
    """Implements `fenli.market.flavours.flavour.Admission`. A key is ``DOMAIN/USER:PASSWORD`` or ``AK:SK``."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Refusal | None:
        until = lent(ask.headers.get("x-auth-token", ""), vendor.keys)
        return None if until is not None and now < until else _DENIED


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[_Message]
    user: str | None = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


_decode = msgspec.json.Decoder(_Body).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode


def _written(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


class Pangu:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and _CHAT.fullmatch(ask.path) is not None

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        if (ask.method, ask.path) != ("POST", _TOKENS):
            return None
        key = _key(ask.body)
        if key not in vendor.keys:
            return Plain(401, encode({"error": {"code": 401, "message": "The username or password is wrong.",
                                                "title": "Unauthorized"}}))  # fmt: skip
        until = now + _LENT_FOR * SECOND
        headers = ((b"content-type", b"application/json"), (b"X-Subject-Token", lend(key, until).encode()))
        token = {"expires_at": _written(until), "issued_at": _written(now), "methods": ["password"]}
        return Plain(201, encode({"token": token}), headers)

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        found = _CHAT.fullmatch(ask.path)
        assert found is not None
        return parse_chat(msgspec.json.encode({**msgspec.to_builtins(body), "model": found[1]}))

    def pen(self, flavour: Flavour, answer: Answer) -> PanguPen:
        return PanguPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({"error_code": refusal.code, "error_msg": refusal.message, "request_id": request_id})


PANGU: Final = Pangu()


class PanguPen:
    """Implements `fenli.market.flavours.flavour.Pen`. Nothing says why an answer ended."""

    __slots__ = ("_answer",)

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        said = [{"index": one["index"], "message": _words(one["message"])} for one in choices]
        return self._body(said, usage)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        return self.message(self._body([{"index": index, "message": _words(delta)}], usage))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self.message(b"[DONE]")

    def message(self, data: bytes) -> bytes:
        return self._answer.event_prefix + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(encode({"error_code": refusal.code, "error_msg": refusal.message}))

    def _body(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        told = {} if usage is None else {"usage": usage}
        base = {"id": self._answer.id, "created": self._answer.at // SECOND, "choices": choices}
        return encode({**base, **told}, self._answer.spelling)


def _key(body: bytes) -> str:
    """The key as it is written for fenli, out of what it asks a token with; empty where that is none."""
    try:
        told: Any = _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    match told:
        case {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": _}}}:
            match user:
                case {"name": str(name), "password": str(password), "domain": {"name": str(domain)}}:
                    return f"{domain}/{name}:{password}"
        case {"auth": {"identity": {"methods": ["hw_ak_sk"], "hw_ak_sk": signed}, "scope": {"project": _}}}:
            match signed:
                case {"access": {"key": str(access)}, "secret": {"key": str(secret)}}:
                    return f"{access}:{secret}"
    return ""


def _words(said: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": said.get("content") or ""}
