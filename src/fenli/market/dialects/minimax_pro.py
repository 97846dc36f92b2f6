"""MiniMax's older chat of characters: who plays is told apart from the conversation, and everybody in it has a name."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Refusal
from fenli.market.requests import ChatBody

_FINE: Final = {"status_code": 0, "status_msg": ""}


class _Line(msgspec.Struct):
    sender_type: str
    sender_name: str
    text: str


class _Setting(msgspec.Struct):
    bot_name: str
    content: str


class _Constraints(msgspec.Struct):
    sender_type: str
    sender_name: str


class _Body(msgspec.Struct):
    model: str
    messages: list[_Line]
    bot_setting: list[_Setting]
    reply_constraints: _Constraints
    stream: bool = False
    tokens_to_generate: int | None = None
    sample_messages: list[_Line] | None = None


class ProBody(ChatBody, kw_only=True):
    """``speaker`` is the character that answers."""

    speaker: str = ""


_decode = msgspec.json.Decoder(_Body).decode
_ROLES: Final = {"USER": "user", "BOT": "assistant"}


def read_pro(body: bytes) -> ProBody | str:
    """The request, or what is wrong with it."""
    try:
        asked = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"invalid params, {error}"
    wanted = asked.reply_constraints
    told = next((one.content for one in asked.bot_setting if one.bot_name == wanted.sender_name), None)
    if told is None or wanted.sender_type != "BOT":
        return "invalid params, reply_constraints must name one of bot_setting"
    if not asked.messages or not all(line.sender_type in _ROLES and line.sender_name for line in asked.messages):
        return "invalid params, messages"
    turns = [{"role": _ROLES[line.sender_type], "content": line.text} for line in asked.messages]
    plain: dict[str, Any] = {
        "model": asked.model,
        "messages": [{"role": "system", "content": told}, *turns],
        "stream": asked.stream,
        "max_tokens": asked.tokens_to_generate,
        "speaker": wanted.sender_name,
    }
    return msgspec.convert(plain, ProBody)


class ProPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_finish", "_said", "_speaker", "_usage")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer, speaker: str) -> None:
        self._answer = answer
        self._speaker = speaker
        self._said = ""
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        [choice] = choices
        return self._whole(choice["message"]["content"], choice["finish_reason"], usage)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        if finish is not None:
            self._finish, self._usage = finish, usage
        text = delta.get("content")
        if not text:
            return b""
        self._said += text
        return self.message(encode({**self._head(), "choices": [self._choice(text)]}, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self.message(self._whole(self._said, self._finish, self._usage))

    def message(self, data: bytes) -> bytes:
        return self._answer.event_prefix + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        wrong = {"status_code": refusal.code, "status_msg": refusal.message}
        return self.message(encode({**self._head(), "choices": None, "base_resp": wrong}, self._answer.spelling))

    def _whole(self, text: str, finish: str | None, usage: dict[str, Any] | None) -> bytes:
        choice = {**self._choice(text), "index": 0, "finish_reason": finish}
        whole = {**self._head(), "reply": text, "choices": [choice], "usage": usage, "base_resp": _FINE}
        return encode(whole, self._answer.spelling)

    def _head(self) -> dict[str, Any]:
        return {"created": self._answer.at // SECOND, "model": self._answer.chat.model, "id": self._answer.id}

    def _choice(self, text: str) -> dict[str, Any]:
        return {"messages": [{"sender_type": "BOT", "sender_name": self._speaker, "text": text}]}
