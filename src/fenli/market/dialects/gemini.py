"""Gemini's generateContent: the model stands in the path, and every part of a stream is a response of its own.

What it wants back is simulated: the signature of a function call is a digest of it. Models from 3 on refuse a history
whose first call after the user's last words bears none, or whose signatures are not theirs.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Flavour, Place, Plain, Refusal
from fenli.market.requests import Ask, ChatBody
from fenli.market.usage import Count
from fenli.sim.random import Stream

_PATH: Final = re.compile("/models/([^/:]+):(generateContent|streamGenerateContent)")
_SIGNS: Final = re.compile("gemini-[3-9]")
_UNCHECKED: Final = "skip_thought_signature_validator"
_REASONS: Final = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"}
_KEYLESS: Final = Refusal(
    Kind.BAD_KEY, 403, "Method doesn't allow unregistered callers. Please use API Key.", type="PERMISSION_DENIED"
)

Part = dict[str, Any]


class _Content(msgspec.Struct):
    parts: list[Part] = []
    role: str = "user"


class _Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    contents: list[_Content]
    system_instruction: _Content | None = None
    tools: list[dict[str, Any]] = []
    tool_config: dict[str, Any] = {}
    generation_config: dict[str, Any] = {}
    safety_settings: list[dict[str, Any]] = []
    cached_content: str | None = None


_CONFIG: Final = frozenset(
    {
        "temperature", "topP", "topK", "seed", "frequencyPenalty", "presencePenalty", "maxOutputTokens",
        "candidateCount", "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema",
        "responseModalities", "thinkingConfig", "responseLogprobs", "logprobs", "mediaResolution", "speechConfig",
    }
)  # fmt: skip
_decode: Final = msgspec.json.Decoder(_Body).decode


class _Chat(ChatBody, kw_only=True):
    """``events``: a stream in events, rather than as one list. ``signs``: calls come with a signature."""

    events: bool = True
    signs: bool = False


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
            body = _decode(ask.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
        return encode(_error(refusal))


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


def _wrong(body: _Body, signs: bool) -> str | None:
    unknown = sorted(body.generation_config.keys() - _CONFIG)
    if unknown:
        return (
            f"Invalid JSON payload received. Unknown name \"{unknown[0]}\" at 'generation_config': Cannot find field."
        )
    if not body.contents:
        return "GenerateContentRequest.contents: contents is not specified"
    if not 0 <= body.generation_config.get("temperature", 1) <= 2:
        return "temperature must be in the range [0.0, 2.0]"
    if len(body.generation_config.get("stopSequences", ())) > 5:
        return "stop_sequences must have at most 5 items"
    asked = max(at for at, content in enumerate(body.contents) if at == 0 or _asks(content))
    for at, content in enumerate(body.contents):
        if content.role not in ("user", "model", "function"):
            return "Please use a valid role: user, model."
        calls = [part for part in content.parts if "functionCall" in part]
        behind = body.contents[at + 1] if at + 1 < len(body.contents) else _Content()
        if calls and len(calls) != len([part for part in behind.parts if "functionResponse" in part]):
            return (
                "The number of function response parts must equal that of the function call parts of the call's turn."
            )
        if signs and (wrong := _unsigned(calls, wanted=at > asked)) is not None:
            return wrong
    return None


def _asks(content: _Content) -> bool:
    return content.role == "user" and not any("functionResponse" in part for part in content.parts)


def _unsigned(calls: list[Part], *, wanted: bool) -> str | None:
    if calls and wanted and "thoughtSignature" not in calls[0]:
        return f"Function call `{calls[0]['functionCall'].get('name')}` is missing a thought_signature."
    for call in calls:
        signature = call.get("thoughtSignature", _UNCHECKED)
        if signature not in (_UNCHECKED, signature_of(call["functionCall"])):
            return "Corrupted thought signature."
    return None


def _chat(body: _Body, model: str, streams: bool, signs: bool) -> _Chat:
    config = body.generation_config
    thinking = config.get("thinkingConfig", {})
    calling = body.tool_config.get("functionCallingConfig", {})
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    apart = [{"role": "system", "content": _texts(body.system_instruction.parts)}] if body.system_instruction else []
    plain: dict[str, Any] = {
        "model": model,
        "messages": [*apart, *({"role": _role(one), "content": _texts(one.parts)} for one in body.contents)],
        "stream": streams,
        "max_tokens": config.get("maxOutputTokens"),
        "n": config.get("candidateCount"),
        "tools": [_tool(one) for tool in body.tools for one in tool.get("functionDeclarations", ())],
        "tool_choice": "none" if calling.get("mode") == "NONE" else "auto",
        "enable_thinking": bool(thinking) and thinking.get("thinkingBudget") != 0,
        "signs": signs,
    }
    if schema is not None:
        plain["response_format"] = {"type": "json_schema", "json_schema": {"schema": _lower(schema)}}
    elif config.get("responseMimeType") == "application/json":
        plain["response_format"] = {"type": "json_object"}
    return msgspec.convert(plain, _Chat)


def _role(content: _Content) -> str:
    if any("functionResponse" in part for part in content.parts):
        return "tool"
    return "assistant" if content.role == "model" else "user"


def _texts(parts: list[Part]) -> list[Part]:
    said = [part["text"] if "text" in part else encode(part["functionResponse"]).decode()
            for part in parts if "text" in part or "functionResponse" in part]  # fmt: skip
    return [{"type": "text", "text": text} for text in said]


def _tool(declared: dict[str, Any]) -> dict[str, Any]:
    schema = declared.get("parametersJsonSchema") or declared.get("parameters") or {}
    return {"type": "function", "function": {"name": declared.get("name"), "parameters": _lower(schema)}}


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


def signature_of(call: dict[str, Any]) -> str:
    said = encode([call.get("name"), call.get("args", {})])
    return b64encode(blake2b(said, digest_size=24).digest()).decode()


def _error(refusal: Refusal) -> dict[str, Any]:
    if refusal.kind is Kind.CONTENT_FILTERED:
        return {"promptFeedback": {"blockReason": refusal.code}}
    details: list[dict[str, Any]] = []
    if refusal.type == "RESOURCE_EXHAUSTED":
        failure = "type.googleapis.com/google.rpc.QuotaFailure"
        details.append({"@type": failure, "violations": [{"quotaId": refusal.code}]})
    elif refusal.code is not None:
        reason = {"reason": refusal.code, "domain": "googleapis.com"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason})
    if refusal.retry_after is not None:
        wait = {"retryDelay": f"{refusal.retry_after}s"}
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", **wait})
    error = {"code": refusal.status, "message": refusal.message, "status": refusal.type}
    return {"error": {**error, "details": details} if details else error}


class GenerateContentUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`. What is zero is left out."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        told = {
            "promptTokenCount": count.prompt,
            "cachedContentTokenCount": count.cached,
            "candidatesTokenCount": count.completion - count.reasoning,
            "thoughtsTokenCount": count.reasoning,
            "totalTokenCount": count.prompt + count.completion + surplus,
        }
        return {name: number for name, number in told.items() if number}


class GenerateContentPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_signs")

    whole_type: Final = b"application/json; charset=UTF-8"
    stream_type: Final = b"text/event-stream"

    def __init__(self, answer: Answer) -> None:
        chat = answer.chat
        assert isinstance(chat, _Chat)
        self._answer = answer
        self._signs = chat.signs

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        told = [self._candidate(one["index"], self._parts(one["message"]), one["finish_reason"]) for one in choices]
        return encode(self._response(told, usage), self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        parts = self._parts(delta)
        if not parts and finish is None:
            return b""
        response = self._response([self._candidate(index, parts, finish)], usage)
        return self.message(encode(response, self._answer.spelling))

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return b""

    def message(self, data: bytes) -> bytes:
        return b"data: " + data + b"\r\n\r\n"

    def error(self, refusal: Refusal) -> bytes:
        return self.message(encode(_error(refusal)))

    def _parts(self, said: dict[str, Any]) -> list[Part]:
        parts: list[Part] = []
        if said.get("reasoning_content"):
            parts.append({"text": said["reasoning_content"], "thought": True})
        if said.get("content"):
            parts.append({"text": said["content"]})
        return [*parts, *(part for call in said.get("tool_calls", ()) if (part := self._call(call)) is not None)]

    def _call(self, call: dict[str, Any]) -> Part | None:
        """None where the limit cut its arguments: half an object cannot be sent."""
        function = call["function"]
        try:
            arguments = msgspec.json.decode(function["arguments"], type=dict[str, Any])
        except msgspec.DecodeError:
            return None
        made = {"name": function["name"], "args": arguments}
        if not self._signs:
            return {"functionCall": made}
        return {"functionCall": {"id": call["id"], **made}, "thoughtSignature": signature_of(made)}

    def _candidate(self, index: int, parts: list[Part], finish: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
        return candidate if finish is None else {**candidate, "finishReason": _REASONS.get(finish, finish)}

    def _response(self, candidates: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usageMetadata": usage}
        return {
            "candidates": candidates, **told, "modelVersion": self._answer.chat.model, "responseId": self._answer.id,
        }  # fmt: skip
