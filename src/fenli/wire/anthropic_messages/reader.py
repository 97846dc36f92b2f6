"""Answers of the Messages dialect: named events, or one message.

    message_start ─> (content_block_start ─> content_block_delta* ─> content_block_stop)*
                  ─> message_delta ─> message_stop

``ping`` and events of kinds unknown here may come at any time. Thinking that has to be given back (`thinking_blocks`)
is told whole, with its signature, at the end of its block. What the beginning says of the prompt's tokens counts from
the first content on, as a running total: a failure before that is not charged for. What a block of text cites is told
at its end, as OpenAI's annotations; the searches themselves, and their pages, are not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fenli.wire.openai_chat.citations import citing, url_citation
from fenli.wire.translated import CallPart, Said

FINISHES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
OPEN_MAX: Final = 1_000  # one is, mostly
_encode = msgspec.json.encode


class _Citation(msgspec.Struct, gc=False):
    """Of a page where it has a ``url``; of a document that the caller sent where it has none."""

    url: str | None = None
    title: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str | None = None
    name: str | None = None
    input: dict[str, msgspec.Raw] | None = None
    citations: list[_Citation] | None = None


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    citation: _Citation | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    content: list[_Block] = []
    stop_reason: str | None = None
    usage: dict[str, Any] | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: dict[str, Any] | None = None


class _Whole(_Message):
    type: str = ""


_decode_event: Final = msgspec.json.Decoder(_Event).decode
_decode_whole: Final = msgspec.json.Decoder(_Whole).decode


class EventReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_calls", "_open", "_thought", "_usage", "_written")

    def __init__(self) -> None:
        self._usage: dict[str, Any] = {}
        self._begun = False
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self._thought = 0
        self._written = 0  # characters of the text

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        event = _decode_event(data)
        match event.type:
            case "content_block_delta":
                return self._more(event) if self._begun else [self._first(), *self._more(event)]
            case "content_block_start":
                return self._start(event)
            case "content_block_stop":
                return self._ended(event)
            case "message_start" if event.message is not None:
                self._count(event.message.usage)
                return [Said(id=event.message.id, model=event.message.model, service_tier=_tier(self._usage))]
            case "message_delta":
                self._count(event.usage)
                reason = event.delta.stop_reason if event.delta is not None else None
                return [Said(finish=_finish(reason), usage=_encode(self._usage) if self._usage else None)]
            case "message_stop":
                return [Said(ended=True)]
            case "error":
                return [Said(error=data)]
        return ()

    def _count(self, usage: dict[str, Any] | None) -> None:
        """The counts are running totals: the last of each holds."""
        self._usage |= {name: value for name, value in (usage or {}).items() if value is not None}

    def _first(self) -> Said:
        self._begun = True
        return Said(usage=_encode(self._usage) if self._usage else None)

    def _start(self, event: _Event) -> Iterable[Said]:
        block = event.content_block
        if block is None:
            return ()
        if len(self._open) >= OPEN_MAX:
            raise ValueError(f"{OPEN_MAX} blocks are open at once")
        opened = self._open[event.index] = _Open(block.type)
        match block.type:
            case "text":
                opened.number, opened.cited = self._written, block.citations or []
                return self._text(block.text) if block.text else ()
            case "thinking":
                opened.number, self._thought = self._thought, self._thought + 1
                opened.pieces, opened.signature = [block.thinking], block.signature
                return [Said(reasoning=block.thinking)] if block.thinking else ()
            case "redacted_thinking":
                opened.number, self._thought = self._thought, self._thought + 1
                return [_thinking({"index": opened.number, "type": block.type, "data": block.data})]
            case "tool_use":
                opened.number, self._calls = self._calls, self._calls + 1
                arguments = _encode(block.input).decode() if block.input else ""
                opened.pieces = [arguments] if arguments else []
                return [Said(calls=(CallPart(opened.number, block.id, block.name, arguments),))]
        return ()

    def _more(self, event: _Event) -> Iterable[Said]:
        delta, opened = event.delta, self._open.get(event.index)
        if delta is None or opened is None:
            return ()
        match delta.type:
            case "text_delta":
                return self._text(delta.text)
            case "citations_delta" if delta.citation is not None:
                opened.cited.append(delta.citation)
            case "thinking_delta":
                opened.pieces.append(delta.thinking)
                return [Said(reasoning=delta.thinking)]
            case "signature_delta":
                opened.signature += delta.signature
            case "input_json_delta" if delta.partial_json and opened.kind == "tool_use":
                opened.pieces = [delta.partial_json]
                return [Said(calls=(CallPart(opened.number, arguments=delta.partial_json),))]
        return ()

    def _text(self, text: str) -> Iterable[Said]:
        self._written += len(text)
        return [Said(text=text)]

    def _ended(self, event: _Event) -> Iterable[Said]:
        opened = self._open.pop(event.index, None)
        if opened is None:
            return ()
        if opened.kind == "tool_use" and not opened.pieces:  # a call without arguments is told none: they are JSON
            return [Said(calls=(CallPart(opened.number, arguments="{}"),))]
        if opened.kind == "thinking" and opened.signature:
            block = {"type": "thinking", "thinking": "".join(opened.pieces), "signature": opened.signature}
            return [_thinking({"index": opened.number, **block})]
        told = citing(_cited(opened.cited, opened.number, self._written))
        return () if told is None else [Said(members=told)]


class _Open:
    """A content block that has not ended. ``number`` counts the answer's blocks of its kind, of a text the characters
    before it; ``pieces`` are its thinking so far, or the last of a call's arguments; ``cited`` is what it cites."""

    __slots__ = ("cited", "kind", "number", "pieces", "signature")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.number = 0
        self.pieces: list[str] = []
        self.signature = ""
        self.cited: list[_Citation] = []


