"""What a client asks of an emulated vendor, as the vendor reads it: strict where vendors are."""

from __future__ import annotations

from typing import Any

import msgspec

from fenli.market.usage import tokens_in


class Ask(msgspec.Struct, frozen=True):
    """One HTTP request. ``path`` begins with the vendor's own path; ``target`` is path and query as they were sent,
    which signatures cover; header names are lower case. Of a WebSocket, ``body`` is the first message."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    target: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[dict[str, Any]] | None = None


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class ChatBody(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _Options | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    thinking: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    reasoning_effort: str | None = None
    reasoning_format: str | None = None
    reasoning_split: bool | None = None
    tool_calls_switch: bool | None = None

    @property
    def asks_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def limit(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def thinks(self) -> bool:
        if self.thinking is not None:
            return self.thinking.get("type") in ("enabled", "auto")
        if self.enable_thinking is not None:
            return self.enable_thinking
        return self.reasoning_effort not in (None, "none") or "reasoner" in self.model or "thinking" in self.model

    @property
    def said(self) -> str:
        for message in reversed(self.messages):
            if message.role == "user":
                return text_of(message.content)
        return ""

    @property
    def usable_tools(self) -> tuple[dict[str, Any], ...]:
        """The tools that may be called now: none once the last message brings a tool's result."""
        if self.tool_choice == "none" or self.messages[-1].role == "tool":
            return ()
        return tuple(self.tools or ())

    def marked(self) -> tuple[int, bool] | None:
        """How many of the messages are marked to be cached, and whether for an hour; None where the vendor caches
        unasked."""
        return None

    @property
    def schema(self) -> dict[str, Any] | None:
        outer = (self.response_format or {}).get("json_schema")
        inner = outer.get("schema") if isinstance(outer, dict) else None
        return inner if isinstance(inner, dict) else None

    @property
    def wants_json(self) -> bool:
        return (self.response_format or {}).get("type") in ("json_object", "json_schema")

    def sizes(self) -> list[tuple[bytes, int]]:
        """Each message's content as bytes, and the tokens of everything up to it."""
        sizes = []
        total = 0
        for message in self.messages:
            content = text_of(message.content).encode()
            total += len(content)
            sizes.append((content, tokens_in(total)))
        return sizes


_decode = msgspec.json.Decoder(ChatBody).decode


def parse_chat(body: bytes) -> ChatBody | str:
    """The request, or what is wrong with it."""
    try:
        chat = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error)
    if not chat.messages:
        return "messages: at least one is required"
    if chat.limit is not None and chat.limit < 1:
        return f"max_tokens: {chat.limit} is less than the minimum of 1"
    if chat.n is not None and not 1 <= chat.n <= 8:
        return f"n: {chat.n} is not between 1 and 8"
    return chat


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content or () if isinstance(part.get("text"), str))
