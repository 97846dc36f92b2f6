"""From words to a script: one answer in one flavour, whole or streamed, at a pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fenli.market.dialects.openai_chat import call_delta, message
from fenli.market.flavours.flavour import Flavour, Pen, Placement
from fenli.market.replies import Pace, Reply, ToolCall
from fenli.market.script import Action, Body, End, Enter, Head, Outcome, Wait
from fenli.market.usage import Count, split_tokens
from fenli.sim.random import Stream


class Words(msgspec.Struct, frozen=True):
    """A reply cut to its limit, as tokens. ``calls`` are the tokens of each tool call's arguments, ``members`` what the
    message has beside its words."""

    reasoning: list[str]
    text: list[str]
    calls: list[tuple[str, list[str]]]
    finish: str
    tokens: int
    members: dict[str, Any] = {}

    def tagged(self) -> Words:
        """With the reasoning between tags, as it stands in a text."""
        if not self.reasoning:
            return self
        pieces = ["<think>\n" + self.reasoning[0], *self.reasoning[1:]]
        pieces[-1] += "\n</think>\n\n"
        return msgspec.structs.replace(self, reasoning=pieces)


def words_of(reply: Reply, limit: int | None) -> Words:
    """A tool call's name counts as its tokens do, and is dropped whole where the limit does not reach behind it."""
    left = limit if limit is not None else 1 << 60
    reasoning = split_tokens(reply.reasoning)
    text = split_tokens(reply.text)
    wanted = len(reasoning) + len(text)
    reasoning = reasoning[:left]
    left -= len(reasoning)
    text = text[:left]
    left -= len(text)
    used = len(reasoning) + len(text)
    calls = []
    for call in reply.tool_calls:
        name, arguments = len(split_tokens(call.name)), split_tokens(call.arguments)
        wanted += name + len(arguments)
        if left < name:
            left = 0
            continue
        kept = arguments[: left - name]
        calls.append((call.name, kept))
        left -= name + len(kept)
        used += name + len(kept)
    finish = reply.finish or ("tool_calls" if reply.tool_calls else "stop")
    return Words(reasoning, text, calls, "length" if used < wanted else finish, used)


