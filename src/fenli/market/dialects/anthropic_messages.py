"""Anthropic's Messages API: strict about what it is sent, and answers in named events.

What it lets callers prove is simulated: the signature of a thinking block is a digest of its words, and a block that
comes back with another one is refused, as is a history that leaves thinking out where it has to be. It caches what is
marked to be cached, however short, and nothing else.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.market.usage import Count
from fenli.sim.random import Stream

_PATH: Final = "/v1/messages"
_VERSIONS: Final = ("2023-06-01", "2026-10-21")
_SAMPLING: Final = ("temperature", "top_p", "top_k")  # the newer version knows none of them
_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_BUDGET_MIN: Final = 1024

Block = dict[str, Any]


class _Message(msgspec.Struct):
    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else self.content


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str | list[Block] | None = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    tools: list[Block] | None = None
    tool_choice: Block | None = None
    thinking: Block | None = None
    output_config: Block | None = None
    metadata: Block | None = None
    service_tier: str | None = None
    speed: str | None = None
    cache_control: Block | None = None
    container: Any = None
    diagnostics: Any = None
    inference_geo: str | None = None


class _Chat(ChatBody, kw_only=True):
    """``marks``: so many messages, the system's among them, are to be cached; for an hour where it is ``lasting``."""

    marks: int = 0
    lasting: bool = False

    def marked(self) -> tuple[int, bool]:
        return self.marks, self.lasting


_decode: Final = msgspec.json.Decoder(_Body).decode


class Messages:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and ask.path == vendor.prefix + _PATH

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        version = ask.headers.get("anthropic-version", "")
        if version not in _VERSIONS:
            return (
                f"anthropic-version: {version!r} is not a valid version" if version else "anthropic-version: required"
            )
        try:
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return str(error)
        return _wrong(body, version) or _chat(body)

    def pen(self, flavour: Flavour, answer: Answer) -> MessagesPen:
        return MessagesPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode({**_error(refusal), "request_id": request_id})


MESSAGES: Final = Messages()


