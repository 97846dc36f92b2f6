"""Gemini's generateContent: the model stands in the path, and every part of a stream is a response of its own.

What it wants back is simulated: the signature of a function call is a digest of it. Models from 3 on refuse a history
whose first call after the user's last words bears none, or whose signatures are not theirs.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.gemini_pen import GeminiChat, GenerateContentPen, error_of, signature_of
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.sim.random import Stream

_PATH: Final = re.compile("/models/([^/:]+):(generateContent|streamGenerateContent)")
_SIGNS: Final = re.compile("gemini-[3-9]")
_UNCHECKED: Final = "skip_thought_signature_validator"
_KEYLESS: Final = Refusal(
    Kind.BAD_KEY, 403, "Method doesn't allow unregistered callers. Please use API Key.", type="PERMISSION_DENIED"
)


class _Call(msgspec.Struct, frozen=True):
    name: str = ""
    args: dict[str, Any] = {}
    id: str | None = None


class _Result(msgspec.Struct, frozen=True):
    name: str
    response: dict[str, Any]
    id: str | None = None


class _Part(msgspec.Struct, frozen=True, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str = ""
    function_call: _Call | None = None
    function_response: _Result | None = None
    inline_data: dict[str, str] | None = None
    file_data: dict[str, str] | None = None


class _Content(msgspec.Struct, frozen=True):
    parts: tuple[_Part, ...] = ()
    role: str = "user"

    @property
    def calls(self) -> list[_Part]:
        return [part for part in self.parts if part.function_call is not None]

    @property
    def results(self) -> list[_Part]:
        return [part for part in self.parts if part.function_response is not None]


class _Thinking(msgspec.Struct, frozen=True, rename="camel"):
    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str | None = None

    @property
    def on(self) -> bool:
        return self != _Thinking() and self.thinking_budget != 0


class _Config(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    temperature: float = 1
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    stop_sequences: tuple[str, ...] = ()
    response_mime_type: str = ""
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    response_modalities: tuple[str, ...] = ()
    thinking_config: _Thinking = _Thinking()
    response_logprobs: bool = False
    logprobs: int | None = None
    media_resolution: str | None = None
    speech_config: Any = None


class _Declared(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None


class _Tool(msgspec.Struct, frozen=True, rename="camel"):
    function_declarations: tuple[_Declared, ...] = ()
    google_search: dict[str, Any] | None = None


class _Calling(msgspec.Struct, frozen=True):
    mode: str = "AUTO"


class _ToolConfig(msgspec.Struct, frozen=True, rename="camel"):
    function_calling_config: _Calling = _Calling()


class _Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    contents: tuple[_Content, ...]
    system_instruction: _Content | None = None
    tools: tuple[_Tool, ...] = ()
    tool_config: _ToolConfig = _ToolConfig()
    generation_config: _Config = _Config()
    safety_settings: tuple[dict[str, str], ...] = ()
    cached_content: str | None = None


# Members that hold the caller's own names.
_FREE: Final = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}
)


class GenerateContent:
    """Implements `fenli.market.flavours.flavour.Dialect`."""

    def serves(self, vendor: Place, ask: Ask) -> bool:
        return ask.method == "POST" and _found(vendor, ask) is not None

    def aside(self, vendor: Place, ask: Ask, now: int, chance: Stream) -> Plain | None:
        return None

    def read(self, vendor: Place, ask: Ask) -> ChatBody | str:
        found = _found(vendor, ask)
        assert found is not None
        try:
            body = msgspec.convert(_camel(msgspec.json.decode(ask.body)), _Body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"Invalid JSON payload received. {error}"
        model = unquote(found[1])
        signs = _SIGNS.match(model) is not None
        streams = found[2] == "streamGenerateContent"
        if streams and "alt=sse" not in urlsplit(ask.target).query.split("&"):
            return "This market streams events alone: ask with alt=sse"
        return _wrong(body, signs) or _chat(body, model, streams, signs)

    def pen(self, flavour: Flavour, answer: Answer) -> GenerateContentPen:
        return GenerateContentPen(answer)

    def error_body(self, flavour: Flavour, refusal: Refusal, request_id: str) -> bytes:
        return encode(error_of(refusal))


GENERATE_CONTENT: Final = GenerateContent()


class GoogleKey:
    """Implements `fenli.market.flavours.flavour.Admission`: a header of its own, or ``key`` in the query."""

    def refused(self, vendor: Place, ask: Ask, now: int) -> Kind | Refusal | None:
        query = dict(part.partition("=")[::2] for part in urlsplit(ask.target).query.split("&"))
        key = ask.headers.get("x-goog-api-key") or query.get("key")
        if not key:
            return _KEYLESS
        return None if key in vendor.keys else Kind.BAD_KEY


def _found(vendor: Place, ask: Ask) -> re.Match[str] | None:
    return _PATH.fullmatch(ask.path.removeprefix(vendor.prefix)) if ask.path.startswith(vendor.prefix) else None


def _camel(value: Any) -> Any:
    """Names are taken with underscores, too, as Google's own client writes some."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub("_([a-z])", lambda found: found[1].upper(), name): inner for name, inner in value.items()}
    return {name: inner if name in _FREE else _camel(inner) for name, inner in named.items()}