class MessageReader:
    """Reads an answer in one piece."""

    __slots__ = ()

    def read(self, name: bytes, data: bytes) -> Iterable[Said]:
        message = _decode_whole(data)
        if message.type == "error":
            return [Said(error=data)]
        blocks = message.content
        used = [block for block in blocks if block.type == "tool_use"]
        thought = [block for block in map(_given_back, blocks) if block is not None]
        members: dict[str, Any] = {"thinking_blocks": thought} if thought else {}
        cited: list[dict[str, Any]] = []
        text = ""
        for block in blocks:
            if block.type == "text":
                start, text = len(text), text + block.text
                cited += _cited(block.citations or (), start, len(text))
        members |= citing(cited) or {}
        return [
            Said(
                text=text,
                reasoning="".join(block.thinking for block in blocks if block.type == "thinking"),
                calls=[
                    CallPart(number, block.id, block.name, _encode(block.input or {}).decode())
                    for number, block in enumerate(used)
                ],
                finish=_finish(message.stop_reason),
                usage=None if message.usage is None else _encode(message.usage),
                id=message.id,
                model=message.model,
                service_tier=_tier(message.usage or {}),
                members=members or None,
            )
        ]


def _cited(citations: Iterable[_Citation], start: int, end: int) -> Iterable[dict[str, Any]]:
    return [url_citation(one.url, one.title, (start, end)) for one in citations if one.url is not None]


def _given_back(block: _Block) -> dict[str, Any] | None:
    if block.type == "redacted_thinking":
        return {"type": block.type, "data": block.data}
    if block.type == "thinking" and block.signature:
        return {"type": block.type, "thinking": block.thinking, "signature": block.signature}
    return None


def _thinking(block: dict[str, Any]) -> Said:
    """``index`` is what clients join the items of a list by."""
    return Said(members={"thinking_blocks": [block]})


def _finish(reason: str | None) -> str | None:
    return FINISHES.get(reason, "stop") if reason else None


def _tier(usage: dict[str, Any]) -> str | None:
    tier = usage.get("service_tier")
    return tier if isinstance(tier, str) else None
