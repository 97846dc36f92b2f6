"""A chat request in the Messages dialect.

System messages are joined and stand apart from the conversation, wherever they stood. Turns of one role that follow
each other are one; a tool's result belongs to the user's turn. What marks a part for caching (``cache_control``) goes
along, and so does a tool for searching the web, as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from fenli.errors import CallRefused, Code
from fenli.wire.openai_chat import ChatRequest
from fenli.wire.openai_chat.decoded import ChatBody, Message, NamedTool, Tool, arguments_of, hint
from fenli.wire.openai_chat.media import media_of, refuse_part

# The members of a request that are carried over, beside messages and limits. The second line is the dialect's own: they
# go as they come.
OWN: Final = ("thinking", "output_config", "cache_control", "speed")
TAKEN: Final = frozenset(
    {
        "tools", "tool_choice", "parallel_tool_calls", "response_format", "temperature", "top_p", "top_k", "stop",
        "frequency_penalty", "presence_penalty", *OWN,
    }
)  # fmt: skip
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_NO_PARAMETERS: Final = {"type": "object", "properties": {}}
_tools = msgspec.json.Decoder(list[dict[str, Any]]).decode

Block = dict[str, Any]


def messages_body(ask: ChatRequest, chat: ChatBody, model: str, limit: int, vendor: str) -> dict[str, Any]:
    """The body; ``limit`` is of the output, in tokens.

    Raises CallRefused (invalid_value, with the place) for what the dialect has no word for.
    """
    system, turns = _turns(chat.messages, vendor)
    body: dict[str, Any] = {"model": model, "max_tokens": limit, "messages": turns}
    if system:
        body["system"] = system
    _sample(body, chat, vendor)
    if chat.tools:
        came = _tools(ask.fields["tools"]) if any(tool.function is None for tool in chat.tools) else ()
        body["tools"] = [_tool(tool, at, came, vendor) for at, tool in enumerate(chat.tools)]
        choice = _choice(chat)
        if choice is not None:
            body["tool_choice"] = choice
    for name in OWN:
        if name in ask.fields:
            body[name] = msgspec.json.decode(ask.fields[name])
    _describe(body, ask)
    if ask.stream:
        body["stream"] = True
    return body


def _sample(body: dict[str, Any], chat: ChatBody, vendor: str) -> None:
    if chat.temperature is not None and chat.temperature > 1:
        raise _refused("temperature", f"{vendor} takes a temperature from 0 to 1, not {chat.temperature:g}")
    for name in ("frequency_penalty", "presence_penalty"):
        if getattr(chat, name):
            raise _refused(name, f"{vendor} knows no {name}: leave it out, or ask another model")
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(chat, name)) is not None:
            body[name] = value
    if chat.stops:
        body["stop_sequences"] = list(chat.stops)
    form = chat.response_format
    if form is not None and form.type == "json_object":
        raise _refused("response_format", f"{vendor} answers in JSON by a schema only: send a json_schema")


def _describe(body: dict[str, Any], ask: ChatRequest) -> None:
    """Who asks, and in which tier: hints, which are left out where they are of another shape."""
    user, tier = hint(ask, "user"), hint(ask, "service_tier")
    if user:
        body["metadata"] = {"user_id": user}
    if tier in _TIERS:
        body["service_tier"] = _TIERS[tier]


def _turns(messages: tuple[Message, ...], vendor: str) -> tuple[list[Block], list[dict[str, Any]]]:
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        place = f"messages[{at}]"
        match message.role:
            case "system" | "developer":
                system += _content(message, place, vendor)
                continue
            case "user":
                role, blocks = "user", _content(message, place, vendor)
            case "assistant":
                role, blocks = "assistant", _said(message, place, vendor)
            case "tool":
                role, blocks = "user", [_result(message, place, vendor)]
            case _:
                wanted = "system, developer, user, assistant or tool"
                raise _refused(f"{place}.role", f"{place}.role is {message.role[:60]!r}: {vendor} knows {wanted}")
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _content(message: Message, place: str, vendor: str) -> list[Block]:
    blocks = []
    for at, part in enumerate(message.parts):
        block = _block(part, f"{place}.content[{at}]", vendor)
        if block is None:
            continue
        if part.get("cache_control") is not None:
            block["cache_control"] = part["cache_control"]
        blocks.append(block)
    return blocks


def _block(part: dict[str, Any], place: str, vendor: str) -> Block | None:
    """None for a text without a word: the dialect refuses those."""
    if part.get("type") in ("text", "refusal"):
        text = part.get(part["type"])
        if not isinstance(text, str):
            raise _refused(place, f"{place} must have its text in {part['type']!r}")
        return {"type": "text", "text": text} if text else None
    media = media_of(part, place)
    if part["type"] == "input_audio":
        refuse_part(part, place, vendor)
    kind = "document" if part["type"] == "file" else "image"
    if media.url:
        return {"type": kind, "source": {"type": "url", "url": media.url}}
    block: Block = {"type": kind, "source": {"type": "base64", "media_type": media.type, "data": media.data}}
    return block if media.name is None else block | {"title": media.name}


def _said(message: Message, place: str, vendor: str) -> list[Block]:
    """An assistant's turn. Its thinking goes back only as the blocks in which it came, which bear a signature."""
    blocks = [_without_index(block) for block in message.thinking_blocks or ()]
    blocks += _content(message, place, vendor)
    if message.refusal:
        blocks.append({"type": "text", "text": message.refusal})
    for at, call in enumerate(message.tool_calls or ()):
        arguments = arguments_of(call, f"{place}.tool_calls[{at}].function.arguments")
        blocks.append({"type": "tool_use", "id": call.id, "name": call.function.name, "input": arguments})
    return blocks