class ApiKey:
    """Implements `fenli.market.flavours.flavour.Admission`: of both headers that may bring a key, its own wins."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | None:
        scheme, _, token = ask.headers.get("authorization", "").partition(" ")
        key = ask.headers.get("x-api-key", token.strip() if scheme.lower() == "bearer" else "")
        return None if key in vendor.keys else Kind.BAD_KEY


def _wrong(body: _Body, version: str) -> str | None:
    sampled = [name for name in _SAMPLING if getattr(body, name) is not None]
    if sampled and version != _VERSIONS[0]:
        return f"{sampled[0]}: Extra inputs are not permitted"
    if body.temperature is not None and not 0 <= body.temperature <= 1:
        return "temperature: range: 0..1"
    if body.max_tokens < 1:
        return "max_tokens: Input should be greater than or equal to 1"
    if not body.messages:
        return "messages: at least one message is required"
    budget = (body.thinking or {}).get("budget_tokens", _BUDGET_MIN)
    if budget < _BUDGET_MIN:
        return f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_BUDGET_MIN}"
    if (body.thinking or {}).get("type") == "enabled" and budget >= body.max_tokens:
        return "`max_tokens` must be greater than `thinking.budget_tokens`"
    return next((wrong for at, _ in enumerate(body.messages) if (wrong := _wrong_message(body, at)) is not None), None)


def _wrong_message(body: _Body, at: int) -> str | None:
    message = body.messages[at]
    if message.role not in ("user", "assistant"):
        return f"messages.{at}.role: Input should be 'user' or 'assistant'"
    if not message.blocks:
        return f"messages.{at}: content must not be empty"
    for number, block in enumerate(message.blocks):
        if block.get("type") == "text" and not block.get("text"):
            return f"messages.{at}.content.{number}: text content blocks must be non-empty"
        if block.get("type") == "thinking" and block.get("signature") != signature_of(str(block.get("thinking"))):
            return f"messages.{at}.content.{number}: Invalid `signature` in `thinking` block"
    calls, results = _ids(message, "tool_use", "id"), _ids(message, "tool_result", "tool_use_id")
    before = body.messages[at - 1] if at else _Message("user", [])
    behind = body.messages[at + 1] if at + 1 < len(body.messages) else _Message("user", [])
    if not results <= _ids(before, "tool_use", "id"):
        return f"messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks"
    if not calls <= _ids(behind, "tool_result", "tool_use_id"):
        return f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after"
    if calls and (body.thinking or {}).get("type") == "enabled" and not _thought(message):
        return f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"
    return None


def _ids(message: _Message, kind: str, member: str) -> set[str]:
    return {str(block.get(member)) for block in message.blocks if block.get("type") == kind}


def _thought(message: _Message) -> bool:
    return str(message.blocks[0].get("type")).endswith("thinking")


def _chat(body: _Body) -> _Chat:
    system = [{"type": "text", "text": body.system}] if isinstance(body.system, str) else body.system or []
    said = [{"role": "system", "content": system}] if system else []
    choice = (body.tool_choice or {}).get("type")
    form = (body.output_config or {}).get("format")
    marks = [
        *_marks(system, 1),
        *(mark for at, one in enumerate(body.messages) for mark in _marks(one.blocks, at + len(said) + 1)),
    ]
    if body.cache_control is not None:
        marks.append((len(said) + len(body.messages), body.cache_control))
    marked, mark = max(marks, key=lambda one: one[0], default=(0, {}))
    plain: dict[str, Any] = {
        "model": body.model,
        "marks": marked,
        "lasting": mark.get("ttl") == "1h",
        "messages": [*said, *map(_said, body.messages)],
        "stream": body.stream,
        "max_tokens": body.max_tokens,
        "tools": [{"type": "function", "function": {"name": tool.get("name"), "parameters": tool.get("input_schema")}}
                  for tool in body.tools or ()],
        "tool_choice": "none" if choice == "none" else "auto",
        "enable_thinking": (body.thinking or {"type": "disabled"}).get("type") != "disabled",
    }  # fmt: skip
    if form is not None:
        plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": form.get("schema")}}
    return msgspec.convert(plain, _Chat)


def _marks(blocks: list[Block], place: int) -> list[tuple[int, Block]]:
    """What is to be cached up to the message at ``place``, counted from 1."""
    return [(place, block["cache_control"]) for block in blocks if isinstance(block.get("cache_control"), dict)]


def _said(message: _Message) -> dict[str, Any]:
    """A turn that brings results is a tool's, in OpenAI's words; what they say counts as its text."""
    brings = any(block.get("type") == "tool_result" for block in message.blocks)
    parts = [part for block in message.blocks for part in _texts(block)]
    return {"role": "tool" if brings else message.role, "content": parts}


def _texts(block: Block) -> list[Block]:
    inner = block.get("content") if block.get("type") == "tool_result" else None
    if isinstance(inner, list):
        return [part for part in inner if isinstance(part, dict)]
    return [{"type": "text", "text": inner}] if isinstance(inner, str) else [block]


def signature_of(thinking: str) -> str:
    return blake2b(thinking.encode(), digest_size=24).hexdigest()


def _error(refusal: Refusal) -> dict[str, Any]:
    return {"type": "error", "error": {"type": refusal.type, "message": refusal.message}}


class MessagesUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`. There is no total to be wrong: what was written to caches is."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        return {
            "input_tokens": count.prompt - count.cached - count.written - count.kept,
            "cache_read_input_tokens": count.cached,
            "cache_creation_input_tokens": count.written + count.kept + surplus,
            "cache_creation": {
                "ephemeral_5m_input_tokens": count.written,
                "ephemeral_1h_input_tokens": count.kept,
            },
            "output_tokens": count.completion,
            "output_tokens_details": {"thinking_tokens": count.reasoning},
            "service_tier": "standard",
        }


class MessagesPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_index", "_open", "_thinking")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream; charset=utf-8"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._index = -1
        self._open = ""  # the kind of block that is being written; of calls, their number
        self._thinking: list[str] = []

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        message, finish = choices[0]["message"], choices[0]["finish_reason"]
        blocks: list[Block] = []
        if thinking := message.get("reasoning_content"):
            blocks.append({"type": "thinking", "thinking": thinking, "signature": signature_of(thinking)})
        if message.get("content"):
            blocks.append({"type": "text", "text": message["content"]})
        for call in message.get("tool_calls", ()):
            if (made := _used(call)) is not None:
                blocks.append(made)
        return encode(self._message(blocks, _REASONS.get(finish, finish), usage), self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        if "role" in delta:
            begun = {**usage, "output_tokens": 1} if usage is not None else None
            return self._event({"type": "message_start", "message": self._message([], None, begun)}) + self._event(
                {"type": "ping"}
            )
        out = [self._written(delta)] if delta else []
        if finish is not None:
            out.append(self._stop())
            ending: dict[str, Any] = {
                "type": "message_delta",
                "delta": {"stop_reason": _REASONS.get(finish, finish), "stop_sequence": None},
            }
            out.append(self._event(ending if usage is None else {**ending, "usage": usage}))
        return b"".join(out)

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self._event({"type": "message_stop"})

    def message(self, data: bytes) -> bytes:
        return b"event: content_block_delta\ndata: " + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self._event(_error(refusal))

    def _written(self, delta: dict[str, Any]) -> bytes:
        if thinking := delta.get("reasoning_content"):
            self._thinking.append(thinking)
            begun = self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            return begun + self._more({"type": "thinking_delta", "thinking": thinking})
        if text := delta.get("content"):
            return self._start("text", {"type": "text", "text": ""}) + self._more({"type": "text_delta", "text": text})
        out = []
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            if "id" in call:
                block = {"type": "tool_use", "id": call["id"], "name": function["name"], "input": {}}
                out.append(self._start(f"call {call['index']}", block))
            out.append(self._more({"type": "input_json_delta", "partial_json": function["arguments"]}))
        return b"".join(out)

    def _start(self, kind: str, block: Block) -> bytes:
        if self._open == kind:
            return b""
        ended = self._stop()
        self._open, self._index = kind, self._index + 1
        return ended + self._event({"type": "content_block_start", "index": self._index, "content_block": block})

    def _more(self, delta: Block) -> bytes:
        return self._event({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        signed = b""
        if self._open == "thinking":
            signed = self._more({"type": "signature_delta", "signature": signature_of("".join(self._thinking))})
        self._open = ""
        return signed + self._event({"type": "content_block_stop", "index": self._index})

    def _event(self, event: dict[str, Any]) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event, self._answer.spelling))

    def _message(self, blocks: list[Block], reason: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usage": usage}
        return {
            "id": self._answer.id, "type": "message", "role": "assistant", "model": self._answer.chat.model,
            "content": blocks, "stop_reason": reason, "stop_sequence": None, **told,
        }  # fmt: skip


def _used(call: dict[str, Any]) -> Block | None:
    """None where the limit cut its arguments: half an object cannot be sent."""
    function = call["function"]
    try:
        arguments = msgspec.json.decode(function["arguments"], type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