def _wrong(body: _Body, signs: bool) -> str | None:
    if not body.contents:
        return "GenerateContentRequest.contents: contents is not specified"
    config = body.generation_config
    if not 0 <= config.temperature <= 2:
        return "temperature must be in the range [0.0, 2.0]"
    if len(config.stop_sequences) > 5:
        return "stop_sequences must have at most 5 items"
    if config.logprobs is not None and not (config.response_logprobs and 0 <= config.logprobs <= 20):
        return "logprobs must be in the range [0, 20], and response_logprobs must be set"
    asked = max(at for at, content in enumerate(body.contents) if at == 0 or _asks(content))
    for at, content in enumerate(body.contents):
        if content.role not in ("user", "model", "function"):
            return "Please use a valid role: user, model."
        behind = body.contents[at + 1] if at + 1 < len(body.contents) else _Content()
        if content.calls and len(content.calls) != len(behind.results):
            return (
                "The number of function response parts must equal that of the function call parts of the call's turn."
            )
        if signs and (wrong := _unsigned(content.calls, wanted=at > asked)) is not None:
            return wrong
    return None


def _asks(content: _Content) -> bool:
    return content.role == "user" and not content.results


def _unsigned(calls: list[_Part], *, wanted: bool) -> str | None:
    for at, part in enumerate(calls):
        call, signature = part.function_call, part.thought_signature
        assert call is not None
        if not signature and at == 0 and wanted:
            return f"Function call `{call.name}` is missing a thought_signature."
        if signature not in ("", _UNCHECKED, signature_of(call.name, call.args)):
            return "Corrupted thought signature."
    return None


def _chat(body: _Body, model: str, streams: bool, signs: bool) -> GeminiChat:
    config = body.generation_config
    schema = config.response_json_schema or config.response_schema
    apart = [{"role": "system", "content": _texts(body.system_instruction)}] if body.system_instruction else []
    plain: dict[str, Any] = {
        "model": model,
        "messages": [*apart, *({"role": _role(one), "content": _texts(one)} for one in body.contents)],
        "stream": streams,
        "max_tokens": config.max_output_tokens,
        "n": config.candidate_count,
        "tools": [_tool(one) for tool in body.tools for one in tool.function_declarations],
        "tool_choice": "none" if body.tool_config.function_calling_config.mode == "NONE" else "auto",
        "enable_thinking": config.thinking_config.on,
        "signs": signs,
        "logprobs": config.response_logprobs,
        "top_logprobs": config.logprobs or 0,
    }
    if schema is not None:
        plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": _lower(schema)}}
    elif config.response_mime_type == "application/json":
        plain["response_format"] = {"type": "json_object"}
    return msgspec.convert(plain, GeminiChat)


def _role(content: _Content) -> str:
    if content.results:
        return "tool"
    return "assistant" if content.role == "model" else "user"


def _texts(content: _Content) -> list[dict[str, Any]]:
    texts = [part.text for part in content.parts if part.text is not None]
    told = [encode(part.function_response).decode() for part in content.results]
    return [{"type": "text", "text": text} for text in (*texts, *told)]


def _tool(declared: _Declared) -> dict[str, Any]:
    schema = declared.parameters_json_schema or declared.parameters or {}
    return {"type": "function", "function": {"name": declared.name, "parameters": _lower(schema)}}


def _lower(schema: Any) -> Any:
    """Types are written in capitals where a schema is not a JSON schema."""
    if isinstance(schema, list):
        return [_lower(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else _lower(value)
        for name, value in schema.items()
    }