def _without_index(block: Block) -> Block:
    return {name: value for name, value in block.items() if name != "index"}


def _result(message: Message, place: str, vendor: str) -> Block:
    if not message.tool_call_id:
        raise _refused(f"{place}.tool_call_id", f"{place} is a tool's result: say which call it answers")
    result: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    content = _content(message, place, vendor)
    return result | {"content": content} if content else result


def searches(tool: Block) -> bool:
    """Whether it is the vendor's own, for searching the web; its type ends in the date of its version."""
    return str(tool.get("type")).startswith("web_search_")


def _tool(tool: Tool, at: int, came: Sequence[Block], vendor: str) -> Block:
    """``came``: all tools as they came, for one that is no function."""
    if tool.function is None:
        if searches(came[at]):
            return came[at]
        message = f"tools[{at}]: {vendor} is given functions and a web_search tool, not {tool.type[:60]!r}"
        raise _refused(f"tools[{at}].type", message)
    function = tool.function
    made: Block = {"name": function.name, "input_schema": function.parameters or _NO_PARAMETERS}
    if function.description is not None:
        made["description"] = function.description
    if function.strict is not None:
        made["strict"] = function.strict
    if tool.cache_control is not None:
        made["cache_control"] = tool.cache_control
    return made


def _choice(chat: ChatBody) -> Block | None:
    choice = chat.tool_choice
    if isinstance(choice, NamedTool):
        made: Block = {"type": "tool", "name": choice.function.name}
    elif choice is None or choice in ("auto", "required", "none"):
        if choice is None and chat.parallel_tool_calls is not False:
            return None
        made = {"type": "any" if choice == "required" else choice or "auto"}
    else:
        raise _refused("tool_choice", f"'tool_choice' must be none, auto, required or a function, not {choice[:60]!r}")
    if chat.parallel_tool_calls is False and choice != "none":
        made["disable_parallel_tool_use"] = True
    return made


def _refused(param: str, message: str) -> CallRefused:
    return CallRefused(Code.INVALID_VALUE, message, param)
