"""Baidu's workshop API: a ticket in the query, the model in the path, a stream whose last part says so."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.dialects.lent_tokens import lend, lent
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.market.senses import SOURCE
from fenli.sim.random import Stream
from fenli.vendors.baidu_legacy import BAIDU_LEGACY

_OAUTH: Final = "/oauth/2.0/token"
_LENT_FOR: Final = 30 * 24 * 3_600
_MODELS: Final = {model.path: model.id for model in BAIDU_LEGACY.models}
_FINISHES: Final = {"stop": "normal", "tool_calls": "function_call"}
_INVALID: Final = Refusal(Kind.BAD_KEY, 200, "Access token invalid or no longer valid", 110)
_EXPIRED: Final = Refusal(Kind.BAD_KEY, 200, "Access token expired", 111)


class TicketInQuery:
    """Implements `fenli.market.flavours.flavour.Admission`. A key is ``API Key:Secret Key``."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Refusal | None:
        until = lent(_query(ask).get("access_token", ""), vendor.keys)
        if until is None:
            return _INVALID
        return None if now < until else _EXPIRED


class _Function(msgspec.Struct):
    name: str
    description: str
    parameters: dict[str, Any]


class _Message(msgspec.Struct):
    role: str
    content: str
    name: str | None = None
    function_call: dict[str, Any] | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[_Message]
    stream: bool = False
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    penalty_score: float | None = None
    stop: list[str] | None = None
    disable_search: bool = True
    enable_citation: bool = False
    enable_trace: bool = False
    max_output_tokens: int | None = None
    response_format: str | None = None
    functions: list[_Function] | None = None
    tool_choice: dict[str, Any] | None = None
    user_id: str | None = None
    extra_parameters: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Body).decode


class TracedBody(ChatBody, kw_only=True):
    """``shows_search``: the answer is to say what was found."""

    shows_search: bool = False


class Wenxin:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path.startswith(vendor.prefix + "/chat/")

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        if ask.path != _OAUTH:
            return None
        asked = _query(ask)
        key = f"{asked.get('client_id')}:{asked.get('client_secret')}"
        if asked.get("grant_type") != "client_credentials":
            return _denied("unsupported_grant_type", "the grant type is not supported")
        if all(known.partition(":")[0] != asked.get("client_id") for known in vendor.keys):
            return _denied("invalid_client", "unknown client id")
        if key not in vendor.keys:
            return _denied("invalid_client", "Client authentication failed")
        token = lend(key, now + _LENT_FOR * SECOND)
        return Plain(200, encode({"access_token": token, "expires_in": _LENT_FOR, "scope": "public"}))

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        wrong = _wrong(body)
        if wrong is not None:
            return wrong
        place, mark, fault = ask.path.removeprefix(vendor.prefix).partition("!")
        rules = [{"role": "system", "content": body.system}] if body.system else []
        plain = {
            "model": _MODELS.get(place, place.rpartition("/")[2]) + mark + fault,
            "messages": [*rules, *({"role": _role(one), "content": one.content} for one in body.messages)],
            "stream": body.stream,
            "max_tokens": body.max_output_tokens,
            "tools": [{"type": "function", "function": msgspec.to_builtins(one)} for one in body.functions or ()],
            "response_format": {"type": body.response_format or "text"},
        }
        chat = parse_chat(msgspec.json.encode(plain))
        if isinstance(chat, str):
            return chat
        return msgspec.convert({**plain, "shows_search": not body.disable_search and body.enable_trace}, TracedBody)

    def pen(self, flavour: Flavour, answer: Answer) -> WenxinPen:
        return WenxinPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return _failure(refusal, request_id)


WENXIN: Final = Wenxin()


class WenxinPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_call", "_sentence")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._sentence = 0
        self._call: dict[str, Any] | None = None

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        [choice] = choices
        said = choice["message"]
        self._take(said)
        part = self._part(said["content"] or "", choice["finish_reason"], usage)
        return encode(part, self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        self._take(delta)
        if finish is None and not delta.get("content"):
            return b""
        part = self._part(delta.get("content") or "", finish, usage)
        part |= {"sentence_id": self._sentence, "is_end": finish is not None}
        self._sentence += 1
        return self.message(encode(part, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return self._answer.event_prefix + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(_failure(refusal, self._answer.id))

    def _take(self, said: dict[str, Any]) -> None:
        """One call a turn: the first counts, and comes with the end of the answer."""
        for call in said.get("tool_calls", ())[:1]:
            if self._call is None:
                function = call["function"]
                self._call = {"name": function.get("name"), "arguments": function["arguments"], "thoughts": ""}

    def _part(self, text: str, finish: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
        answer = self._answer
        part: dict[str, Any] = {
            "id": answer.id, "object": "chat.completion", "created": answer.at // SECOND, "result": text,
            "is_truncated": finish == "length", "need_clear_history": finish == "content_filter",
            "finish_reason": _FINISHES.get(finish or "stop", finish),
        }  # fmt: skip
        if finish == "content_filter":
            part["ban_round"] = -1
        if finish is not None and self._call is not None:
            part["function_call"] = self._call
        if isinstance(answer.chat, TracedBody) and answer.chat.shows_search:
            part["search_info"] = {"search_results": [{"index": 1, "title": SOURCE["title"], "url": SOURCE["url"]}]}
        return part if usage is None else part | {"usage": usage}


def _query(ask: Ask) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(ask.target).query).items()}


def _denied(error: str, why: str) -> Plain:
    return Plain(401, encode({"error": error, "error_description": why}))


def _failure(refusal: Refusal, request_id: str) -> bytes:
    return encode({"error_code": refusal.code, "error_msg": refusal.message, "id": request_id})


def _role(message: _Message) -> str:
    return "tool" if message.role == "function" else message.role


def _wrong(body: _Body) -> str | None:
    sides = ["assistant" if message.role == "assistant" else "user" for message in body.messages]
    if len(sides) % 2 == 0 or sides != ["user", "assistant"] * (len(sides) // 2) + ["user"]:
        return "the messages must take turns, and begin and end with user or function"
    if not {message.role for message in body.messages} <= {"user", "assistant", "function"}:
        return "a role is none of user, assistant and function"
    if body.temperature is not None and not 0 < body.temperature <= 1:
        return "temperature must be above 0 and at most 1"
    if body.max_output_tokens is not None and body.max_output_tokens < 2:
        return "max_output_tokens must be at least 2"
    return None
