"""A call to an emulated vendor as fenli makes it: the vendor's own request, and its own reader of the answer."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from faces import PATIENT, Heard, VirtualFace

from fenli.errors import Failure
from fenli.http.transport import Request
from fenli.market.market import emulate, market_key
from fenli.market.replies import AT_ONCE, Echo, Reply, Scripted
from fenli.market.served import Serving
from fenli.market.transport import Network
from fenli.vendors.catalog import VENDORS
from fenli.wire.answers import Answer
from fenli.wire.openai_chat import ChatRequest, parse_request

_WORDS = {"role", "content", "reasoning_content", "tool_calls"}
QUESTION = [{"role": "user", "content": "How many mills make a cent? 一分等于几厘?"}]


class Always:
    """Says the same whatever it is asked."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def reply(self, prompt: object, chance: object) -> Reply:
        return self._reply


class Native:
    """One emulated vendor. ``reply`` is what it says; an echo of the question otherwise."""

    def __init__(self, name: str, model: str, reply: Reply | None = None, seed: int = 1, piece: int = 4096) -> None:
        behaviour = Echo() if reply is None else Scripted(otherwise=Always(reply))
        self.vendor = VENDORS[name]
        self.model = model
        self.face = VirtualFace([emulate(name, behaviour=behaviour, pace=AT_ONCE)], seed, Network(piece=piece))

    def request(self, ask: ChatRequest, *, fault: str = "", key: str | None = None) -> Request:
        secret = market_key(self.vendor.id) if key is None else key
        address = self.vendor.address(self.vendor.base_url, secret, self.model + fault)
        return self.vendor.request(address, ask, self.face.sim.now())

    def call(self, *, fault: str = "", key: str | None = None, **members: Any) -> Told:
        ask = parse_request(json.dumps({"model": "public", "messages": QUESTION, **members}).encode())
        heard = self.face.ask(self.request(ask, fault=fault, key=key), PATIENT)
        return Told.of(self, ask, heard)

    @property
    def serving(self) -> Serving:
        return self.face.served()[-1]


class Told(msgspec.Struct):
    """What the caller is told in the end. ``failure`` is what the gateway makes of an error; the usage is in meters;
    ``beside`` is what else a message has."""

    heard: Heard
    answer: Answer
    text: str = ""
    reasoning: str = ""
    calls: list[dict[str, str]] = []
    finish: str | None = None
    beside: dict[str, Any] = {}
    usage: dict[str, int] | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, native: Native, ask: ChatRequest, heard: Heard) -> Told:
        vendor, answer = native.vendor, native.vendor.answer(ask, native.face.sim.now())
        told = cls(heard, answer)
        headers = list(heard.headers.items())
        refused = ask.stream and answer.refused(heard.headers.get(b"content-type", b""))
        if not (heard.status == 101 or 200 <= heard.status < 300) or refused:
            told.failure = vendor.classify(heard.status, headers, heard.body)
            return told
        out = b"".join(map(answer.feed, heard.pieces))
        if heard.end == "completed":
            answer.end()
        if answer.error is not None:
            told.failure = vendor.classify(heard.status, headers, answer.error)
            return told
        told.usage = None if answer.usage is None else vendor.usage(answer.usage)
        out += answer.tail(None) if answer.finished else b""
        told._read(out, streamed=ask.stream)
        return told

    def _read(self, out: bytes, *, streamed: bool) -> None:
        if not streamed:
            self._take(json.loads(out)["choices"][0], "message")
            return
        for event in out.decode().split("\n\n"):
            if event.startswith("data: {"):
                for choice in json.loads(event[6:])["choices"]:
                    self._take(choice, "delta")

    def _take(self, choice: dict[str, Any], member: str) -> None:
        said = choice[member]
        self.text += said.get("content") or ""
        self.reasoning += said.get("reasoning_content") or ""
        self.finish = choice["finish_reason"] or self.finish
        self.beside |= {name: value for name, value in said.items() if name not in _WORDS}
        for at, call in enumerate(said.get("tool_calls") or ()):
            if call.get("index", at) == len(self.calls):
                self.calls.append({"name": "", "arguments": ""})
            kept = self.calls[call.get("index", at)]
            kept["name"] += call["function"].get("name") or ""
            kept["arguments"] += call["function"]["arguments"]
