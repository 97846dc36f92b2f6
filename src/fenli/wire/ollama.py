"""Ollama's own chat API (``/api/chat``).

Source: ollama 0.6.3 (its Python client). One JSON text, or a stream of them, a line each; the last has ``done`` and the
counts. Tool calls carry their arguments as objects, and images stand beside the text as base64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody, Message, ToolCall, decoded, refuse_unknown
from fenli.wire.openai_chat.logprobs import Logprob
from fenli.wire.openai_chat.request import ChatRequest
from fenli.wire.translated import CallPart, Said, spelled

# Members that go as they are, beside those that `ChatBody` has.
OWN: Final = frozenset({"think", "keep_alive", "format", "options", "logprobs", "top_logprobs"})
_OPTIONS: Final = (
    "temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "repeat_penalty", "min_p",
)  # fmt: skip
_CARRIED: Final = OWN.union(_OPTIONS, ("stop", "tools", "tool_choice", "parallel_tool_calls", "response_format"))

_encode = msgspec.json.encode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chat(ask: ChatRequest, model: bytes, vendor: str) -> bytes:
    """The body of a request for ``model`` (JSON). Raises CallRefused for what the dialect cannot say."""
    refuse_unknown(ask, vendor, _CARRIED)
    body = decoded(ask)
    wanted: dict[str, Any] = {
        "model": msgspec.Raw(model),
        "messages": list(_messages(body.messages)),
        "stream": ask.stream,
    }
    if _may_call(body):
        wanted["tools"] = msgspec.Raw(ask.fields["tools"])
    if (shape := _format(body)) is not None:
        wanted["format"] = shape
    wanted |= {name: msgspec.Raw(ask.fields[name]) for name in sorted(OWN - {"options"}) if name in ask.fields}
    if options := _options(ask, body):
        wanted["options"] = options
    return _encode(wanted)


def _may_call(body: ChatBody) -> bool:
    """Whether the tools are sent: which of them is called, and how many at once, is the model's to choose."""
    if body.tool_choice not in (None, "auto", "none"):
        message = 'this server leaves it to the model which tool it calls: write "auto" or "none"'
        raise CallRefused(Code.INVALID_VALUE, message, "tool_choice")
    if body.parallel_tool_calls is False:
        message = "this server cannot keep a model from calling several tools at once: leave it out"
        raise CallRefused(Code.INVALID_VALUE, message, "parallel_tool_calls")
    return bool(body.tools) and body.tool_choice != "none"


def _options(ask: ChatRequest, body: ChatBody) -> dict[str, Any]:
    options: dict[str, Any] = {name: msgspec.Raw(ask.fields[name]) for name in _OPTIONS if name in ask.fields}
    if ask.output_limit is not None:
        options["num_predict"] = ask.output_limit
    if body.stops:
        options["stop"] = body.stops
    if "options" not in ask.fields:
        return options
    try:
        return options | _object(ask.fields["options"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CallRefused(Code.INVALID_VALUE, "'options' must be an object", "options") from None


def _format(body: ChatBody) -> Any:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.json_schema is not None:
        return wanted.json_schema.schema or {}
    return "json"


def _messages(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    names: dict[str, str] = {}  # of the functions that were called, by the call's id
    for message in messages:
        said: dict[str, Any] = {"role": "system" if message.role == "developer" else message.role}
        said["content"] = message.text
        if images := [_image(part) for part in message.parts if part.get("type") != "text"]:
            said["images"] = images
        if message.reasoning_content:
            said["thinking"] = message.reasoning_content
        if message.tool_calls:
            names |= {call.id: call.function.name for call in message.tool_calls}
            said["tool_calls"] = [_called(call) for call in message.tool_calls]
        if message.role == "tool" and (name := message.name or names.get(message.tool_call_id or "")):
            said["tool_name"] = name
        yield said


def _called(call: ToolCall) -> dict[str, Any]:
    try:
        arguments = _object(call.function.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        message = f"the arguments of tool call {call.id!r} must be a JSON object here: send them back as they came"
        raise CallRefused(Code.INVALID_VALUE, message, "messages") from None
    return {"function": {"name": call.function.name, "arguments": arguments}}


def _image(part: dict[str, Any]) -> str:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    mark, _, data = url.partition(";base64,") if isinstance(url, str) else ("", "", "")
    if part.get("type") != "image_url" or not mark.startswith("data:image/") or not data:
        message = "beside text this server takes images written out only: send data:image/...;base64,..."
        raise CallRefused(Code.INVALID_VALUE, message, "messages")
    return data


class _Function(msgspec.Struct):
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Counts(msgspec.Struct, omit_defaults=True):
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_duration: int | None = None
    eval_duration: int | None = None


class _Line(_Counts):
    model: str | None = None
    created_at: str | None = None
    message: _Said | None = None
    done: bool = False
    done_reason: str | None = None
    logprobs: list[Logprob] | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Line).decode
_counts = msgspec.json.Decoder(_Counts).decode


class ChatReader:
    """Implements `fenli.wire.translated.Reader`: of a stream's lines, and of an answer in one piece."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls = 0

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        line = _decode(data)
        if bytes(line.error) not in (b"", b"null"):
            return [Said(error=data)]
        said = line.message
        if said is None:
            raise ValueError("it has no message")
        calls = [self._call(line, call) for call in said.tool_calls or ()]
        return [
            Said(
                text=said.content or "",
                reasoning=said.thinking or "",
                calls=calls,
                finish=self._finish(line.done_reason) if line.done else None,
                usage=_encode(_counts(data)) if line.done else None,
                ended=line.done,
                model=line.model,
                logprobs=[one.raw for one in line.logprobs or ()],
            )
        ]

    def _call(self, line: _Line, call: _Call) -> CallPart:
        """Calls have no ids here, and callers need some that differ from those of every other turn."""
        index = self._calls
        self._calls += 1
        made = "".join(filter(str.isdigit, line.created_at or ""))
        number = call.id or f"call_{made}_{index}"
        return CallPart(index, number, call.function.name, spelled(call.function.arguments))

    def _finish(self, reason: str | None) -> str:
        if self._calls:
            return "tool_calls"
        return "length" if reason == "length" else "stop"
