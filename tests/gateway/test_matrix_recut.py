"""However the bytes of an answer are cut, it is the same answer: at every vendor, of the bytes that the market sends.

The answer has reasoning, text, a tool call and usage, where the vendor has them. It is asked for through the app, so
that tickets and signatures are those of a real call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import pytest
from matrix_list import matrix
from rehearsed import Rehearsal

from fenli.market.flavours import FLAVOURS
from fenli.market.model import EmulatedVendor
from fenli.market.replies import Prompt, Reply, ToolCall
from fenli.market.requests import Ask
from fenli.market.script import Body, Script
from fenli.sim.random import Stream
from fenli.vendors.catalog import VENDORS
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import ChatRequest, parse_request

NEVER_AN_END = (None, "", "null")  # what streams say of their finish reason while they go on
GOING_ON = [  # dialects of their own have one way to say it
    (name, word) for name in VENDORS for word in (NEVER_AN_END if FLAVOURS[name].dialect is None else NEVER_AN_END[:1])
]
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


class Recorder:
    def __init__(self) -> None:
        self.rehearsal = Rehearsal(VENDORS)
        self._scripts: list[Script] = []
        self._script = self.rehearsal.market.script
        self.rehearsal.market.script = self._kept  # type: ignore[method-assign]
        for emulated in self.rehearsal.market.vendors.values():
            emulated.behaviour = Brief()

    def record(self, name: str, *, stream: bool, unfinished: str | None = None) -> Recorded:
        emulated = self.rehearsal.market.vendors[name]
        flavour = emulated.flavour
        emulated.flavour = msgspec.structs.replace(flavour, unfinished=unfinished)
        model = next(matrix.chat_models(name))
        tools = {"tools": [matrix.TOOL]} if matrix.has(name, model, "tools") else {}
        fields: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        self._scripts.clear()
        found = self.rehearsal.ask(f"{name}/{model}", **tools, **fields)
        assert found.status == 200
        emulated.flavour = flavour
        body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **tools, **fields}
        bodies = [action.data for action in self._scripts[-1].actions if type(action) is Body]
        return Recorded(name, parse_request(json.dumps(body).encode()), tuple(bodies))

    def _kept(self, emulated: EmulatedVendor, ask: Ask) -> Script:
        script = self._script(emulated, ask)
        self._scripts.append(script)
        return script


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


def hear(answer: Answer, pieces: Iterable[bytes]) -> Heard:
    said = b"".join([answer.feed(piece) for piece in pieces])
    answer.end()
    return Heard(
        said + (answer.tail(None) if answer.finished else b""), answer.finished, answer.usage, answer.partial,
        (answer.upstream_id, answer.model, answer.service_tier), answer.counted(), answer.uncounted(),
        (answer.error, answer.damage),
    )  # fmt: skip


def told(said: bytes) -> tuple[str, str, str, list[str]]:
    """The text, the reasoning, the tool calls and the ends of a stream."""
    text = reasoning = calls = ""
    ends = []
    for line in said.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                delta = choice.get("delta") or {}
                text += delta.get("content") or ""
                reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
                calls += "".join((call["function"].get("name") or "") + (call["function"].get("arguments") or "")
                                 for call in delta.get("tool_calls") or ())  # fmt: skip
                ends += [choice["finish_reason"]] if choice.get("finish_reason") not in NEVER_AN_END else []
    return text, reasoning, calls, ends


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", VENDORS)
def test_cut_anywhere_or_byte_by_byte_it_is_the_same_answer(recorder: Recorder, name: str, stream: bool) -> None:
    recorded = recorder.record(name, stream=stream)
    expected = hear(recorded.answer(), recorded.pieces)
    assert expected.finished
    assert expected.usage is not None
    assert expected.wrong == (None, None)
    if FLAVOURS[name].in_messages:
        return  # which come whole; how they are told apart in bytes is the WebSocket's affair
    data = b"".join(recorded.pieces)
    for at in range(len(data) + 1):
        assert hear(recorded.answer(), (data[:at], data[at:])) == expected, data[:at]
    assert hear(recorded.answer(), (data[at : at + 1] for at in range(len(data)))) == expected
    assert hear(recorded.answer(), (data,)) == expected


@pytest.mark.parametrize(("name", "unfinished"), GOING_ON)
def test_a_stream_that_stops_early_is_not_whole_whatever_it_says_of_its_end(
    recorder: Recorder, name: str, unfinished: str | None
) -> None:
    recorded = recorder.record(name, stream=True, unfinished=unfinished)
    whole = hear(recorded.answer(), recorded.pieces)
    text, reasoning, calls, ends = expected = told(whole.said)
    assert text == TEXT
    assert reasoning == (THOUGHT if FLAVOURS[name].shows_reasoning else "")
    assert calls == (CALL.name + CALL.arguments if "tools" in recorded.ask.fields else "")
    assert ends == ["tool_calls" if calls else "stop"]
    assert not hear(recorded.answer(), ()).finished
    for end, piece in enumerate(recorded.pieces):
        for more in (b"", piece[: len(piece) // 2]):
            heard = hear(recorded.answer(), (*recorded.pieces[:end], more))
            assert told(heard.said) == expected or not heard.finished
