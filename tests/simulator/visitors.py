"""The callers of the simulated gateway, and what each may believe of the answer it got.

An answer recites numbered words of the caller's own token, so that a missing, doubled or swapped byte is seen at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fenli.clock import MILLISECOND, SECOND
from fenli.market.replies import Pace, Prompt, Reply, ToolCall
from fenli.sim.kernel import Simulation
from fenli.sim.random import Stream

HIGH_WATER = 2_000
# A long queue, all at once, and so slow that the call's own deadline ends it.
PACES = (Pace(4 * SECOND, MILLISECOND), Pace(0, 0), Pace(SECOND, 4 * SECOND))


def recite(token: str, count: int) -> str:
    return " ".join(f"{token}.{number}厘" for number in range(count))


class Reciter:
    """The vendors' behaviour: ``say TOKEN COUNT`` is answered with the recitation, through a tool if one is offered."""

    def reply(self, prompt: Prompt, chance: Stream) -> Reply:
        _, token, count = prompt.said.split()[:3]
        text = recite(token, int(count))
        reasoning = recite(f"hm-{token}", 5) if prompt.thinks else ""
        pace = chance.choice(PACES) if chance.probability(0.05) else None
        if prompt.tools:
            calls = (ToolCall("recite", json.dumps({"text": text})),)
            return Reply(tool_calls=calls, reasoning=reasoning, pace=pace)
        return Reply(text=text, reasoning=reasoning, pace=pace)


@dataclass
class Wish:
    """What one caller asks for. ``leaves`` and ``reads`` (bytes a second) are None for a patient, quick one."""

    token: str
    model: str
    words: int
    stream: bool
    wants_usage: bool = False
    wants_cost: bool = False
    limit: int | None = None
    tools: bool = False
    thinks: bool = False
    leaves: int | None = None
    reads: int | None = None
    spoilt: str = ""  # what is wrong with the request, if anything
    padding: int = 0
    choices: int = 1

    def body(self) -> bytes:
        if self.spoilt == "json":
            return b'{"model": "chat", "messages": ['
        said = f"say {self.token} {self.words} " + "x" * self.padding
        body: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": said}]}
        if self.stream:
            body["stream"] = True
        if self.wants_usage:
            body["stream_options"] = {"include_usage": True}
        if self.limit is not None:
            body["max_tokens"] = self.limit
        if self.choices > 1:
            body["n"] = self.choices
        if self.thinks:
            body["thinking"] = {"type": "enabled"}
        if self.tools:
            body["tools"] = [{"type": "function", "function": {"name": "recite", "parameters": {}}}]
        return json.dumps(body).encode()


@dataclass(eq=False)
class Visitor:
    """One caller at the gateway: the exchange as `fenli.gateway` sees it, and what the caller has seen.

    ``end`` is ``reply``, ``finish`` or ``abort`` (the gateway's word), ``left`` (its own) or ``crash``.
    """

    sim: Simulation
    chance: Stream
    wish: Wish
    key: str
    method: bytes = b"POST"
    path: bytes = b"/v1/chat/completions"
    query: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    received: int = 0
    over_at: int = 0
    limited: bool = False  # a vendor was told how long the answer may be
    listener: Any = None
    end: str | None = None
    status: int = 0
    lines: bytes = b""
    got: bytearray = field(default_factory=bytearray)
    slow: bool = False
    unread: int = 0
    pieces: int = 0
    complaints: list[str] = field(default_factory=list)

    def arrive(self) -> None:
        self.received = self.sim.now()
        self.body = self.wish.body()
        bearer, token = b"Bearer " + self.key.encode(), self.wish.token.encode()
        self.headers = {b"authorization": bearer, b"x-client-request-id": token}
        if self.wish.wants_cost:
            self.headers[b"x-fenli-cost"] = b"true"
        if self.wish.leaves is not None:
            self.sim.call_later(self.wish.leaves, self.leave)

    # The exchange

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        if self._open("reply", started=False):
            self.status, self.lines = status, headers
            self.got += body
            self._over("reply")

    def start(self, status: int, headers: bytes) -> None:
        if self._open("start", started=False):
            self.status, self.lines = status, headers

    def write(self, data: bytes) -> None:
        if not self._open("write", started=True) or not data:
            return
        self.got += data
        self.pieces += 1
        self.unread += len(data)
        self.sim.trace.feed(self.wish.token, self.sim.now(), data)
        if self.chance.probability(0.0005):
            self.leave()  # the connection breaks under this very write
        elif self.wish.reads is not None and not self.slow and self.unread > HIGH_WATER:
            self.slow = True
            self.sim.call_later(self.unread * SECOND // self.wish.reads, self.catch_up)
            self.listener.client_slow()

    def finish(self, data: bytes = b"") -> None:
        if self._open("finish", started=True):
            self.got += data
            self._over("finish")

    def abort(self) -> None:
        if self.end is None:
            self._over("abort")

    # The caller

    def leave(self) -> None:
        if self.end is None:
            self._over("left")
            listener, self.listener = self.listener, None
            if listener is not None:
                listener.client_gone()

    def crash(self) -> None:
        """The gateway is gone."""
        self.listener = None
        if self.end is None:
            self._over("crash")

    def catch_up(self) -> None:
        self.slow = False
        self.unread = 0
        if self.end is None and self.listener is not None:
            self.listener.client_ready()

    def _open(self, verb: str, started: bool) -> bool:
        if self.end in ("left", "crash"):
            return False
        if self.end is not None or (self.status != 0) is not started:
            self.complaints.append(f"{verb} on an exchange that was {self.end or 'not started'}")
            return False
        return True

    def _over(self, end: str) -> None:
        self.end, self.over_at = end, self.sim.now()
        self.sim.trace.feed(self.wish.token, self.sim.now(), end, self.status, bytes(self.got[-200:]))

    @property
    def call(self) -> str | None:
        """The call's id, as the answer's headers name it."""
        for line in self.lines.split(b"\r\n"):
            if line.startswith(b"x-fenli-call-id: "):
                return line.split(b" ")[1].decode()
        return None
