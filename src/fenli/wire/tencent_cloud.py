"""Chat as Tencent Cloud's API 3.0 words it: PascalCase members, an answer inside ``Response``, parts of one without it.

Facts: tencentcloud-sdk-python-hunyuan 3.1, Hunyuan's product page 111007.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody, Message, NamedTool, Tool, ToolCall
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said, words_of

# What the dialect has a word for that OpenAI's has not, by the name that its compatible endpoint takes it under.
OWN: Final = {
    "citation": "Citation",
    "enable_deep_read": "EnableDeepRead",
    "enable_deep_search": "EnableDeepSearch",
    "enable_enhancement": "EnableEnhancement",
    "enable_multimedia": "EnableMultimedia",
    "enable_recommended_questions": "EnableRecommendedQuestions",
    "enable_speed_search": "EnableSpeedSearch",
    "enable_thinking": "EnableThinking",
    "force_search_enhancement": "ForceSearchEnhancement",
    "search_info": "SearchInfo",
    "stream_moderation": "StreamModeration",
    "topic_choice": "TopicChoice",
}
TAKEN: Final = frozenset({"temperature", "top_p", "seed", "stop", "tools", "tool_choice", *OWN})
_FINISHES: Final = {"sensitive": "content_filter"}
_BESIDE: Final = (("SearchInfo", "search_info"), ("Note", "note"), ("Processes", "processes"))


def encode_chat(model: bytes, chat: ChatBody, fields: dict[str, bytes | msgspec.Raw], *, stream: bool) -> bytes:
    """The request's body. ``model`` is JSON; ``fields`` holds the members of `OWN`. Raises CallRefused."""
    body: dict[str, Any] = {"Model": msgspec.Raw(model), "Messages": _messages(chat.messages), "Stream": stream}
    sampling = {"Temperature": chat.temperature, "TopP": chat.top_p, "Seed": chat.seed}
    body |= {name: value for name, value in sampling.items() if value is not None}
    if chat.stops:
        body["Stop"] = list(chat.stops)
    if chat.tools:
        tools = [_tool(tool, at) for at, tool in enumerate(chat.tools)]
        body |= {"Tools": tools, **_choice(chat.tool_choice, tools)}
    body |= {OWN[name]: msgspec.Raw(value) for name, value in fields.items() if name in OWN}
    return msgspec.json.encode(body)


class TencentCloudReader:
    """Reads either form; it remembers which tool calls have been named and what stood beside the answer."""

    __slots__ = ("_begun", "_beside", "_named")

    def __init__(self) -> None:
        self._begun: set[int] = set()
        self._named: set[int] = set()
        self._beside: dict[str, Any] = {}

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        part = _decode(data)
        if part.Response is not None:
            part = part.Response
        error = given(part.Error) or _failed(part.ErrorMsg)
        if error is not None:
            return [Said(error=error)]
        beside = {shown: value for own, shown in _BESIDE if (value := getattr(part, own)) is not None}
        fresh = {shown: value for shown, value in beside.items() if self._beside.get(shown) != value}
        self._beside |= fresh
        said = [self._choice(choice) for choice in part.Choices]
        head = Said(usage=given(part.Usage), id=part.Id, members=fresh if fresh and said else None)
        return [head, *said]

    def _choice(self, choice: _Choice) -> Said:
        words = words_of(choice.Delta or choice.Message, choice.Index, self._begun, _Words())
        finish = choice.FinishReason or None
        return Said(
            choice=choice.Index,
            text=words.Content or "",
            reasoning=words.ReasoningContent or "",
            calls=[self._call(call, at) for at, call in enumerate(words.ToolCalls or ())],
            finish=finish and _FINISHES.get(finish, finish),
        )

    def _call(self, call: _Call, at: int) -> CallPart:
        index = at if call.Index is None else call.Index
        if index in self._named:
            return CallPart(index, arguments=call.Function.Arguments or "")
        self._named.add(index)
        return CallPart(index, call.Id, call.Function.Name, call.Function.Arguments or "")


def failure_of(body: bytes) -> tuple[str, str]:
    """Code and message of a whole reply that failed, or of the error inside one; empty where it tells none.

    Raises msgspec.DecodeError.
    """
    told = _decode_failure(body)
    if told.Response is not None:
        told = told.Response
    inner = told.Error or told.ErrorMsg or told
    return str(inner.Code or ""), inner.Message or inner.Msg


