"""What an emulated vendor notices of a request beside its words: its own switches, and nobody else's.

A place is a member of the request; a dot goes down one level. ``models`` are patterns for the beginning of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from fenli.market.replies import Reply, ToolCall
from fenli.market.requests import Ask, ChatBody, text_of

SOURCE: Final = {"title": "A source", "url": "https://example.com/", "link": "https://example.com/"}
_OFF: Final = (False, "disabled", "none")
_NAMED: Final = re.compile(r"(?:Your name is |你的名字是)([^.。\n]+)[.。]")
_SHAPED: Final = re.compile(r"JSON Schema:\n")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Senses(msgspec.Struct, frozen=True, kw_only=True):
    """``thinking``: by models, the places that switch it, of which the first that is there counts; with no places they
    cannot but think; None where the dialect says it. ``unasked``: models that think unless told not to; None for none.

    ``search`` is a place that switches it (behind a ``!``: one that keeps it off), ``tool`` the type of a tool that
    does (or its one member, where it has no type), ``searching`` the models that search by themselves; ``echoed`` the
    name of a built-in tool whose call the caller sends back. ``sources`` is the member of the answer that holds them,
    of its message where it begins with a dot, each like ``source``, and ``shown`` the place that asks for them;
    ``evidence`` is where models that search by themselves have theirs, where that is another.

    ``messages`` is where they are. ``last``: an assistant's last message is gone on from; ``prefix``: one with this
    mark, at the path ``prefix_path`` alone where there is one; ``continues``: one in a request with this place.
    ``name`` is the place of a character's name, ``name_role`` the role of the message that has it. ``schemas``: it
    knows JSON schemas in ``response_format``.
    """

    thinking: Mapping[str, tuple[str, ...]] | None = msgspec.field(default_factory=dict)
    unasked: str | None = None
    search: str = ""
    tool: str = ""
    searching: str | None = None
    echoed: str = ""
    sources: str = ""
    evidence: str = ""
    source: dict[str, Any] = msgspec.field(default_factory=lambda: SOURCE)
    shown: str = ""
    messages: str = "messages"
    last: bool = False
    prefix: str = ""
    prefix_path: str = ""
    continues: str = ""
    name: str = ""
    name_role: str = ""
    schemas: bool = True


class Noticed(msgspec.Struct, frozen=True):
    """``begun`` is what the answer goes on from, ``name`` the character's that it plays. ``members`` are the answer's,
    ``inner`` its message's. ``json``: it answers with JSON. ``echo``: the built-in tool that it calls instead of
    answering."""

    thinks: bool = False
    searches: int = 0
    begun: str = ""
    name: str = ""
    echo: str = ""
    members: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    json: bool = False
    schema: dict[str, Any] | None = None

    def shaped(self, reply: Reply) -> Reply:
        """The reply of a model that does as it was asked."""
        if self.echo:
            call = ToolCall(self.echo, '{"search_result":{"search_id":"market"}}')
            return msgspec.structs.replace(reply, text="", tool_calls=(call,))
        text = reply.text
        if self.searches and not (self.members or self.inner or self.json):
            text += " [1]"
        if self.name and not self.json:
            text = f"{self.name}: {text}"
        if self.begun:
            text = f" (on from {self.begun[-20:]!r}) {text}"
        return msgspec.structs.replace(reply, text=text)


def notice(senses: Senses | None, chat: ChatBody, ask: Ask) -> Noticed:
    """What the vendor makes of the request. One without senses reads what every model reads: words."""
    words = "\n".join(text_of(message.content) for message in chat.messages if message.role in ("system", "developer"))
    named, told = _NAMED.search(words), _schema_in(words)
    json = chat.wants_json or told is not None
    if senses is None:
        return Noticed(chat.thinks, name=named[1] if named else "", json=json, schema=chat.schema or told)
    body = _decode(ask.body)
    messages = _at(body, senses.messages) or [{}]
    last = messages[-1]
    echo = senses.echoed if senses.echoed in _builtin(body) and last.get("role") != "tool" else ""
    searches = not echo and _searches(senses, chat.model, body)
    members, inner = _sources(senses, chat.model, body) if searches else ({}, {})
    return Noticed(
        thinks=chat.thinks if senses.thinking is None else _thinks(senses, senses.thinking, chat.model, body),
        searches=int(searches),
        begun=_begun(senses, body, last, ask.path),
        name=_name(senses, body, last) or (named[1] if named else ""),
        echo=echo,
        members=members,
        inner=inner,
        json=json,
        schema=chat.schema or told if senses.schemas else told,
    )


def _thinks(senses: Senses, thinking: Mapping[str, tuple[str, ...]], model: str, body: dict[str, Any]) -> bool:
    places = next((each for names, each in thinking.items() if re.match(names, model, re.IGNORECASE)), None)
    if places is None:
        return False
    if not places:
        return True
    told = next((value for place in places if (value := _at(body, place)) is not None), None)
    if told is not None:
        return told not in _OFF
    return senses.unasked is not None and re.match(senses.unasked, model, re.IGNORECASE) is not None


def _searches(senses: Senses, model: str, body: dict[str, Any]) -> bool:
    if _by_itself(senses, model):
        return True
    if senses.search.startswith("!"):
        return _at(body, senses.search[1:]) is False
    if senses.search and _at(body, senses.search) not in (None, False):
        return True
    if senses.echoed and senses.echoed in _builtin(body):
        return True
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict)]
    return bool(senses.tool) and any(senses.tool == tool.get("type") or senses.tool in tool for tool in tools)


def _by_itself(senses: Senses, model: str) -> bool:
    return senses.searching is not None and re.match(senses.searching, model, re.IGNORECASE) is not None


def _sources(senses: Senses, model: str, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    if not senses.sources or (senses.shown and not _at(body, senses.shown)):
        return {}, {}
    place = senses.evidence if senses.evidence and _by_itself(senses, model) else senses.sources
    inner = place.startswith(".")
    told: Any = [senses.source]
    for name in reversed(place.removeprefix(".").split(".")):
        told = {name: told}
    return ({}, told) if inner else (told, {})


def _begun(senses: Senses, body: dict[str, Any], last: dict[str, Any], path: str) -> str:
    marked = bool(senses.prefix) and last.get(senses.prefix) is True and path.endswith(senses.prefix_path)
    continued = bool(senses.continues) and _at(body, senses.continues) is True
    begun = marked or continued or (senses.last and last.get("role") == "assistant")
    return text_of(last.get("content")) if begun else ""


def _name(senses: Senses, body: dict[str, Any], last: dict[str, Any]) -> str:
    if senses.name:
        return str(_at(body, senses.name) or "")
    if senses.name_role:
        roles = (message for message in body["messages"] if message.get("role") == senses.name_role)
        return str(next((message["name"] for message in roles if "name" in message), ""))
    return str(last.get("name", "")) if senses.prefix and last.get(senses.prefix) is True else ""


def _builtin(body: dict[str, Any]) -> Iterable[str]:
    tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict)]
    return [str(_at(tool, "function.name")) for tool in tools if tool.get("type") == "builtin_function"]


def _schema_in(words: str) -> dict[str, Any] | None:
    """One that a system message tells."""
    found = _SHAPED.search(words)
    if found is None:
        return None
    try:
        return _decode(words[found.end() :].partition("\n\n")[0])
    except msgspec.DecodeError:
        return None


def _at(body: dict[str, Any], place: str) -> Any:
    value: Any = body
    for name in place.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
