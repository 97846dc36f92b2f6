"""Ollama's own chat API: a JSON text on each line, tool calls as objects, no keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from fenli.clock import SECOND
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.market.usage import Count, split_tokens
from fenli.sim.random import Stream

_PATH: Final = "/api/chat"


class _Function(msgspec.Struct):
    name: str
    arguments: dict[str, Any]


class _Call(msgspec.Struct):
    function: _Function


class _Message(msgspec.Struct):
    role: str
    content: str = ""
    images: list[str] | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None


class _Options(msgspec.Struct):
    num_predict: int | None = None
    temperature: float | None = None
    stop: list[str] | None = None


class OllamaBody(ChatBody, kw_only=True):
    logprobs: bool = False
    top_logprobs: int = 0


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool = True
    think: bool | str | None = None
    format: str | dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    options: _Options = msgspec.field(default_factory=_Options)


_decode = msgspec.json.Decoder(_Body).decode


class Ollama:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path == vendor.prefix + _PATH

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        if not body.messages:
            return "messages: at least one is required"
        if not 0 <= body.top_logprobs <= 20:
            return "top_logprobs must be between 0 and 20"
        return _chat(body)

    def pen(self, flavour: Flavour, answer: Answer) -> OllamaPen:
        return OllamaPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({"error": refusal.message})


OLLAMA_CHAT: Final = Ollama()


def _chat(body: _Body) -> OllamaBody:
    limit = body.options.num_predict
    plain: dict[str, Any] = {
        "model": body.model,
        "messages": [{"role": message.role, "content": message.content} for message in body.messages],
        "stream": body.stream,
        "max_tokens": limit if limit is not None and limit > 0 else None,
        "tools": body.tools,
        "enable_thinking": bool(body.think),
        "logprobs": body.logprobs,
        "top_logprobs": body.top_logprobs,
    }
    if isinstance(body.format, dict):
        plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": body.format}}
    elif body.format == "json":
        plain["response_format"] = {"type": "json_object"}
    return msgspec.convert(plain, OllamaBody)


class OllamaUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`. It counts what it evaluated: a prompt that was still in the cache as
    a whole is not told at all, and there is no total to be wrong."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        evaluated = count.prompt - count.cached
        told = {"prompt_eval_count": evaluated} if evaluated else {}
        return {**told, "eval_count": count.completion}


class OllamaPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_base", "_chat", "_spelling")

    whole_type: Final = b"application/json; charset=utf-8"
    stream_type: Final = b"application/x-ndjson"

    def __init__(self, answer: Answer) -> None:
        assert isinstance(answer.chat, OllamaBody)
        self._chat = answer.chat
        made = datetime.fromtimestamp(answer.at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._base = {"model": answer.chat.model, "created_at": f"{made}.{answer.at % SECOND:09}Z"}
        self._spelling = answer.spelling

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        return encode(self._line(choices[0]["message"], choices[0]["finish_reason"], usage), self._spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        if not any(delta.get(name) for name in ("content", "thinking", "tool_calls")) and finish is None:
            return b""
        return self.message(encode(self._line(delta, finish, usage), self._spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return data + b"\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(encode({"error": refusal.message}, self._spelling))

    def _line(self, said: dict[str, Any], finish: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": said.get("content") or ""}
        if said.get("thinking"):
            message["thinking"] = said["thinking"]
        calls = [call for part in said.get("tool_calls", ()) if (call := _called(part["function"])) is not None]
        if calls:
            message["tool_calls"] = calls
        line = {**self._base, "message": message, "done": finish is not None}
        if self._chat.logprobs and message["content"]:
            line["logprobs"] = self._logprobs(message["content"])
        if finish is None:
            return line
        spans = {"total_duration": SECOND, "load_duration": 0, "prompt_eval_duration": 0, "eval_duration": SECOND}
        return {**line, "done_reason": "length" if finish == "length" else "stop", **spans, **(usage or {})}

    def _logprobs(self, text: str) -> list[dict[str, Any]]:
        """Of each token; made up."""
        likely = [{"token": token, "logprob": -0.5, "bytes": list(token.encode())} for token in split_tokens(text)]
        top = self._chat.top_logprobs
        return [{**one, "top_logprobs": [one] * top} if top else one for one in likely]


def _called(function: dict[str, Any]) -> dict[str, Any] | None:
    """None where the limit cut its arguments: half an object cannot be sent."""
    try:
        arguments = msgspec.json.decode(function["arguments"], type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    return {"function": {"name": function["name"], "arguments": arguments}}
