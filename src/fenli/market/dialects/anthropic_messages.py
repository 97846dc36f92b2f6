"""Anthropic's Messages API: strict about what it is sent, and answers in named events.

What it lets callers prove is simulated: the signature of a thinking block is a digest of its words, and a block that
comes back with another one is refused, as is a history that leaves thinking out where it has to be. It caches what is
marked to be cached, however short, and nothing else.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.anthropic_pen import Block, MessagesPen, error_of, signature_of
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.sim.random import Stream

_PATH: Final = "/v1/messages"
_VERSIONS: Final = ("2023-06-01", "2026-10-21")
_SAMPLING: Final = ("temperature", "top_p", "top_k")  # the newer version knows none of them
_BUDGET_MIN: Final = 1024
_SEARCHING: Final = ("web_search_20250305", "web_search")


class _Message(msgspec.Struct):
    role: str
    content: str | list[Block]

    @property
    def blocks(self) -> list[Block]:
        return [{"type": "text", "text": self.content}] if isinstance(self.content, str) else self.content


class _Thinking(msgspec.Struct, frozen=True):
    type: str
    budget_tokens: int = _BUDGET_MIN


class _Form(msgspec.Struct, frozen=True):
    type: str
    schema: dict[str, Any]


class _Output(msgspec.Struct, frozen=True):
    effort: str | None = None
    format: _Form | None = None


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
    thinking: _Thinking = _Thinking("disabled")
    output_config: _Output = _Output()
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
        return encode({**error_of(refusal), "request_id": request_id})


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
    if body.thinking.budget_tokens < _BUDGET_MIN:
        return f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_BUDGET_MIN}"
    for at, tool in enumerate(body.tools or ()):
        if "input_schema" not in tool and (tool.get("type"), tool.get("name")) != _SEARCHING:
            return f"tools.{at}: Input tag {tool.get('type')!r} found using 'type' is not one that is known"
    if body.thinking.type == "enabled" and body.thinking.budget_tokens >= body.max_tokens:
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
    if calls and body.thinking.type == "enabled" and not _thought(message):
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
    form = body.output_config.format
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
                  for tool in body.tools or () if "input_schema" in tool],
        "tool_choice": "none" if choice == "none" else "auto",
        "enable_thinking": body.thinking.type != "disabled",
    }  # fmt: skip
    if form is not None:
        plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": form.schema}}
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
