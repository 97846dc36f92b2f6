"""The bytes of an answer in one flavour of the OpenAI chat dialect."""

from __future__ import annotations

from typing import Any, Final

from fenli.clock import SECOND
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Envelope, Flavour, Pen, Place, Placement, Plain, Refusal
from fenli.market.replies import ToolCall
from fenli.market.requests import Ask, ChatBody, parse_chat
from fenli.sim.random import Stream


class OpenAIChat:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path in vendor.chat_paths

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        return parse_chat(ask.body)

    def pen(self, flavour: Flavour, answer: Answer) -> Pen:
        return OpenAIPen(flavour, answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        body = error_members(flavour, refusal)
        if flavour.request_id_member is not None:
            body[flavour.request_id_member] = request_id
        return encode(body)


OPENAI_CHAT: Final = OpenAIChat()


class OpenAIPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_base", "_flavour", "_null_usage", "_prefix", "_spelling")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream; charset=utf-8"

    def __init__(self, flavour: Flavour, answer: Answer) -> None:
        self._flavour = flavour
        self._spelling = answer.spelling
        self._null_usage = answer.chat.asks_usage and flavour.placement is Placement.EXTRA_CHUNK
        self._prefix = answer.event_prefix
        self._base: dict[str, Any] = {
            "id": answer.id,
            "object": "",
            "created": answer.at // SECOND,
            "model": answer.chat.model,
            **flavour.members,
            **answer.members,
        }
        if flavour.fingerprint is not None:
            self._base["system_fingerprint"] = flavour.fingerprint

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        told = [choice | self._beside(choice["message"]) for choice in choices]
        answer = {**self._base, "object": "chat.completion", "choices": told, "usage": usage}
        if self._flavour.request_id_member is not None:
            answer[self._flavour.request_id_member] = request_id
        return encode(answer, self._spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        flavour = self._flavour
        if flavour.delta_role is not None:
            delta = {"role": flavour.delta_role, **delta}
        beside = self._beside(delta)
        choice: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": finish or flavour.unfinished}
        choice |= beside
        if choice_usage is not None:
            choice["usage"] = choice_usage
        return self._event([choice], usage)

    def _beside(self, said: dict[str, Any]) -> dict[str, Any]:
        """What stands beside a message or a delta, taken out of it."""
        return {name: said.pop(name) for name in self._flavour.beside if name in said}

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return self._event([], usage)

    def done(self) -> bytes:
        return self.message(b"[DONE]")

    def message(self, data: bytes) -> bytes:
        return self._prefix + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(encode(error_members(self._flavour, refusal)))

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        chunk = {**self._base, "object": "chat.completion.chunk", "choices": choices}
        if usage is not None or self._null_usage:
            chunk["usage"] = usage
        return self.message(encode(chunk, self._spelling))


def message(text: str, reasoning: dict[str, str], calls: tuple[ToolCall, ...], ids: list[str]) -> dict[str, Any]:
    """The assistant's message of an answer in one piece, with the members that its ``reasoning`` is."""
    body: dict[str, Any] = {"role": "assistant", "content": None if calls and not text else text}
    body |= reasoning
    if calls:
        body["tool_calls"] = [
            {"index": index, "id": ids[index], "type": "function",
             "function": {"name": call.name, "arguments": call.arguments}}
            for index, call in enumerate(calls)
        ]  # fmt: skip
    return body


def call_delta(index: int, arguments: str, name: str | None = None, call: str | None = None) -> dict[str, Any]:
    """A delta with a part of a tool call; its name and id come with the first part only."""
    function: dict[str, Any] = {"arguments": arguments}
    part: dict[str, Any] = {"index": index}
    if name is not None:
        function = {"name": name, "arguments": arguments}
        part |= {"id": call, "type": "function"}
    return {"tool_calls": [part | {"function": function}]}


def error_members(flavour: Flavour, refusal: Refusal) -> dict[str, Any]:
    """What an error body is made of, and what a stream carries in its middle."""
    text = refusal.message
    match refusal.envelope or flavour.envelope:
        case Envelope.OPENAI:
            return {"error": {"message": text, "type": refusal.type, "param": None, "code": refusal.code}}
        case Envelope.TYPE:
            return {"error": {"type": refusal.type, "message": text}}
        case Envelope.CODE:
            return {"error": {"code": refusal.code, "message": text}}
        case Envelope.LLAMA:
            return {"error": {"code": refusal.status, "message": text, "type": refusal.type}}
        case Envelope.TYPED:
            return {"type": "error", "error": {"type": refusal.type, "message": text}}
        case Envelope.BASE_RESP:
            return {"choices": None, "base_resp": {"status_code": refusal.code, "status_msg": text}}
        case Envelope.FLAT:
            return dict(zip(flavour.flat, (refusal.code, text), strict=True))
        case Envelope.VLLM:
            return {"object": "error", "message": text, "type": refusal.type, "param": None, "code": refusal.status}
