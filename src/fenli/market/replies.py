"""What an emulated vendor says: the words of an answer, before any wire format. Behaviours compose."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Protocol

import msgspec

from fenli.clock import MILLISECOND
from fenli.errors import Kind
from fenli.sim.random import Stream


class ToolCall(msgspec.Struct, frozen=True):
    """``arguments`` is JSON text, as it travels."""

    name: str
    arguments: str


class Pace(msgspec.Struct, frozen=True, gc=False):
    """Spans in nanoseconds: until the first token, and for each one after it."""

    first_token: int = 200 * MILLISECOND
    token: int = 20 * MILLISECOND


AT_ONCE: Final = Pace(0, 0)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """``cached``: prompt tokens that the vendor's cache served, None to let the vendor's memory decide. ``finish``
    None means what follows from the rest (stop or tool_calls; length is the model's to say). ``refuse`` instead of an
    answer."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: str | None = None
    cached: int | None = None
    pace: Pace | None = None
    refuse: Kind | None = None
    fault: str | None = None


class Prompt(msgspec.Struct, frozen=True):
    """What a behaviour sees of a request. ``said`` is the last message of the user."""

    vendor: str
    model: str
    said: str
    tokens: int
    thinks: bool
    tools: tuple[dict[str, Any], ...] = ()
    wants_json: bool = False
    schema: dict[str, Any] | None = None


class Behaviour(Protocol):
    def reply(self, prompt: Prompt, chance: Stream) -> Reply: ...


_WORDS: Final = (
    "price", "margin", "token", "model", "the", "of", "cache", "ledger", "exact", "budget", "分", "厘", "价格", "模型",
    "账本", "调用", "缓存", "成本", "and", "a", "is", "市场", "naïve", "🙂", "vendor", "\n", '"quoted"', "back\\slash",
)  # fmt: skip


class Synthetic:
    """Made-up text of ``tokens[0]`` to ``tokens[1]`` tokens; thinking models reason for ``reasoning`` tokens first.
    Calls the first tool it is offered, and writes JSON when asked to."""

    def __init__(
        self, tokens: tuple[int, int] = (16, 64), reasoning: tuple[int, int] = (8, 32), pace: Pace | None = None
    ) -> None:
        self.tokens = tokens
        self.reasoning = reasoning
        self.pace = pace

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        thought = _text(chance.integer(*self.reasoning), chance) if prompt.thinks else ""
        if prompt.tools:
            call = _tool_call(prompt.tools[0])
            if call is not None:
                return Reply(reasoning=thought, tool_calls=(call,), pace=self.pace)
        if prompt.wants_json:
            return Reply(text=_json_text(_example(prompt.schema or {})), reasoning=thought, pace=self.pace)
        return Reply(text=_text(chance.integer(*self.tokens), chance), reasoning=thought, pace=self.pace)


class Echo:
    """Says what the user said."""

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        return Reply(text=prompt.said)


class Scripted:
    """Answers from ``queue`` while there are any (first in, first out), else by the first rule whose pattern is found
    in what the user said, else ``otherwise``."""

    def __init__(self, rules: Iterable[tuple[str, Reply]] = (), otherwise: Behaviour | None = None) -> None:
        self.queue: deque[Reply] = deque()
        self._rules = [(re.compile(pattern), reply) for pattern, reply in rules]
        self._otherwise = otherwise or Echo()

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        if self.queue:
            return self.queue.popleft()
        for pattern, reply in self._rules:
            if pattern.search(prompt.said):
                return reply
        return self._otherwise.reply(prompt, chance)


def _text(tokens: int, chance: Stream) -> str:
    """Text that counts as about so many tokens: each word and its space come to 4 bytes or a little more."""
    size, words = tokens * 4, []
    while size > 0:
        word = chance.choice(_WORDS) + " "
        words.append(word)
        size -= len(word.encode())
    return "".join(words)


def _tool_call(tool: dict[str, Any]) -> ToolCall | None:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        return None
    schema = function.get("parameters")
    return ToolCall(str(function.get("name")), _json_text(_example(schema if isinstance(schema, dict) else {})))


def _example(schema: dict[str, Any]) -> Any:
    """A value that such a schema allows, in the plain cases. Of several types the first that is not null counts."""
    allowed = schema.get("enum")
    if isinstance(allowed, list) and allowed:
        return allowed[0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if kind == "object":
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {"answer": "分厘"}
        return {name: _example(part if isinstance(part, dict) else {}) for name, part in properties.items()}
    if kind == "array":
        items = schema.get("items")
        return [_example(items)] if isinstance(items, dict) else []
    return {"string": '上海 "厘"', "integer": 42, "number": 1.5, "boolean": True}.get(str(kind))


def _json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
