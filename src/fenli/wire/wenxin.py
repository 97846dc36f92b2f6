"""Chat as Baidu's workshop API of before 2025 words it: the model is the path, rules stand apart, one function a turn.

Facts: qianfan 0.4.12 (its first version's resources and error codes), one-api.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat.decoded import ChatBody, FunctionTool, Message, NamedTool, Tool
from fenli.wire.openai_chat.whole import given
from fenli.wire.translated import CallPart, Said

# Members of its own, which callers may send.
OWN: Final = frozenset({"disable_search", "enable_citation", "enable_trace", "penalty_score", "user_id"})
TAKEN: Final = frozenset({"temperature", "top_p", "stop", "tools", "tool_choice", "response_format", *OWN})
_FINISHES: Final = {"normal": "stop", "function_call": "tool_calls"}


def encode_chat(
    chat: ChatBody, fields: dict[str, bytes | msgspec.Raw], *, limit: int | None, user: str | None, stream: bool
) -> bytes:
    """The request's body. ``fields`` holds the members of `OWN`; ``limit`` is in tokens. Raises CallRefused."""
    system = [message.text for message in chat.messages if message.role in ("system", "developer")]
    body: dict[str, Any] = {"messages": _turns(chat.messages), "stream": stream}
    if system:
        body["system"] = "\n\n".join(system)
    said = {"temperature": chat.temperature, "top_p": chat.top_p, "max_output_tokens": limit, "user_id": user}
    body |= {name: value for name, value in said.items() if value is not None}
    if chat.stops:
        body["stop"] = list(chat.stops)
    if chat.response_format is not None:
        body["response_format"] = _format(chat.response_format.type)
    if chat.tools and chat.tool_choice != "none":
        body |= {"functions": [_function(tool, at) for at, tool in enumerate(chat.tools)], **_choice(chat)}
    body |= {name: msgspec.Raw(value) for name, value in fields.items() if name in OWN}
    return msgspec.json.encode(body)


class WenxinReader:
    """Reads either form: a stream's parts say whether they are the last, an answer in one piece is."""

    __slots__ = ("_streamed",)

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        part = _decode(data)
        if part.error_code not in (None, 0):
            return [Said(error=data)]
        call = part.function_call
        if not self._streamed and call is None and part.result is None:
            raise ValueError("it has no result")
        return [
            Said(
                text=part.result or "",
                reasoning=call.thoughts or "" if call else "",
                calls=(CallPart(0, None, call.name, call.arguments or ""),) if call else (),
                finish=_finish(part) if part.is_end or not self._streamed else None,
                usage=given(part.usage),
                id=part.id,
                members=_beside(part),
            )
        ]


def failure_of(body: bytes) -> tuple[str, str]:
    """Code and message; empty where the body tells none. Raises msgspec.DecodeError."""
    part = _decode(body)
    return str(part.error_code or ""), part.error_msg or ""


class _Call(msgspec.Struct):
    name: str
    arguments: str | None = None
    thoughts: str | None = None


class _Part(msgspec.Struct):
    id: str | None = None
    result: str | None = None
    is_end: bool = False
    is_truncated: bool | None = None
    need_clear_history: bool | None = None
    ban_round: int | None = None
    finish_reason: str | None = None
    function_call: _Call | None = None
    search_info: dict[str, Any] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error_code: int | str | None = None
    error_msg: str | None = None


_decode = msgspec.json.Decoder(_Part).decode


def _finish(part: _Part) -> str:
    if part.need_clear_history:
        return "content_filter"  # it refused, in words, to go on with this conversation
    if part.function_call is not None:
        return "tool_calls"
    if part.is_truncated:
        return "length"
    finish = part.finish_reason or "normal"
    return _FINISHES.get(finish, finish)


def _beside(part: _Part) -> dict[str, Any] | None:
    members: dict[str, Any] = {}
    if part.search_info:
        members["search_info"] = part.search_info
    if part.need_clear_history:
        members |= {"need_clear_history": True, "ban_round": part.ban_round}
    return members or None


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """They take turns here: what one side says twice in a row is said at once."""
    turns: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for at, message in enumerate(messages):
        if message.role in ("system", "developer"):
            continue
        turn = _turn(message, at, names)
        before = turns[-1] if turns else {}
        if turn.keys() == before.keys() == {"role", "content"} and turn["role"] == before["role"]:
            before["content"] += "\n\n" + turn["content"]
        else:
            turns.append(turn)
    return turns


def _turn(message: Message, at: int, names: dict[str, str]) -> dict[str, Any]:
    if any(part.get("type") != "text" for part in message.parts):
        where = f"messages[{at}].content"
        raise CallRefused(
            Code.INVALID_VALUE, f"{where!r} must be text in the dialect that this vendor is asked in", where
        )
    if message.role == "tool":
        name = names.get(message.tool_call_id or "", message.name)
        if not name:
            where = f"messages[{at}].tool_call_id"
            raise CallRefused(Code.INVALID_VALUE, f"{where!r} answers no call of the messages before it", where)
        return {"role": "function", "name": name, "content": message.text}
    if not message.tool_calls:
        return {"role": message.role, "content": message.text}
    if len(message.tool_calls) > 1:
        where = f"messages[{at}].tool_calls"
        raise CallRefused(Code.INVALID_VALUE, f"{where!r} has several: this dialect knows one call a turn", where)
    call = message.tool_calls[0]
    names[call.id] = call.function.name
    told: dict[str, Any] = {"name": call.function.name, "arguments": call.function.arguments}
    if message.reasoning_content:
        told["thoughts"] = message.reasoning_content
    return {"role": message.role, "content": message.text, "function_call": told}


def _function(tool: Tool, at: int) -> dict[str, Any]:
    function: FunctionTool | None = tool.function
    if tool.type != "function" or function is None:
        where = f"tools[{at}]"
        raise CallRefused(Code.INVALID_VALUE, f"{where!r} is no function: this dialect takes no other tool", where)
    parameters = function.parameters or {"type": "object", "properties": {}}
    return {"name": function.name, "description": function.description or function.name, "parameters": parameters}


def _choice(chat: ChatBody) -> dict[str, Any]:
    """``required`` has no word here; where there is one tool only, it is that one."""
    choice = chat.tool_choice
    if choice is None or choice == "auto":
        return {}
    name = choice.function.name if isinstance(choice, NamedTool) else None
    if name is None and len(chat.tools) == 1 and chat.tools[0].function is not None:
        name = chat.tools[0].function.name
    if name is None:
        message = (
            "'tool_choice' must be auto, none or name one of the tools in the dialect that this vendor is asked in"
        )
        raise CallRefused(Code.INVALID_VALUE, message, "tool_choice")
    return {"tool_choice": {"type": "function", "function": {"name": name}}}


def _format(kind: str) -> str:
    if kind not in ("text", "json_object"):
        message = "'response_format' must be text or json_object in the dialect that this vendor is asked in"
        raise CallRefused(Code.INVALID_VALUE, message, "response_format")
    return kind
