"""What `fenli.wire` and `fenli.vendors` read back is what was served, in every flavour, however the bytes come."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from faces import ASKED_FOR, EMULATED, MODELS
from hypothesis import given, settings
from hypothesis import strategies as st

from fenli.errors import UsageError
from fenli.market.dialects.spelling import Spelling
from fenli.market.flavours import FLAVOURS
from fenli.market.market import Market, emulate, market_key
from fenli.market.replies import AT_ONCE, Pace, Reply, Scripted, ToolCall
from fenli.market.requests import Ask
from fenli.market.script import Body, Script
from fenli.market.served import Serving
from fenli.sim.kernel import Simulation
from fenli.sim.random import Chance
from fenli.vendors.catalog import VENDORS
from fenli.wire.openai_chat import StreamAnswer, WholeAnswer
from fenli.wire.sse import data_of, split_events

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS, max_size=2).map(json.dumps)
CALLS = st.builds(ToolCall, name=st.sampled_from(["get_weather", "查询"]), arguments=ARGUMENTS)
REPLIES = st.builds(
    Reply, text=TEXTS, reasoning=TEXTS, tool_calls=st.lists(CALLS, max_size=2).map(tuple), cached=st.integers(0, 9)
)
EXTRA = ("extra_chunk", "choice")  # where a chunk of its own carries the usage that was asked for


class Nowhere:
    def head(self, head: object) -> None: ...
    def body(self, data: bytes) -> None: ...
    def end(self) -> None: ...
    def cut(self) -> None: ...


def serve(
    name: str, reply: Reply, *, spelling: Spelling = Spelling.COMPACT, prefix: bytes = b"data: ", pace: Pace = AT_ONCE,
    **body: object,
) -> tuple[Script, Serving]:  # fmt: skip
    sim = Simulation()
    emulated = emulate(name, behaviour=Scripted(otherwise=Always(reply)), pace=pace)
    emulated.spelling, emulated.event_prefix = spelling, prefix
    market = Market(sim, Chance(1), [emulated])
    messages = [{"role": "user", "content": "tell me"}]
    data = msgspec.json.encode({"model": MODELS[name], "messages": messages, **ASKED_FOR.get(name, {}), **body})
    headers = {"authorization": f"Bearer {market_key(name)}"}
    script = market.script(emulated, Ask("POST", emulated.prefix + "/chat/completions", headers, data))
    market.player(emulated, script, Nowhere()).play()
    sim.run()
    (serving,) = market.book
    return script, serving


class Always:
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def reply(self, prompt: object, chance: object) -> Reply:
        return self._reply


def body_of(script: Script) -> bytes:
    return b"".join(action.data for action in script.actions if type(action) is Body)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(bounds)]


class Collected:
    """The answer as a client would put it together, choice 0."""

    def __init__(self) -> None:
        self.text = self.reasoning = ""
        self.calls: dict[int, dict[str, str]] = {}
        self.finish: str | None = None
        self.usage: Any = None

    def stream(self, data: bytes) -> Collected:
        events, rest = split_events(data)
        assert rest == b""
        payloads = [payload for event in events if (payload := data_of(event)) is not None]
        assert payloads[-1] == b"[DONE]"
        for payload in payloads[:-1]:
            chunk = json.loads(payload)
            self.usage = chunk.get("usage") or self.usage
            for choice in chunk["choices"]:
                self.usage = choice.get("usage") or self.usage
                if choice["index"] == 0:
                    self.message(choice["delta"])
                    self.finish = choice["finish_reason"] or self.finish
        return self

    def whole(self, data: bytes) -> Collected:
        answer = json.loads(data)
        self.message(answer["choices"][0]["message"])
        self.finish = answer["choices"][0]["finish_reason"]
        self.usage = answer["usage"]
        return self

    def message(self, part: dict[str, Any]) -> None:
        self.text += part.get("content") or ""
        self.reasoning += part.get("reasoning_content") or part.get("reasoning") or ""
        for call in part.get("tool_calls", ()):
            kept = self.calls.setdefault(call["index"], {"name": "", "arguments": ""})
            kept["name"] += call["function"].get("name", "")
            kept["arguments"] += call["function"]["arguments"]

    def check(self, name: str, reply: Reply, serving: Serving) -> None:
        assert self.text == reply.text
        assert self.reasoning == (reply.reasoning if FLAVOURS[name].shows_reasoning else "")
        wanted = [{"name": call.name, "arguments": call.arguments} for call in reply.tool_calls]
        assert list(self.calls.values()) == wanted
        assert self.finish == ("tool_calls" if reply.tool_calls else "stop")


def meters(serving: Serving, name: str) -> dict[str, int]:
    """What the vendor's own book says, as meters. A flavour that never tells reasoning counts it as output, and one
    that never tells what was cached as input."""
    reasoning = serving.reasoning_tokens if FLAVOURS[name].usage.reasoning else 0
    cached = serving.cached_tokens if FLAVOURS[name].usage.cached else 0
    found = {
        "input": serving.prompt_tokens - cached,
        "output": serving.completion_tokens - reasoning,
        "cached_input": cached,
        "reasoning": reasoning,
    }
    return {meter: count for meter, count in found.items() if count or meter in ("input", "output")}


@pytest.mark.parametrize("name", EMULATED)
@settings(deadline=None, max_examples=60)
@given(reply=REPLIES, cuts=st.lists(st.integers(0, 100_000), max_size=30), asked=st.booleans(),
       spelling=st.sampled_from(Spelling), prefix=st.sampled_from([b"data: ", b"data:"]))  # fmt: skip
def test_a_stream_is_read_back_exactly(
    name: str, reply: Reply, cuts: list[int], asked: bool, spelling: Spelling, prefix: bytes
) -> None:
    script, serving = serve(
        name, reply, spelling=spelling, prefix=prefix, stream=True, stream_options={"include_usage": True}
    )
    answer = StreamAnswer(wants_usage=asked)
    out = b"".join(answer.feed(piece) for piece in in_pieces(body_of(script), cuts))
    answer.end()
    assert (answer.error, answer.damage) == (None, None)
    assert answer.finished
    assert answer.begun
    assert answer.usage is not None
    out += answer.tail(None)
    Collected().stream(out).check(name, reply, serving)
    assert VENDORS[name].usage(answer.usage) == meters(serving, name)
    assert answer.upstream_id == serving.id
    assert answer.model == MODELS[name]
    assert (b'"choices":[]' in out.replace(b" ", b"")) is (asked and FLAVOURS[name].placement in EXTRA)


@pytest.mark.parametrize("name", EMULATED)
@settings(deadline=None, max_examples=40)
@given(reply=REPLIES, cuts=st.lists(st.integers(0, 100_000), max_size=10), spelling=st.sampled_from(Spelling))
def test_an_answer_in_one_piece_is_read_back_exactly(
    name: str, reply: Reply, cuts: list[int], spelling: Spelling
) -> None:
    script, serving = serve(name, reply, spelling=spelling)
    answer = WholeAnswer(1 << 20)
    for piece in in_pieces(body_of(script), cuts):
        answer.feed(piece)
    answer.end()
    assert answer.finished
    assert answer.usage is not None
    Collected().whole(answer.tail(None)).check(name, reply, serving)
    assert VENDORS[name].usage(answer.usage) == meters(serving, name)
    assert answer.upstream_id == serving.id


@pytest.mark.parametrize("name", EMULATED)
@settings(deadline=None, max_examples=25)
@given(reply=REPLIES, cuts=st.lists(st.integers(0, 100_000), max_size=20), n=st.integers(2, 3))
def test_several_choices_are_read_back(name: str, reply: Reply, cuts: list[int], n: int) -> None:
    script, serving = serve(name, reply, stream=True, n=n, stream_options={"include_usage": True})
    data = body_of(script).replace(b"data: [DONE]\n\n", b"")
    answer = StreamAnswer(wants_usage=True, choices=n)
    out = b"".join(answer.feed(piece) for piece in in_pieces(data, cuts))
    answer.end()
    assert answer.finished, "every choice has named its finish reason"
    Collected().stream(out + answer.tail(None)).check(name, reply, serving)
    assert answer.usage is not None
    assert VENDORS[name].usage(answer.usage) == meters(serving, name)


@pytest.mark.parametrize("name", EMULATED)
@settings(deadline=None, max_examples=25)
@given(cut=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 100_000), max_size=10))
def test_a_stream_cut_before_its_finish_is_never_whole(name: str, cut: int, cuts: list[int]) -> None:
    script, _ = serve(name, Reply(text="one two three four five"), stream=True)
    data = body_of(script)
    finish = data.index(b'"finish_reason":"stop"')
    answer = StreamAnswer(wants_usage=True)
    for piece in in_pieces(data[: cut % finish], cuts):
        answer.feed(piece)
    answer.end()
    assert not answer.finished


@pytest.mark.parametrize("name", EMULATED)
@pytest.mark.parametrize("stream", [True, False])
def test_a_limit_ends_the_answer(name: str, stream: bool) -> None:
    script, serving = serve(name, Reply(text="four" * 10), max_tokens=3, stream=stream)
    body = body_of(script)
    read = Collected().stream(body) if stream else Collected().whole(body)
    assert (read.finish, read.text, serving.completion_tokens) == ("length", "four" * 3, 3)


@pytest.mark.parametrize("name", EMULATED)
def test_usage_stands_where_the_vendor_puts_it(name: str) -> None:
    placement = FLAVOURS[name].placement
    asked, _ = serve(name, Reply(text="four" * 3), stream=True, stream_options={"include_usage": True})
    unasked, _ = serve(name, Reply(text="four" * 3), stream=True)
    events = [json.loads(payload) for event in split_events(body_of(asked))[0]
              if (payload := data_of(event)) and payload != b"[DONE]"]  # fmt: skip
    last = events[-1]
    assert (last["choices"] == []) is (placement in EXTRA)
    assert last["usage"]["completion_tokens"] == 3
    assert ("usage" in events[0]) is (placement in ("extra_chunk", "every_chunk"))
    assert (b'"total_tokens"' in body_of(unasked)) is (placement != "extra_chunk")
    if placement == "choice":
        assert events[-2]["choices"][0]["usage"]["completion_tokens"] == 3


def test_a_running_total_comes_with_every_chunk() -> None:
    script, serving = serve("stepfun", Reply(reasoning="four" * 2, text="four" * 3), stream=True)
    chunks = [json.loads(payload) for event in split_events(body_of(script))[0]
              if (payload := data_of(event)) and payload != b"[DONE]"]  # fmt: skip
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 4, 5, 5]
    assert {chunk["usage"]["prompt_tokens"] for chunk in chunks} == {serving.prompt_tokens}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [*[""] * 6, "stop"]
    assert [chunk["choices"][0]["delta"]["role"] for chunk in chunks] == ["assistant", *[""] * 6]
    assert chunks[1]["choices"][0]["delta"]["reasoning"] == "four"


def test_a_running_total_of_a_cut_stream_is_what_had_been_sent() -> None:
    script, serving = serve("stepfun", Reply(text="four" * 10), stream=True, model="step-3.7-flash!cut@900")
    answer = StreamAnswer(wants_usage=False)
    answer.feed(body_of(script))
    answer.end()
    assert not answer.finished
    assert answer.usage is not None
    assert VENDORS["stepfun"].usage(answer.usage)["output"] == serving.completion_tokens == 2


def test_reasoning_comes_in_another_vendors_style_when_asked_to() -> None:
    script, _ = serve("stepfun", Reply(reasoning="hm", text="ok"), reasoning_format="deepseek-style")
    message = json.loads(body_of(script))["choices"][0]["message"]
    assert (message["reasoning_content"], message.get("reasoning")) == ("hm", None)


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_that_is_not_asked_for_apart_stands_between_tags(stream: bool) -> None:
    script, serving = serve("minimax", Reply(reasoning="hm, hm", text="ok"), stream=stream, reasoning_split=False)
    found = Collected().stream(body_of(script)) if stream else Collected().whole(body_of(script))
    assert (found.text, found.reasoning) == ("<think>\nhm, hm\n</think>\n\nok", "")
    assert (serving.reasoning_tokens, serving.completion_tokens) == (2, 3)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_is_an_object_where_no_list_is_asked_for(stream: bool) -> None:
    reply = Reply(tool_calls=(ToolCall("get_weather", "{}"),))
    script, _ = serve("iflytek", reply, stream=stream, tool_calls_switch=False)
    assert b'"tool_calls":{' in body_of(script)
    assert b'"tool_calls":[' not in body_of(script)


def test_deepseek_keeps_the_connection_alive() -> None:
    pace = Pace(3_500_000_000, 0)
    streamed, _ = serve("deepseek", Reply(text="hi"), stream=True, pace=pace)
    whole, _ = serve("deepseek", Reply(text="hi"), pace=pace)
    assert body_of(streamed).startswith(b": keep-alive\n\n" * 3 + b"data: ")
    assert body_of(whole).startswith(b"\n\n\n{")
    read = StreamAnswer(wants_usage=True)
    assert read.feed(body_of(streamed)).startswith(b"data: ")
    assert read.finished
    answer = WholeAnswer(1 << 20)
    answer.feed(body_of(whole))
    answer.end()
    assert answer.finished


def test_inconsistent_usage_is_refused_by_the_reader() -> None:
    script, _ = serve("openai", Reply(text="hi", fault="usage_inconsistent"))
    answer = WholeAnswer(1 << 20)
    answer.feed(body_of(script))
    answer.end()
    assert answer.usage is not None
    with pytest.raises(UsageError):
        VENDORS["openai"].usage(answer.usage)
