"""A chat request in Gemini's dialect.

System messages are joined and stand apart from the conversation, wherever they stood; turns of one role that follow
each other are one. A tool's result names its function, which is looked up among the calls before it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.gemini.reader import MADE
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import ChatBody, Message, NamedTool, ToolCall, arguments_of
from fenli.wire.openai_chat.media import media_of, refuse_part

# The members of a request that are carried over, beside messages and limits; what is the dialect's own goes as it came.
OWN: Final = ("safetySettings",)
TAKEN: Final = frozenset(
    {
        "n", "tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "top_p", "top_k", "stop",
        "frequency_penalty", "presence_penalty", "seed", "logprobs", "top_logprobs", *OWN,
    }
)  # fmt: skip
_SAMPLING: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
}
_LIKELY: Final = {"logprobs": "responseLogprobs", "top_logprobs": "logprobs"}
_MODES: Final = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
# What the vendor takes in place of a signature for calls that another model made.
UNSIGNED: Final = "skip_thought_signature_validator"

Part = dict[str, Any]


def contents_body(ask: ChatRequest, chat: ChatBody, vendor: str, *, signed: bool) -> dict[str, Any]:
    """The body. ``signed``: the model wants a signature with the first call of every turn.

    Raises CallRefused (invalid_value, with the place) for what the dialect has no word for.
    """
    system, contents = _Turns(vendor, signed).read(chat.messages)
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if chat.tools:
        body["tools"] = [{"functionDeclarations": [_function(chat, at, vendor) for at in range(len(chat.tools))]}]
        if (calling := _calling(chat, vendor)) is not None:
            body["toolConfig"] = {"functionCallingConfig": calling}
    body |= {name: msgspec.json.decode(ask.fields[name]) for name in OWN if name in ask.fields}
    config = _config(ask, chat)
    if config:
        body["generationConfig"] = config
    return body


def _config(ask: ChatRequest, chat: ChatBody) -> dict[str, Any]:
    config = {theirs: value for ours, theirs in _SAMPLING.items() if (value := getattr(chat, ours)) is not None}
    if ask.output_limit is not None:
        config["maxOutputTokens"] = ask.output_limit
    if ask.choices > 1:
        config["candidateCount"] = ask.choices
    if chat.stops:
        config["stopSequences"] = list(chat.stops)
    config |= {theirs: value for ours, theirs in _LIKELY.items() if (value := _value(ask, ours))}
    form = chat.response_format
    if form is not None and form.type != "text":
        config["responseMimeType"] = "application/json"
        if form.json_schema is not None:
            config["responseJsonSchema"] = form.json_schema.schema or {}
    return config


def _value(ask: ChatRequest, name: str) -> Any:
    return msgspec.json.decode(ask.fields[name]) if name in ask.fields else None


def _function(chat: ChatBody, at: int, vendor: str) -> dict[str, Any]:
    tool = chat.tools[at]
    if tool.function is None:
        message = f"tools[{at}]: {vendor} is given functions only, not {tool.type[:60]!r}"
        raise _refused(f"tools[{at}].type", message)
    made: dict[str, Any] = {"name": tool.function.name}
    if tool.function.description is not None:
        made["description"] = tool.function.description
    if tool.function.parameters is not None:
        made["parametersJsonSchema"] = tool.function.parameters
    return made


def _calling(chat: ChatBody, vendor: str) -> dict[str, Any] | None:
    choice = chat.tool_choice
    if chat.parallel_tool_calls is False and choice != "none":
        raise _refused("parallel_tool_calls", f"{vendor} cannot be kept to one call at a time: leave it out")
    if choice is None:
        return None
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [choice.function.name]}
    if choice not in _MODES:
        raise _refused("tool_choice", f"'tool_choice' must be none, auto, required or a function, not {choice[:60]!r}")
    return {"mode": _MODES[choice]}


class _Turns:
    """The conversation as it is read, message by message."""

    def __init__(self, vendor: str, signed: bool) -> None:
        self._vendor = vendor
        self._signed = signed
        self._names: dict[str, str] = {}  # of called functions, by the call's id
        self._contents: list[dict[str, Any]] = []

    def read(self, messages: tuple[Message, ...]) -> tuple[list[Part], list[dict[str, Any]]]:
        """What stands apart, and the turns."""
        system: list[Part] = []
        for at, message in enumerate(messages):
            place = f"messages[{at}]"
            match message.role:
                case "system" | "developer":
                    system += self._parts(message, place)
                case "user":
                    self._add("user", self._parts(message, place))
                case "assistant":
                    self._add("model", self._said(message, place))
                case "tool":
                    self._add("user", [self._result(message, place)])
                case _:
                    wanted = "system, developer, user, assistant or tool"
                    shown = message.role[:60]
                    raise _refused(f"{place}.role", f"{place}.role is {shown!r}: {self._vendor} knows {wanted}")
        return system, self._contents

    def _add(self, role: str, parts: list[Part]) -> None:
        if self._contents and self._contents[-1]["role"] == role:
            self._contents[-1]["parts"] += parts
        elif parts:
            self._contents.append({"role": role, "parts": parts})

    def _parts(self, message: Message, place: str) -> list[Part]:
        return [self._part(part, f"{place}.content[{at}]") for at, part in enumerate(message.parts)]

    def _part(self, part: dict[str, Any], place: str) -> Part:
        if part.get("type") in ("text", "refusal"):
            text = part.get(part["type"])
            if not isinstance(text, str):
                raise _refused(place, f"{place} must have its text in {part['type']!r}")
            return {"text": text}
        media = media_of(part, place)
        if media.url:
            message = f"{place}: {self._vendor} fetches nothing: write it out as a data URL (data:TYPE;base64,DATA)"
            raise _refused(place, message)
        return {"inlineData": {"mimeType": media.type, "data": media.data}}

    def _said(self, message: Message, place: str) -> list[Part]:
        parts = self._parts(message, place)
        if message.refusal:
            parts.append({"text": message.refusal})
        signature = _signature(message.extra_content)
        if signature is not None:
            if not parts:
                parts.append({"text": ""})
            parts[-1]["thoughtSignature"] = signature
        calls = [self._call(call, f"{place}.tool_calls[{at}]") for at, call in enumerate(message.tool_calls or ())]
        if calls and self._signed and "thoughtSignature" not in calls[0]:
            calls[0]["thoughtSignature"] = UNSIGNED
        return parts + calls

    def _call(self, call: ToolCall, place: str) -> Part:
        self._names[call.id] = call.function.name
        arguments = arguments_of(call, f"{place}.function.arguments")
        part: Part = {"functionCall": {**_id(call.id), "name": call.function.name, "args": arguments}}
        signature = _signature(call.extra_content)
        return part if signature is None else part | {"thoughtSignature": signature}

    def _result(self, message: Message, place: str) -> Part:
        number = message.tool_call_id or ""
        name = self._names.get(number) or message.name
        if name is None:
            told = f"{place} is the result of {number[:60]!r}, which no message before it calls"
            raise _refused(f"{place}.tool_call_id", told)
        for at, part in enumerate(message.parts):
            if part.get("type") != "text":
                refuse_part(part, f"{place}.content[{at}]", self._vendor)
        return {"functionResponse": {**_id(number), "name": name, "response": _response(message.text)}}


def _id(number: str) -> dict[str, str]:
    return {"id": number} if number and not number.startswith(MADE) else {}


def _response(text: str) -> msgspec.Raw | dict[str, Any]:
    """A result is an object: one that is none stands in its ``output``. What is JSON goes as it is written."""
    try:
        result = msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return {"output": text}
    return result if bytes(result).startswith(b"{") else {"output": result}


def _signature(extra: dict[str, Any] | None) -> str | None:
    google = (extra or {}).get("google")
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None


def _refused(param: str, message: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, message, param)