def _failed(raw: msgspec.Raw) -> bytes | None:
    """What went wrong in the middle of an answer; None where its number says that nothing did."""
    told = given(raw)
    return told if told is not None and _decode_failure(told).Code not in (None, 0, "0", "") else None


class _Failure(msgspec.Struct):
    Code: str | int | None = None
    Message: str = ""
    Msg: str = ""
    Error: _Failure | None = None
    ErrorMsg: _Failure | None = None
    Response: _Failure | None = None


_decode_failure = msgspec.json.Decoder(_Failure).decode


class _Function(msgspec.Struct):
    Name: str | None = None
    Arguments: str | None = None


class _Call(msgspec.Struct):
    Function: _Function
    Id: str | None = None
    Index: int | None = None


class _Words(msgspec.Struct):
    Content: str | None = None
    ReasoningContent: str | None = None
    ToolCalls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    FinishReason: str | None = None
    Delta: _Words | None = None
    Message: _Words | None = None
    Index: int = 0


class _Part(msgspec.Struct):
    Choices: list[_Choice] = []
    Usage: msgspec.Raw = msgspec.Raw()
    Id: str | None = None
    Note: str | None = None
    SearchInfo: dict[str, Any] | None = None
    Processes: dict[str, Any] | None = None
    Error: msgspec.Raw = msgspec.Raw()
    ErrorMsg: msgspec.Raw = msgspec.Raw()
    Response: _Part | None = None


_decode = msgspec.json.Decoder(_Part).decode


def _messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The rules come first and in one message, and sides take turns; thoughts of earlier turns are not taken."""
    system = [message.text for message in messages if message.role in ("system", "developer")]
    turns: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        if message.role in ("system", "developer"):
            continue
        turn, before = _message(message, at), turns[-1] if turns else {}
        if turn.keys() == before.keys() == {"Role", "Content"} and turn["Role"] == before["Role"] != "tool":
            before["Content"] += "\n\n" + turn["Content"]
        else:
            turns.append(turn)
    return [{"Role": "system", "Content": "\n\n".join(system)}, *turns] if system else turns


def _message(message: Message, at: int) -> dict[str, Any]:
    said: dict[str, Any] = {"Role": message.role}
    if isinstance(message.content, list) and any(part.get("type") != "text" for part in message.content):
        said["Contents"] = [
            _content(part, f"messages[{at}].content[{index}]") for index, part in enumerate(message.parts)
        ]
    else:
        said["Content"] = message.text
    if message.tool_calls:
        said["ToolCalls"] = [_past_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        said["ToolCallId"] = message.tool_call_id
    return said


def _content(part: dict[str, Any], where: str) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"Type": "text", "Text": text}
        case {"type": "image_url" | "video_url" as kind, **rest} if isinstance(url := _url(rest.get(kind)), str):
            return {"Type": kind, "ImageUrl" if kind == "image_url" else "VideoUrl": {"Url": url}}
    message = f"{where!r} is no part that this dialect takes: send text, image_url or video_url"
    raise CallRefused(Code.INVALID_VALUE, message, where)


def _url(value: Any) -> Any:
    return value.get("url") if isinstance(value, dict) else value


def _past_call(call: ToolCall) -> dict[str, Any]:
    function = {"Name": call.function.name, "Arguments": call.function.arguments}
    return {"Id": call.id, "Type": "function", "Function": function}


def _tool(tool: Tool, at: int) -> dict[str, Any]:
    function = tool.function
    if tool.type != "function" or function is None:
        where = f"tools[{at}]"
        raise CallRefused(Code.INVALID_VALUE, f"{where!r} is no function: this dialect takes no other tool", where)
    schema = msgspec.json.encode(function.parameters or {"type": "object", "properties": {}}).decode()
    return {
        "Type": "function",
        "Function": {"Name": function.name, "Description": function.description or "", "Parameters": schema},
    }


def _choice(choice: str | NamedTool | None, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """``required`` has no word here; where there is one tool only, it is that one."""
    if choice is None or choice in ("auto", "none"):
        return {} if choice is None else {"ToolChoice": choice}
    name = choice.function.name if isinstance(choice, NamedTool) else None
    wanted = tools if name is None else [tool for tool in tools if tool["Function"]["Name"] == name]
    if len(wanted) != 1:
        message = (
            "'tool_choice' must be auto, none or name one of the tools in the dialect that this vendor is asked in"
        )
        raise CallRefused(Code.INVALID_VALUE, message, "tool_choice")
    return {"ToolChoice": "custom", "CustomTool": wanted[0]}
