"""Answers of the market at every vendor, as the bytes that it sent, and what is heard of them.

An answer has reasoning, text, a tool call and usage, where the vendor has them. It is asked for through the app, so
that tickets and signatures are those of a real call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from matrix_list import matrix
from rehearsed import Rehearsal

from fenli.market.model import EmulatedVendor
from fenli.market.replies import Prompt, Reply, ToolCall
from fenli.market.requests import Ask
from fenli.market.script import Body, Script
from fenli.sim.random import Stream
from fenli.vendors.catalog import VENDORS
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import ChatRequest, parse_request

CALL = ToolCall("look", '{"at":"厘"}')
TEXT, THOUGHT = 'Ten "厘"\n', "厘?"


class Brief:
    """Says a little of everything."""

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        return Reply(reasoning=THOUGHT, text=TEXT, tool_calls=(CALL,) if prompt.tools else ())


class Recorded(NamedTuple):
    """What a vendor sent for a request, in the pieces in which it was written."""

    vendor: str
    ask: ChatRequest
    pieces: tuple[bytes, ...]

    def answer(self) -> Answer:
        return VENDORS[self.vendor].answer(self.ask, 0)


class Heard(NamedTuple):
    """All that comes of an answer. ``said`` is what goes to the caller."""

    said: bytes
    finished: bool
    usage: bytes | None
    partial: bool
    ids: tuple[str | None, ...]
    counted: int
    uncounted: int
    wrong: tuple[object, ...]


class Overheard:
    """``last`` is what a vendor was asked last, and what it did."""

    def __init__(self) -> None:
        self.rehearsal = Rehearsal(VENDORS)
        self.last: tuple[EmulatedVendor, Ask, Script] | None = None
        self.script = self.rehearsal.market.script
        self.rehearsal.market.script = self._kept  # type: ignore[method-assign]

    def _kept(self, emulated: EmulatedVendor, ask: Ask) -> Script:
        script = self.script(emulated, ask)
        self.last = emulated, ask, script
        return script


class Recorder(Overheard):
    def __init__(self) -> None:
        super().__init__()
        for emulated in self.rehearsal.market.vendors.values():
            emulated.behaviour = Brief()

    def record(self, name: str, *, stream: bool, unfinished: str | None = None) -> Recorded:
        emulated = self.rehearsal.market.vendors[name]
        flavour = emulated.flavour
        emulated.flavour = msgspec.structs.replace(flavour, unfinished=unfinished)
        model = next(matrix.chat_models(name))
        tools = {"tools": [matrix.TOOL]} if matrix.has(name, model, "tools") else {}
        fields: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        found = self.rehearsal.ask(f"{name}/{model}", **tools, **fields)
        assert found.status == 200
        assert self.last is not None
        emulated.flavour = flavour
        body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **tools, **fields}
        bodies = [action.data for action in self.last[2].actions if type(action) is Body]
        return Recorded(name, parse_request(json.dumps(body).encode()), tuple(bodies))


def hear(answer: Answer, pieces: Iterable[bytes]) -> Heard:
    said = b"".join([answer.feed(piece) for piece in pieces])
    answer.end()
    return Heard(
        said + (answer.tail(None) if answer.finished else b""), answer.finished, answer.usage, answer.partial,
        (answer.upstream_id, answer.model, answer.service_tier), answer.counted(), answer.uncounted(),
        (answer.error, answer.damage),
    )  # fmt: skip
