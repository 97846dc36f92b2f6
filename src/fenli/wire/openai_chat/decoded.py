"""A chat request read whole, for vendors that speak another dialect: their bodies are made afresh from it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.request import ChatRequest, encode_members

# Members that say nothing of the answer itself: a vendor without them gives the same one.
HINTS: Final = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "fenli"}
)
# What `ChatBody` and `ChatRequest` carry under names of their own.
_PLAIN: Final = frozenset({"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n"})

# What says no more than leaving it out does, whatever the member; and of some members. Clients send these unasked.
_NOTHING: Final = (b"null", b"[]", b"{}", b"false")
_USUAL: Final = {
    "frequency_penalty": (b"0", b"0.0"),
    "presence_penalty": (b"0", b"0.0"),
    "top_logprobs": (b"0",),
    "parallel_tool_calls": (b"true",),
    "tool_choice": (b'"auto"',),
}


class Function(msgspec.Struct, frozen=True):
    """``arguments`` is JSON text, as it travels."""

    name: str = ""
    arguments: str = ""


class ToolCall(msgspec.Struct, frozen=True):
    """``extra_content`` is what a vendor wants back with the call that it made."""

    id: str = ""
    type: str = "function"
    function: Function = Function()
    extra_content: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True):
    """``content`` parts are as the caller wrote them. ``tool_call_id`` says which call a tool's result answers.

    ``thinking_blocks`` and ``extra_content`` are what a vendor wants back with the turn that it wrote.
    """

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    thinking_blocks: tuple[dict[str, Any], ...] | None = None
    extra_content: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The words of it, parts joined."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part["text"] for part in self.parts if isinstance(part.get("text"), str))

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The content as parts, however it was written."""
        if isinstance(self.content, list):
            return self.content
        return [{"type": "text", "text": self.content}] if self.content else []


class FunctionTool(msgspec.Struct, frozen=True):
    """``parameters`` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, frozen=True):
    """``cache_control`` marks that everything up to this tool is to be cached."""

    type: str
    function: FunctionTool | None = None
    cache_control: dict[str, Any] | None = None


class NamedFunction(msgspec.Struct, frozen=True):
    name: str


class NamedTool(msgspec.Struct, frozen=True):
    """``tool_choice`` where it names the function that must be called."""

    function: NamedFunction
    type: str = "function"


class JsonSchema(msgspec.Struct, frozen=True):
    name: str = ""
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True):
    type: str
    json_schema: JsonSchema | None = None


class ChatBody(msgspec.Struct, frozen=True):
    """What most dialects have a word for. Whatever else the request has stands in `ChatRequest.fields`.

    The limits and ``n`` are `ChatRequest.output_limit` and `choices`.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: str | tuple[str, ...] | None = None
    reasoning_effort: str | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else self.stop


_decode = msgspec.json.Decoder(ChatBody).decode
_decode_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_hint = msgspec.json.Decoder(str | None).decode
_READ: Final = frozenset(ChatBody.__struct_fields__)
_FORMS: Final = ("text", "json_object", "json_schema")


def decoded(ask: ChatRequest) -> ChatBody:
    """Raises CallRefused where a member is not what the dialect says it must be."""
    wanted = {name: value for name, value in ask.fields.items() if name in _READ and bytes(value) != b"null"}
    try:
        chat = _decode(encode_members(wanted))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallRefused(Code.INVALID_VALUE, f"the request is no chat completion request: {error}") from None
    form = chat.response_format
    if form is not None and (form.type not in _FORMS or (form.type == "json_schema" and form.json_schema is None)):
        message = f"'response_format' must be {', '.join(_FORMS)}, the last with its schema in 'json_schema'"
        raise CallRefused(Code.INVALID_VALUE, message, "response_format")
    return chat


def refuse_unknown(ask: ChatRequest, vendor: str, taken: Collection[str]) -> None:
    """Refuses what ``vendor`` has no word for, so that nothing asked for is dropped in silence.

    ``taken``: the members that its dialect carries over, beside messages, limits and hints. Raises CallRefused.
    """
    for name, value in ask.fields.items():
        if name in taken or name in _PLAIN or name in HINTS or _says_nothing(ask, name, bytes(value)):
            continue
        message = f"{vendor} has no {name!r} in the dialect it is asked in: leave it out, or ask another model"
        raise CallRefused(Code.INVALID_VALUE, message, name)
    if ask.choices > 1 and "n" not in taken:
        raise CallRefused(Code.INVALID_VALUE, f"{vendor} gives one answer a call: leave 'n' out, or send 1", "n")


def _says_nothing(ask: ChatRequest, name: str, value: bytes) -> bool:
    if name == "parallel_tool_calls" and value == b"false":
        return "tools" not in ask.fields
    return value in _NOTHING or value in _USUAL.get(name, ())


def hint(ask: ChatRequest, name: str) -> str | None:
    """A member of `HINTS` that is a text; None where it is of another shape, since nothing hangs on it."""
    try:
        word: str | None = _decode_hint(ask.fields.get(name, b"null"))
    except (msgspec.DecodeError, RecursionError):
        return None
    return word


def arguments_of(call: ToolCall, place: str) -> dict[str, msgspec.Raw]:
    """The object that a call's arguments spell, with its values as they are written; ``place`` is where they stand.

    Raises CallRefused for anything else."""
    try:
        arguments: dict[str, msgspec.Raw] = _decode_arguments(call.function.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        raise CallRefused(Code.INVALID_VALUE, f"{place} must be a JSON object, written as text", place) from None
    return arguments
