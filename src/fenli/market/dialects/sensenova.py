"""SenseNova's own API: everything inside ``data``, a status beside the parts of a stream, no space behind ``data:``.
Beside it the chat of characters (`fenli.market.dialects.sensenova_character`)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.dialects.sensenova_character import Played, read_characters
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.market.signed_tokens import read_token
from fenli.sim.random import Stream

_CHAT: Final = "/llm/chat-completions"
_CHARACTERS: Final = "/llm/character/chat-completions"
_STALE: Final = Refusal(Kind.BAD_KEY, 401, "the token is not valid now", 16)


class KeyOrSignedToken:
    """Implements `fenli.market.flavours.flavour.Admission`: a key as it is, or a token signed with one that is written
    ``AK:SK``."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | Refusal | None:
        scheme, _, sent = ask.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and sent in vendor.keys and ":" not in sent:
            return None
        token = read_token(sent) if scheme.lower() == "bearer" else None
        if token is None:
            return Kind.BAD_KEY
        issuer = token.claims.get("iss")
        secret = next(
            (sk for ak, mark, sk in (key.partition(":") for key in vendor.keys) if mark and ak == issuer), None
        )
        if secret is None or not token.is_signed_with(secret):
            return Kind.BAD_KEY
        ends, begins = token.instant("exp", SECOND), token.instant("nbf", SECOND)
        return None if ends is not None and now < ends and (begins is None or begins <= now) else _STALE


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    max_new_tokens: int | None = None
    n: int | None = None
    repetition_penalty: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None
    stop: Any = None
    know_ids: list[str] | None = None
    knowledge_config: dict[str, Any] | None = None
    plugins: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    thinking: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Body).decode


class SenseNovaDialect:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path in (vendor.prefix + _CHAT, vendor.prefix + _CHARACTERS)

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        if ask.path == vendor.prefix + _CHARACTERS:
            return read_characters(ask.body)
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        if body.temperature is not None and not 0 < body.temperature <= 2:
            return "temperature must be above 0 and at most 2"
        if body.top_p is not None and not 0 < body.top_p < 1:
            return "top_p must be between 0 and 1"
        if body.n is not None and not 1 <= body.n <= 4:
            return "n must be from 1 to 4"
        plain = {
            "model": body.model,
            "messages": body.messages,
            "stream": body.stream,
            "max_tokens": body.max_new_tokens,
            "n": body.n,
            "tools": body.tools,
            "tool_choice": body.tool_choice,
        }
        return parse_chat(msgspec.json.encode(plain))

    def pen(self, flavour: Flavour, answer: Answer) -> SenseNovaPen:
        return SenseNovaPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({"error": {"code": refusal.code, "message": refusal.message, "details": []}})


SENSENOVA: Final = SenseNovaDialect()


class SenseNovaPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer",)

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        said = [
            {"index": one["index"], "role": "assistant", "message": one["message"]["content"] or "",
             "finish_reason": one["finish_reason"], **_calls(one["message"])}
            for one in choices
        ]  # fmt: skip
        data = self._data(said, usage)
        if isinstance(self._answer.chat, Played):
            data["reply"] = said[0]["message"]
        return encode({"data": data}, self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        choice = {"index": index, "role": "assistant", "delta": delta.get("content") or "",
                  "finish_reason": finish or "", **_calls(delta)}  # fmt: skip
        return self._event(self._data([choice], usage), {"code": 0, "message": "ok"})

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self.message(b"[DONE]")

    def message(self, data: bytes) -> bytes:
        return b"data:" + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self._event(self._data([], None), {"code": refusal.code, "message": refusal.message})

    def _data(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usage": {**usage, "knowledge_tokens": 0}}
        return {"id": self._answer.id, "choices": choices, **told, **self._answer.members}

    def _event(self, data: dict[str, Any], status: dict[str, Any]) -> bytes:
        return self.message(encode({"data": data, "status": status}, self._answer.spelling))


def _calls(said: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": said["tool_calls"]} if "tool_calls" in said else {}
