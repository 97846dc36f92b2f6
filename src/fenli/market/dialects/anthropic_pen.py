"""How Anthropic's Messages API writes an answer: blocks, and the named events in which they come."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from fenli.market.dialects.spelling import encode
from fenli.market.flavours.flavour import Answer, Refusal
from fenli.market.usage import Count

_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

Block = dict[str, Any]


def signature_of(thinking: str) -> str:
    return blake2b(thinking.encode(), digest_size=24).hexdigest()


def error_of(refusal: Refusal) -> dict[str, Any]:
    return {"type": "error", "error": {"type": refusal.type, "message": refusal.message}}


class MessagesUsage(msgspec.Struct, frozen=True):
    """Implements `fenli.market.usage.UsageObject`. There is no total to be wrong: what was written to caches is."""

    def object(self, count: Count, surplus: int = 0) -> dict[str, Any]:
        searched = {"server_tool_use": {"web_search_requests": count.searches, "web_fetch_requests": 0}}
        return {
            "input_tokens": count.prompt - count.cached - count.written - count.kept,
            "cache_read_input_tokens": count.cached,
            "cache_creation_input_tokens": count.written + count.kept + surplus,
            "cache_creation": {
                "ephemeral_5m_input_tokens": count.written,
                "ephemeral_1h_input_tokens": count.kept,
            },
            "output_tokens": count.completion,
            "output_tokens_details": {"thinking_tokens": count.reasoning},
            "service_tier": "standard",
            **(searched if count.searches else {}),
        }


class MessagesPen:
    """Implements `fenli.market.flavours.flavour.Pen`."""

    __slots__ = ("_answer", "_index", "_open", "_sources", "_thinking")

    whole_type: Final = b"application/json"
    stream_type: Final = b"text/event-stream; charset=utf-8"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._index = -1
        self._open = ""  # the kind of block that is being written; of calls, their number
        self._thinking: list[str] = []
        self._sources: list[Block] = []

    def whole(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None, request_id: str) -> bytes:
        message, finish = choices[0]["message"], choices[0]["finish_reason"]
        blocks: list[Block] = []
        if thinking := message.get("reasoning_content"):
            blocks.append({"type": "thinking", "thinking": thinking, "signature": signature_of(thinking)})
        sources = message.get("sources", [])
        if sources:
            blocks += _searched(sources)
        if message.get("content"):
            cited = {"citations": [_citation(source) for source in sources]} if sources else {}
            blocks.append({"type": "text", "text": message["content"], **cited})
        for call in message.get("tool_calls", ()):
            if (made := _used(call)) is not None:
                blocks.append(made)
        return encode(self._message(blocks, _REASONS.get(finish, finish), usage), self._answer.spelling)

    def chunk(
        self, index: int, delta: dict[str, Any], finish: str | None = None, *, usage: dict[str, Any] | None = None,
        choice_usage: dict[str, Any] | None = None,
    ) -> bytes:  # fmt: skip
        if "role" in delta:
            begun = {**usage, "output_tokens": 1} if usage is not None else None
            started = self._event({"type": "message_start", "message": self._message([], None, begun)})
            self._sources = delta.get("sources", [])
            return started + self._event({"type": "ping"})
        out = [self._written(delta)] if delta else []
        if finish is not None:
            out.append(self._stop())
            ending: dict[str, Any] = {
                "type": "message_delta",
                "delta": {"stop_reason": _REASONS.get(finish, finish), "stop_sequence": None},
            }
            out.append(self._event(ending if usage is None else {**ending, "usage": usage}))
        return b"".join(out)

    def usage_chunk(self, usage: dict[str, Any] | None) -> bytes:
        return b""

    def done(self) -> bytes:
        return self._event({"type": "message_stop"})

    def message(self, data: bytes) -> bytes:
        return b"event: content_block_delta\ndata: " + data + b"\n\n"

    def error(self, refusal: Refusal) -> bytes:
        return self._event(error_of(refusal))

    def _written(self, delta: dict[str, Any]) -> bytes:
        if thinking := delta.get("reasoning_content"):
            self._thinking.append(thinking)
            begun = self._start("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            return begun + self._more({"type": "thinking_delta", "thinking": thinking})
        if text := delta.get("content"):
            found = self._found() if self._sources and self._open != "text" else b""
            block: Block = {"type": "text", "text": "", **({"citations": []} if self._sources else {})}
            return found + self._start("text", block) + self._more({"type": "text_delta", "text": text})
        out = []
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            if "id" in call:
                block = {"type": "tool_use", "id": call["id"], "name": function["name"], "input": {}}
                out.append(self._start(f"call {call['index']}", block))
            out.append(self._more({"type": "input_json_delta", "partial_json": function["arguments"]}))
        return b"".join(out)

    def _start(self, kind: str, block: Block) -> bytes:
        if self._open == kind:
            return b""
        ended = self._stop()
        self._open, self._index = kind, self._index + 1
        return ended + self._event({"type": "content_block_start", "index": self._index, "content_block": block})

    def _more(self, delta: Block) -> bytes:
        return self._event({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _found(self) -> bytes:
        """The search, before the words that come of it."""
        call, result = _searched(self._sources)
        told = encode(call["input"]).decode()
        return b"".join(
            (
                self._start("search", {**call, "input": {}}),
                self._more({"type": "input_json_delta", "partial_json": told}),
                self._start("results", result),
                self._stop(),
            )
        )

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        signed = b""
        if self._open == "text":
            signed = b"".join(
                self._more({"type": "citations_delta", "citation": _citation(source)}) for source in self._sources
            )
        if self._open == "thinking":
            signed = self._more({"type": "signature_delta", "signature": signature_of("".join(self._thinking))})
        self._open = ""
        return signed + self._event({"type": "content_block_stop", "index": self._index})

    def _event(self, event: dict[str, Any]) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encode(event, self._answer.spelling))

    def _message(self, blocks: list[Block], reason: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
        told = {} if usage is None else {"usage": usage}
        return {
            "id": self._answer.id, "type": "message", "role": "assistant", "model": self._answer.chat.model,
            "content": blocks, "stop_reason": reason, "stop_sequence": None, **told,
        }  # fmt: skip


def _searched(sources: list[Block]) -> list[Block]:
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "market"}}
    pages = [
        {"type": "web_search_result", "url": source["url"], "title": source["title"], "encrypted_content": "market",
         "page_age": None}
        for source in sources
    ]  # fmt: skip
    return [call, {"type": "web_search_tool_result", "tool_use_id": call["id"], "content": pages}]


def _citation(source: Block) -> Block:
    return {
        "type": "web_search_result_location", "url": source["url"], "title": source["title"],
        "encrypted_index": "market", "cited_text": "What stands there.",
    }  # fmt: skip


def _used(call: dict[str, Any]) -> Block | None:
    """None where the limit cut its arguments: half an object cannot be sent."""
    function = call["function"]
    try:
        arguments = msgspec.json.decode(function["arguments"], type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