class Answering:
    """One answer under way: what `whole` and `streamed` share."""

    __slots__ = ("_call_ids", "_count", "_flavour", "_head", "_lone", "_pace", "_pen", "_reasoning", "_told", "_words")

    def __init__(
        self, flavour: Flavour, pen: Pen, words: Words, count: Count, told: dict[str, Any] | None, pace: Pace,
        head: tuple[tuple[bytes, bytes], ...], chance: Stream, reasoning_member: str, lone_call: bool,
    ) -> None:  # fmt: skip
        self._flavour = flavour
        self._pen = pen
        self._words = words
        self._count = count
        self._told = told
        self._pace = pace
        self._head = head
        self._reasoning = reasoning_member
        self._lone = lone_call
        self._call_ids = [f"call_{chance.bytes(8).hex()}" for _ in words.calls]

    def whole(self, choices: int, request_id: str) -> list[Action]:
        words = self._words
        calls = tuple(ToolCall(name, "".join(arguments)) for name, arguments in words.calls)
        shown = words.reasoning and self._flavour.shows_reasoning
        reasoning = {self._reasoning: "".join(words.reasoning)} if shown else {}
        text = reasoning.pop("content", "") + "".join(words.text)
        body = self._shaped(message(text, reasoning, calls, self._call_ids)) | words.members
        answer = self._pen.whole(
            [{"index": index, "message": body, "finish_reason": words.finish} for index in range(choices)],
            self._told,
            request_id,
        )
        head = Head(200, (*self._head, (b"content-type", self._pen.whole_type)))
        actions: list[Action] = []
        span = self._pace.first_token + self._pace.token * words.tokens
        if 0 < self._flavour.keep_alive < span:
            actions.append(head)
            actions += self._alive(span, b"\n")
        else:
            actions += [Wait(span), head]
        tokens = self._count.completion
        return [*actions, Enter(Outcome.WHOLE, tokens), Body(answer, tokens), End()]

    def streamed(self, choices: int, asked_usage: bool) -> list[Action]:
        pen, pace = self._pen, self._pace
        head = Head(200, (*self._head, (b"content-type", pen.stream_type)))
        half = pace.first_token // 2
        if 0 < self._flavour.keep_alive < pace.first_token:
            actions: list[Action] = [head, *self._alive(pace.first_token, b": keep-alive\n\n")]
        else:
            actions = [Wait(half), head, Wait(pace.first_token - half)]
        produced = 0
        for index in range(choices):
            first = {"role": "assistant", "content": "", **self._words.members}
            actions.append(Body(pen.chunk(index, first, usage=self._running(produced)), produced))
        for delta, tokens in self._deltas():
            if pace.token:
                actions.append(Wait(pace.token * max(1, tokens)))
            for index in range(choices):
                produced += tokens
                if delta is not None:
                    actions.append(Body(pen.chunk(index, self._shaped(delta), usage=self._running(produced)), produced))
        total = self._count.completion
        actions += self._endings(choices, asked_usage)
        actions += [Enter(Outcome.WHOLE, total), Body(pen.done(), total, final=True), End()]
        return _without_nothing(actions)

    def _deltas(self) -> Iterator[tuple[dict[str, Any] | None, int]]:
        """Each delta with the tokens it brings; None for tokens that are counted and not shown."""
        words, flavour = self._words, self._flavour
        for piece in words.reasoning:
            yield ({self._reasoning: piece} if flavour.shows_reasoning else None), 1
        for piece in words.text:
            yield {"content": piece}, 1
        for index, (name, arguments) in enumerate(words.calls):
            named, call = len(split_tokens(name)), self._call_ids[index]
            if not flavour.splits_arguments:
                yield call_delta(index, "".join(arguments), name, call), named + len(arguments)
                continue
            yield call_delta(index, "", name, call), named
            for piece in arguments:
                yield call_delta(index, piece), 1

    def _shaped(self, part: dict[str, Any]) -> dict[str, Any]:
        """A message or a delta with its tool calls as the vendor writes them."""
        if self._lone and "tool_calls" in part:
            return part | {"tool_calls": part["tool_calls"][0]}
        return part

    def _running(self, produced: int) -> dict[str, Any] | None:
        """The usage so far, where chunks carry it. A vendor that tells none at the end tells none before it."""
        if self._flavour.placement is not Placement.EVERY_CHUNK or self._told is None:
            return None
        return self._flavour.usage.object(self._count.upto(produced))

    def _endings(self, choices: int, asked_usage: bool) -> list[Action]:
        """The chunks with the finish reasons, and the usage where the flavour puts it."""
        pen, told, total, finish = self._pen, self._told, self._count.completion, self._words.finish
        placement = self._flavour.placement
        endings: list[Action] = []
        for index in range(choices):
            last = told if index == choices - 1 else self._running(total)
            endings.append(
                Body(
                    pen.chunk(
                        index, {}, finish,
                        usage=last if placement in (Placement.LAST_CHUNK, Placement.EVERY_CHUNK) else None,
                        choice_usage=last if placement is Placement.CHOICE else None,
                    ),
                    total,
                )
            )  # fmt: skip
        if asked_usage and placement in (Placement.EXTRA_CHUNK, Placement.CHOICE):
            endings.append(Body(pen.usage_chunk(told), total))
        return endings

    def _alive(self, span: int, sign: bytes) -> list[Action]:
        """Waits ``span`` and gives a sign of life every so often meanwhile."""
        every = self._flavour.keep_alive
        signs: list[Action] = []
        while span > every:
            signs += [Wait(every), Body(sign)]
            span -= every
        return [*signs, Wait(span)]


def _without_nothing(actions: list[Action]) -> list[Action]:
    """Leaves out what the dialect has no words for. Where that is the end mark, the last words are what ends it."""
    kept = [action for action in actions if type(action) is not Body or action.data]
    last = max(at for at, action in enumerate(kept) if type(action) is Body)
    body, entry = kept[last], next(action for action in kept if type(action) is Enter)
    assert type(body) is Body
    before = [action for action in kept[:last] if action is not entry]
    return [*before, entry, Body(body.data, body.tokens, final=True), End()]
