"""A stage for one call: it performs the effects as the gateway would, writes down what is said to whom, and objects to
whatever no call may do."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from fenli.budgets.purse import Need, Purse
from fenli.calls.call import Call
from fenli.calls.effects import Abort, Append, Ask, Cancel, Effects, Ended, Finish, Inquire, Reply, Send, Start, Write
from fenli.clock import SECOND
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.records import Held, Record
from fenli.prices.offers import Offer
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.routing.targets import Plan
from fenli.vendors.catalog import VENDORS
from fenli.vendors.contract import Disconnect
from fenli.wire.openai_chat import parse_request

SOLD = {
    "deepseek": "deepseek-chat",
    "moonshot": "kimi-k2.6",
    "zhipu": "glm-4.6",
    "openai": "gpt-4o-mini",
    "ollama-native": "minicpm-v",
    "anthropic": "claude-haiku-4-5",
}
DEADLINES = Deadlines(first_content=10 * SECOND, total=60 * SECOND)
USAGE = b'{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}'
WHOLE = b'{"id":"up-1","model":"m","choices":[{"message":{"content":"Hi"}}],"usage":' + USAGE + b"}"
ROLE = b'data: {"id":"up-1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
EXTRA = b'data: {"choices":[],"usage":' + USAGE + b"}\n\n"
DONE = b"data: [DONE]\n\n"
SSE = [(b"Content-Type", b"text/event-stream")]
JSON = [(b"Content-Type", b"application/json")]


def words(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":' + json.dumps(text).encode() + b"}}]}\n\n"


def problem(**error: Any) -> bytes:
    return json.dumps({"error": error}).encode()


def plan(*vendors: str, drain: bool = False, priced: bool = True, deadlines: Deadlines = DEADLINES) -> Plan:
    """A route over these vendors; a token costs 1 pico in and 2 out at the first, ten times that at the next ..."""
    settings, offers = [], {}
    for place, name in enumerate(vendors):
        vendor = VENDORS[name]
        prices = {"input": 10**place, "output": 2 * 10**place}
        settings.append(VendorSettings(name, name, vendor.base_url, "", (SOLD[name],), "CNY", deadlines=deadlines))
        offers[name] = (Offer(f"o-{name}", name, SOLD[name], "CNY", 0, None, "1M_tokens", prices),) if priced else ()
    route = Route("fast", tuple(f"{name}/{SOLD[name]}" for name in vendors))
    found = Directory(Snapshot("v", 0, (), tuple(settings), (route,), offers), lambda _: "sk-secret").plan("fast")
    if drain:
        targets = [
            msgspec.structs.replace(
                target,
                vendor=msgspec.structs.replace(target.vendor, disconnect=Disconnect.DRAIN),  # type: ignore[type-var]
            )
            for target in found.targets
        ]
        found = msgspec.structs.replace(found, targets=tuple(targets))
    return found


class CallStage:
    """``now`` is the instant, in ns. ``said`` is what the caller got, ``entries`` what the books have."""

    def __init__(self, *vendors: str, drain: bool = False, priced: bool = True, plan_: Plan | None = None, **ask: Any):
        options = {name: ask.pop(name) for name in ("attempts_max", "wants_cost", "request_id", "retry") if name in ask}
        self.purse = ask.pop("purse", None) or Purse()
        self.needs: list[Need] | None = None
        body = json.dumps({"model": "fast", "messages": [], **ask}).encode()
        self.now = 1000 * SECOND
        self.call = Call(
            7, "call_x7", Key("k1", "mine", b""), parse_request(body),
            plan_ or plan(*vendors or ("deepseek",), drain=drain, priced=priced), self.now, self.purse, **options,
        )  # fmt: skip
        self.poster = Poster("run")
        self.unwritten: list[Record] = []
        self.records: list[Record] = []
        self.entries: list[Entry] = []
        self.sends: dict[int, Send] = {}
        self.waiting: list[int] = []
        self.on_the_way: set[int] = set()
        self.cancelled: list[int] = []
        self.inquiries: list[Inquire] = []
        self.started: Start | None = None
        self.said = b""
        self.reply: Reply | None = None
        self.finished = self.aborted = self.client_left = False
        self.ended: Ended | None = None

    # Events

    def begin(self) -> CallStage:
        self.perform(self.call.begin(self.now))
        return self

    def ask(self) -> CallStage:
        """Begins, and writes the journal."""
        self.begin()
        self.write_journal()
        return self

    def write_journal(self) -> None:
        for record in self.unwritten:
            self._post(record)
        self.unwritten = []
        for number in self.waiting:
            if self.call.sending(number, self.now):
                self.on_the_way.add(number)
        self.waiting = []

    def refuse_journal(self, *, written: bool = False) -> None:
        """What `Recorder` does when the disk refuses: the calls opened in this turn leave no trace."""
        records, waiting = self.unwritten, self.waiting
        self.unwritten, self.waiting = [], []
        opened = any(isinstance(record, Held) for record in records)
        if written or not opened:
            for record in records:
                self._post(record)
        for number in waiting:
            self.perform(self.call.journal_failed(number, self.now, written=written))
        for record in self.unwritten:
            self._post(record)
        self.unwritten = []

    def head(self, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None, at: int = 0) -> CallStage:
        kind = SSE if self.call.ask.stream and status == 200 else JSON
        self.call.head(at or self._latest, status, kind if headers is None else headers)
        return self

    def body(self, *pieces: bytes, at: int = 0) -> CallStage:
        for piece in pieces:
            self.perform(self.call.body(at or self._latest, piece, self.now))
        return self

    def complete(self, at: int = 0) -> CallStage:
        at = at or self._latest
        self.on_the_way.discard(at)
        self.perform(self.call.complete(at, self.now))
        return self

    def fail(self, error: Exception, at: int = 0) -> CallStage:
        at = at or self._latest
        self.on_the_way.discard(at)
        self.perform(self.call.failed(at, error, self.now))
        return self

    def answer(self, status: int, *pieces: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> CallStage:
        self.head(status, headers).body(*pieces).complete()
        if self.ended is None:
            self.write_journal()
        return self

    def leave(self) -> CallStage:
        self.client_left = True
        self.perform(self.call.client_gone(self.now))
        return self

    def hedge(self) -> CallStage:
        self.perform(self.call._attempt(self.call._terms(self.now, asked=True), self.now))
        return self

    def pass_time(self, span: int) -> CallStage:
        self.now += span
        if self.call.wake_at <= self.now:
            self.perform(self.call.wake(self.now))
        return self

    def settle(self) -> CallStage:
        """Ends the turn: what was appended is in the books."""
        self.write_journal()
        return self

    # Effects

    def perform(self, effects: Effects) -> None:
        for effect in effects:
            assert self.ended is None, f"{effect} after the end"
            getattr(self, f"_on_{type(effect).__name__.lower()}")(effect)

    def _on_append(self, effect: Append) -> None:
        self.unwritten.append(effect.record)

    def _on_send(self, effect: Send) -> None:
        record = self.unwritten[-1]
        assert getattr(record, "attempt", 1) == effect.attempt, "a vendor is asked behind its own record"
        assert (record.vendor, record.model) == (effect.target.vendor_id, effect.target.model)  # type: ignore[union-attr]
        assert effect.attempt not in self.sends
        assert self.now < self.call.deadline
        self.sends[effect.attempt] = effect
        self.waiting.append(effect.attempt)

    def _on_inquire(self, effect: Inquire) -> None:
        assert effect.attempt in self.sends
        self.inquiries.append(effect)

    def _on_ask(self, effect: Ask) -> None:
        self.needs = effect.needs

    def _on_cancel(self, effect: Cancel) -> None:
        self.cancelled.append(effect.attempt)
        self.on_the_way.discard(effect.attempt)

    def _on_start(self, effect: Start) -> None:
        self._speaking()
        assert self.started is None
        self.started = effect
        self.said += effect.data

    def _on_write(self, effect: Write) -> None:
        self._speaking()
        assert self.started is not None
        assert effect.data
        self.said += effect.data

    def _on_finish(self, effect: Finish) -> None:
        self._on_write(effect)  # type: ignore[arg-type]
        self.finished = True
        self.ended = effect.ended

    def _on_abort(self, effect: Abort) -> None:
        self._on_write(effect)  # type: ignore[arg-type]
        self.aborted = True
        self.ended = effect.ended

    def _on_reply(self, effect: Reply) -> None:
        self._speaking()
        assert self.started is None
        self.reply = effect
        self.ended = effect.ended

    def _on_ended(self, effect: Ended) -> None:
        self.ended = effect

    def _speaking(self) -> None:
        assert not self.client_left, "somebody speaks to a caller who left"
        assert self.reply is None
        assert not self.finished
        assert not self.aborted

    def _post(self, record: Record) -> None:
        self.records.append(record)
        entry = self.poster.post(record)
        if entry is not None:
            self.entries.append(entry)

    @property
    def _latest(self) -> int:
        return max(self.sends)

    @property
    def header(self) -> dict[str, str]:
        lines = (self.started or self.reply).headers.decode().split("\r\n")  # type: ignore[union-attr]
        assert lines.pop() == ""
        return dict(line.split(": ", 1) for line in lines)

    @property
    def error(self) -> dict[str, Any]:
        """The error's JSON, from the reply or from the stream's last event."""
        text = self.reply.body if self.reply is not None else self.said.split(b"data: ")[-1]
        found: dict[str, Any] = json.loads(text)["error"]
        return found

    def check(self) -> None:
        """To be called at the end, once everything is written: the call is over and the books are shut."""
        assert self.ended is not None
        assert self.poster.open == {}
        winners = {entry.attempt for entry in self.entries if entry.outcome == "ok"}
        assert self.on_the_way <= winners, "nobody waits for these any more"
        assert self.client_left or self.reply is not None or self.finished or self.aborted
        finals = [entry.final for entry in self.entries]
        assert finals in ([], [*[False] * (len(finals) - 1), True])
        assert sorted(entry.attempt for entry in self.entries) in ([], list(range(1, len(self.sends) + 1)))
        if self.entries:
            assert self.entries[-1].outcome == self.ended.outcome
