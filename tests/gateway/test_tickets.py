"""Vendors that lend a ticket for a key: in virtual time against the market, and over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from house import VENDOR_SECRET, House, reply

from fenli.budgets.purse import Purse
from fenli.clock import MILLISECOND, SECOND
from fenli.errors import ConnectionLost, Failure, Kind, TicketNeeded, TicketRefused
from fenli.gateway.app import App
from fenli.gateway.metrics import Metrics
from fenli.gateway.recorder import Recorder
from fenli.gateway.snapshots import SnapshotFile
from fenli.http.transport import Deadlines as TransportDeadlines
from fenli.http.transport import Origin, Receiver, Request, Sending
from fenli.ledger.entries import Entry, Poster
from fenli.ledger.journal import Reader
from fenli.market.flavours.flavour import Plain
from fenli.market.market import Market, emulate, market_key
from fenli.market.replies import AT_ONCE, Echo
from fenli.market.transport import MarketTransport, Network
from fenli.routing.directory import Directory
from fenli.routing.snapshot import Deadlines, Key, Route, Snapshot, VendorSettings
from fenli.sim.kernel import Simulation
from fenli.sim.random import Chance
from fenli.vendors.catalog import VENDORS
from fenli.vendors.tickets import Booth, Ticket, TicketHolder, TicketRack

DAY = 24 * 3_600 * SECOND
TICKETS = (b"/oauth/2.0/token", b"/v3/auth/tokens")
VENDORS_HERE = {
    "baidu-legacy": ("ernie-3.5-8k", "http://market/baidu-legacy/rpc/2.0/ai_custom/v1/wenxinworkshop"),
    "huawei-pangu": ("pangu-1", "http://market/huawei-pangu/v1/p1/deployments"),
    "deepseek": ("deepseek-chat", "http://market/deepseek"),
}


class Caller:
    """An exchange of the gateway's, and what was heard over it."""

    method, query, path = b"POST", b"", b"/v1/chat/completions"

    def __init__(self, now: int, model: str, **members: Any) -> None:
        messages = [{"role": "user", "content": "four 厘"}]
        self.body = json.dumps({"model": model, "messages": messages, **members}).encode()
        self.headers = {b"authorization": b"Bearer fl-1"}
        self.received = now
        self.listener: Any = None
        self.status = 0
        self.said = self.heard = b""
        self.over = False

    def start(self, status: int, headers: bytes) -> None:
        self.status = status

    def write(self, data: bytes) -> None:
        self.heard += data

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self.status, self.said, self.heard, self.over = status, headers, body, True

    def finish(self, data: bytes = b"") -> None:
        self.heard += data
        self.over = True

    def abort(self) -> None:
        self.over = True

    @property
    def text(self) -> str:
        assert self.status == 200, self.heard
        said: str = json.loads(self.heard)["choices"][0]["message"]["content"]
        return said


class Staged:
    """A gateway and three emulated vendors. ``asked`` are the requests that vendors got."""

    def __init__(self, keys: Callable[[str], str] = market_key) -> None:
        self.sim = Simulation()
        self.market = Market(
            self.sim, Chance(7), [emulate(name, behaviour=Echo(), pace=AT_ONCE) for name in VENDORS_HERE]
        )
        self._transport = MarketTransport(self.market, Network(connect=MILLISECOND, read=MILLISECOND))
        self.asked: list[Request] = []
        self.journal = b""
        self.full = False
        self.recorder = Recorder(self, self.sim.call_soon, self.sim.now, sync_each=False)
        self.snapshots = SnapshotFile(Path("/nonexistent"))
        self.keys = keys
        self.rack = TicketRack()
        self.swap()
        purse = Purse()
        self.app = App(
            run="r1", clock=self.sim, transport=self, recorder=self.recorder, snapshots=self.snapshots,
            metrics=Metrics(Path("/nonexistent"), 0), open_metrics=True, purse=purse, lender=None,  # type: ignore[arg-type]
        )  # fmt: skip

    def swap(self) -> None:
        """Another snapshot, as after a key was made."""
        digest = sha256(b"fl-1").digest()
        deadlines = Deadlines(first_content=20 * SECOND)
        vendors = tuple(
            VendorSettings(name, name, url, name, (model,), "CNY", deadlines=deadlines)
            for name, (model, url) in VENDORS_HERE.items()
        )
        routes = (Route("either", ("baidu-legacy/ernie-3.5-8k", "deepseek/deepseek-chat")),)
        snapshot = Snapshot("v", 0, (Key("k", "k", digest),), vendors, routes, {})
        self.snapshots.directory = Directory(snapshot, self.keys, self.rack)
        assert self.snapshots.directory.problems == []

    def send(self, request: Request, deadlines: TransportDeadlines, receiver: Receiver) -> Sending:
        self.asked.append(request)
        return self._transport.send(request, deadlines, receiver)

    def write(self, frame: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.journal += frame

    def sync(self) -> None:
        pass

    def call(self, model: str, **members: Any) -> Caller:
        caller = Caller(self.sim.now(), model, **members)
        self.app.handle(caller)  # type: ignore[arg-type]
        return caller

    def whole(self, model: str, **members: Any) -> Caller:
        caller = self.call(model, **members)
        self.go(5 * SECOND)
        assert caller.over
        return caller

    def go(self, span: int) -> None:
        """Lets time pass, with the gateway's watch at its work."""
        until = self.sim.now() + span
        while self.sim.now() < until:
            step = min(until - self.sim.now(), 250 * MILLISECOND if span <= 60 * SECOND else 600 * SECOND)
            self.sim.run(until=self.sim.now() + step)
            self.app.desk.wake()
            self.recorder.retry()
        self.sim.run(until=until)

    @property
    def fetched(self) -> int:
        """How many tickets were asked for."""
        return sum(any(path in request.target for path in TICKETS) for request in self.asked)

    def entries(self) -> list[Entry]:
        poster, reader = Poster("r1"), Reader(1, header=object())  # type: ignore[arg-type]
        posted = [poster.post(record) for record in reader.feed(self.journal)]
        assert not poster.open
        return [entry for entry in posted if entry is not None]


@pytest.mark.parametrize("vendor", ["baidu-legacy", "huawei-pangu"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_first_call_waits_for_a_ticket_and_the_others_have_it(vendor: str, stream: bool) -> None:
    staged = Staged()
    model = f"{vendor}/{VENDORS_HERE[vendor][0]}"
    for _ in range(3):
        caller = staged.whole(model, stream=stream)
        assert caller.status == 200
        assert "厘" in caller.heard.decode()
    assert staged.fetched == 1
    assert [(entry.outcome, entry.attempt, entry.final) for entry in staged.entries()] == [("ok", 1, True)] * 3


def test_all_who_wait_share_one_request_for_it() -> None:
    staged = Staged()
    callers = [staged.call("baidu-legacy/ernie-3.5-8k") for _ in range(20)]
    staged.go(SECOND)
    assert {caller.text for caller in callers} == {"four 厘"}
    assert staged.fetched == 1


def test_a_new_snapshot_keeps_the_ticket_and_another_key_does_not() -> None:
    staged = Staged()
    staged.whole("baidu-legacy/ernie-3.5-8k")
    staged.swap()
    staged.whole("baidu-legacy/ernie-3.5-8k")
    assert staged.fetched == 1
    staged.keys = lambda vendor: "another-ak:another-sk" if vendor == "baidu-legacy" else market_key(vendor)
    staged.swap()
    assert staged.whole("baidu-legacy/ernie-3.5-8k").status == 502
    assert staged.fetched == 2


@pytest.mark.parametrize(("vendor", "life"), [("baidu-legacy", 30 * DAY), ("huawei-pangu", DAY)])
def test_it_is_renewed_before_it_runs_out_as_long_as_it_is_used(vendor: str, life: int) -> None:
    staged = Staged()
    model = f"{vendor}/{VENDORS_HERE[vendor][0]}"
    staged.whole(model)
    staged.go(life - 3_600 * SECOND + 1_200 * SECOND)
    assert staged.fetched == 2  # nobody waited
    before = len(staged.asked)
    staged.whole(model)
    assert len(staged.asked) == before + 1
    staged.go(3 * life)  # used once more, so renewed once more
    assert staged.fetched == 3
    staged.whole(model)
    assert staged.fetched == 4


def test_a_ticket_that_the_vendor_no_longer_takes_is_replaced_once_and_the_call_goes_on() -> None:
    staged = Staged()
    staged.whole("baidu-legacy/ernie-3.5-8k")
    holder = staged.snapshots.directory.plan("baidu-legacy/ernie-3.5-8k").targets[0].address.ticket  # type: ignore[union-attr]
    assert holder is not None
    holder.keep(Ticket("1.revoked", staged.sim.now() - SECOND, staged.sim.now() + DAY))
    caller = staged.whole("baidu-legacy/ernie-3.5-8k")
    assert caller.text == "four 厘"
    assert staged.fetched == 2
    assert [(entry.outcome, entry.attempt, entry.final) for entry in staged.entries()[1:]] == [
        ("bad_key", 1, False), ("ok", 2, True),
    ]  # fmt: skip


def test_a_vendor_that_takes_no_ticket_at_all_is_asked_twice_and_no_more() -> None:
    staged = Staged()
    staged.whole("baidu-legacy/ernie-3.5-8k")
    place = staged.market.vendors["baidu-legacy"]._place
    other = msgspec.structs.replace(place, keys=frozenset({"market-ak:market-sk2"}))
    dialect = staged.market.vendors["baidu-legacy"]._voice.dialect
    lending = dialect.aside
    staged.market.vendors["baidu-legacy"]._place = other  # what it lends it does not take
    dialect.aside = lambda vendor, ask, now, chance: lending(place, ask, now, chance)  # type: ignore[method-assign]
    try:
        caller = staged.whole("baidu-legacy/ernie-3.5-8k")
    finally:
        del dialect.aside
    assert caller.status == 502
    assert staged.fetched == 2
    assert [entry.outcome for entry in staged.entries()] == ["ok", "bad_key", "bad_key"]


def test_without_a_ticket_the_next_target_is_asked() -> None:
    staged = Staged(lambda vendor: "market-ak:wrong" if vendor == "baidu-legacy" else market_key(vendor))
    caller = staged.whole("either")
    assert caller.text == "four 厘"
    assert [(entry.vendor, entry.outcome) for entry in staged.entries()] == [
        ("baidu-legacy", "bad_key"), ("deepseek", "ok"),
    ]  # fmt: skip


def test_a_refused_key_is_told_at_once_and_not_tried_again_for_a_minute() -> None:
    staged = Staged(lambda vendor: "market-ak:wrong-secret" if vendor == "baidu-legacy" else market_key(vendor))
    for _ in range(5):
        caller = staged.whole("baidu-legacy/ernie-3.5-8k")
        assert caller.status == 502
        error = json.loads(caller.heard)["error"]
        assert error["code"] == "vendor_credential"
        assert "wrong-secret" not in caller.heard.decode()
    assert staged.fetched == 1
    staged.go(60 * SECOND)
    staged.whole("baidu-legacy/ernie-3.5-8k")
    assert staged.fetched == 2
    notes = [entry.note for entry in staged.entries()]
    assert all(note is not None and "no ticket: Client authentication failed" in note for note in notes)


def test_who_says_when_a_ticket_may_be_had_again_is_left_alone_until_then() -> None:
    staged = Staged()
    voice = staged.market.vendors["baidu-legacy"]._voice
    lending = voice.dialect.aside
    busy = Plain(429, b'{"error":"slow_down"}', ((b"content-type", b"application/json"), (b"retry-after", b"20")))
    voice.dialect.aside = lambda vendor, ask, now, chance: busy  # type: ignore[method-assign]
    try:
        callers = [staged.whole("baidu-legacy/ernie-3.5-8k") for _ in range(3)]
        staged.go(SECOND)
        assert staged.fetched == 1
        assert {caller.status for caller in callers} == {429}
        assert all(b"retry-after: 20\r\n" in caller.said for caller in callers)
        assert staged.whole("either").text == "four 厘"  # another target does not wait
    finally:
        voice.dialect.aside = lending  # type: ignore[method-assign]
    staged.go(20 * SECOND)
    assert staged.whole("baidu-legacy/ernie-3.5-8k").text == "four 厘"
    assert staged.fetched == 2


def test_a_key_that_is_refused_at_its_renewal_is_left_alone_for_a_minute_too() -> None:
    staged = Staged()
    staged.whole("baidu-legacy/ernie-3.5-8k")
    place = staged.market.vendors["baidu-legacy"]._place
    staged.market.vendors["baidu-legacy"]._place = msgspec.structs.replace(place, keys=frozenset({"market-ak:other"}))
    before = 30 * DAY - 3_600 * SECOND
    staged.go(before + SECOND)
    assert staged.fetched == 2  # the first, and one that was refused
    staged.go(50 * SECOND)
    assert staged.fetched == 2
    staged.go(15 * SECOND)
    assert staged.fetched == 3


def test_a_vendor_that_answers_no_request_for_a_ticket_fails_the_call_in_time() -> None:
    staged = Staged()

    class Silent:
        def cancel(self) -> None: ...
        def pause(self) -> None: ...
        def resume(self) -> None: ...

    staged.send = lambda request, deadlines, receiver: Silent()  # type: ignore[method-assign]
    staged.app.desk.tickets._transport = staged
    caller = staged.call("baidu-legacy/ernie-3.5-8k")
    staged.go(25 * SECOND)
    assert caller.status == 504
    [entry] = staged.entries()
    assert (entry.outcome, entry.grade) == ("timeout", "none")  # nothing of the call had reached the vendor


def test_who_leaves_while_waiting_owes_nothing_and_the_ticket_stays() -> None:
    staged = Staged()
    caller = staged.call("baidu-legacy/ernie-3.5-8k")
    staged.sim.run(until=staged.sim.now() + 1)  # the hold is written
    caller.listener.client_gone()
    staged.go(SECOND)
    [entry] = staged.entries()
    assert (entry.outcome, entry.grade) == ("client_gone", "none")
    assert staged.whole("baidu-legacy/ernie-3.5-8k").text == "four 厘"
    assert staged.fetched == 1


def test_no_ticket_is_asked_for_a_call_that_the_journal_does_not_have() -> None:
    staged = Staged()
    staged.full = True
    caller = staged.call("baidu-legacy/ernie-3.5-8k")
    staged.go(SECOND)
    assert caller.status == 503
    assert staged.asked == []


def test_neither_secret_nor_ticket_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    staged = Staged()
    with caplog.at_level(logging.DEBUG):
        staged.whole("baidu-legacy/ernie-3.5-8k")
    target = staged.snapshots.directory.plan("baidu-legacy/ernie-3.5-8k").targets[0]  # type: ignore[union-attr]
    holder = target.address.ticket
    assert holder is not None
    assert holder.ticket is not None
    shown = " ".join(map(repr, (target, holder, holder.ticket, holder.booth, staged.asked))) + caplog.text
    for hidden in (holder.ticket.text, "market-sk", market_key("baidu-legacy")):
        assert hidden in target.address.hidden or hidden == "market-sk"
        assert hidden not in shown
    assert holder.ticket.text.encode() not in staged.journal


def test_a_ticket_is_renewed_and_put_away_in_time() -> None:
    long, short = Ticket("t", 0, 30 * DAY), Ticket("t", 0, 100 * SECOND)
    assert (long.renewed_at, long.good_until) == (30 * DAY - 3_600 * SECOND, 30 * DAY - 30 * SECOND)
    assert (short.renewed_at, short.good_until) == (90 * SECOND, 95 * SECOND)
    holder = TicketHolder(Booth(Request(Origin("http", "h", 1), b"POST", b"/", b"", b""), lambda *_: short))
    with pytest.raises(TicketNeeded):
        holder.text(0)
    holder.keep(short)
    assert holder.text(94 * SECOND) == "t"
    with pytest.raises(TicketNeeded):
        holder.text(95 * SECOND)
    holder.keep(Ticket("u", 200 * SECOND, 300 * SECOND))
    holder.spoil(100 * SECOND)  # that was the one before
    assert holder.text(201 * SECOND) == "u"
    holder.refuse(TicketRefused(Failure(Kind.BAD_KEY, "no")), 5)
    assert holder.refusal(4) is not None
    assert holder.refusal(5) is None


# Over real sockets


def test_over_sockets_a_ticket_is_had_used_and_replaced(tmp_path: Path) -> None:
    house = House(tmp_path)
    try:
        vendor = house.deepseek
        base = f"http://127.0.0.1:{vendor.port}/rpc/2.0/ai_custom/v1/wenxinworkshop"
        deadlines = Deadlines(head=2 * SECOND, first_byte=2 * SECOND, idle=2 * SECOND, first_content=2 * SECOND)
        settings = VendorSettings("baidu-legacy", "baidu-legacy", base, "env:X", ("ernie-3.5-8k",), "CNY",
                                  deadlines=deadlines)  # fmt: skip
        house.snapshots._secrets = lambda _: f"ak:{VENDOR_SECRET}"
        house.swap(vendors=(settings,), routes=())
        done = b'{"id":"as-1","result":"Hi","usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
        vendor.scripts = [
            reply(200, b'{"access_token":"first","expires_in":2592000}'),
            reply(200, done),
            reply(200, b'{"error_code":111,"error_msg":"Access token expired"}'),
            reply(200, b'{"access_token":"second","expires_in":2592000}'),
            reply(200, done),
        ]
        answers = [house.call(model="baidu-legacy/ernie-3.5-8k") for _ in range(2)]
        assert [answer.json["choices"][0]["message"]["content"] for answer in answers] == ["Hi", "Hi"]
        assert answers[1].headers["x-fenli-attempts"] == "2"
        targets = [asked.head.split(b" ")[1].decode() for asked in vendor.asked]
        assert [target.partition("?")[0].rpartition("/")[2] for target in targets] == [
            "token", "completions", "completions", "token", "completions",
        ]  # fmt: skip
        assert parse_qs(targets[0].partition("?")[2]) == {
            "grant_type": ["client_credentials"], "client_id": ["ak"], "client_secret": [VENDOR_SECRET],
        }  # fmt: skip
        assert [parse_qs(targets[at].partition("?")[2])["access_token"] for at in (1, 2, 4)] == [
            ["first"], ["first"], ["second"],
        ]  # fmt: skip
        assert [(entry.outcome, entry.grade) for entry in house.books(2)] == [
            ("ok", "unknown"), ("bad_key", "none"), ("ok", "unknown"),
        ]  # fmt: skip
    finally:
        house.close()


def test_the_key_must_have_its_parts() -> None:
    for vendor, key in (("baidu-legacy", "only-one"), ("huawei-pangu", "user:"), ("tencent-native", ":secret")):
        model, url = VENDORS_HERE.get(vendor, ("m", VENDORS[vendor].base_url))
        settings = VendorSettings(vendor, vendor, url, "", (model,), "CNY")
        directory = Directory(Snapshot("v", 0, (), (settings,), (), {}), lambda _, key=key: key)
        [problem] = directory.problems
        assert problem.startswith(f"{vendor} is off: the key of {vendor} is written")


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_whatever_happens_every_call_ends_once_and_nobody_is_asked_twice_at_a_time(seed: int) -> None:
    """Sixty days of callers who leave, tickets that are not to be had, revoked ones, and a disk that fails now and
    then."""
    staged, chance = Staged(), Chance(seed).stream("days")
    under_way: dict[bytes, int] = {}
    most: dict[bytes, int] = {}
    send = staged._transport.send

    class Watched:
        """A receiver that knows how many requests for a ticket are under way, and hears of a failure now and then."""

        def __init__(self, receiver: Receiver, place: bytes) -> None:
            self.receiver, self.place = receiver, place
            under_way[place] = under_way.get(place, 0) + 1
            most[place] = max(most.get(place, 0), under_way[place])
            self.fails = chance.probability(0.3)

        def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
            if not self.fails:
                self.receiver.head_received(status, headers)

        def body_received(self, data: bytes) -> None:
            if not self.fails:
                self.receiver.body_received(data)

        def completed(self) -> None:
            under_way[self.place] -= 1
            if self.fails:
                self.receiver.failed(ConnectionLost("cut", sent=True))
            else:
                self.receiver.completed()

    def watched(request: Request, deadlines: TransportDeadlines, receiver: Receiver) -> Sending:
        staged.asked.append(request)
        place = request.target.partition(b"?")[0]
        asks = any(path in place for path in TICKETS)
        return send(request, deadlines, Watched(receiver, place) if asks else receiver)  # type: ignore[arg-type]

    staged.send = watched  # type: ignore[method-assign]
    callers, gone = [], 0
    models = ["baidu-legacy/ernie-3.5-8k", "huawei-pangu/pangu-1", "either"]
    for _ in range(120):
        staged.full = chance.probability(0.05)
        for _ in range(chance.integer(1, 4)):
            caller = staged.call(chance.choice(models), stream=chance.probability(0.5))
            callers.append(caller)
            if chance.probability(0.15):
                staged.sim.run(until=staged.sim.now() + chance.integer(0, 5 * MILLISECOND))
                if not caller.over:
                    caller.listener.client_gone()
                    gone += 1
                    caller.over = True
        if chance.probability(0.1):
            for name in ("baidu-legacy/ernie-3.5-8k", "huawei-pangu/pangu-1"):
                holder = staged.snapshots.directory.plan(name).targets[0].address.ticket  # type: ignore[union-attr]
                assert holder is not None
                if holder.ticket is not None:
                    holder.keep(Ticket("1.revoked", staged.sim.now() - 1, staged.sim.now() + DAY))
        staged.go(SECOND)
        staged.full = False
        staged.go(30 * SECOND)
        staged.go(chance.integer(1, 24) * 3_600 * SECOND)
    assert all(caller.over for caller in callers)
    assert not staged.app.desk.drivers
    entries = staged.entries()
    unwritten = sum(caller.status == 503 for caller in callers)
    assert sum(entry.final for entry in entries) == len(callers) - unwritten
    outcomes = {entry.outcome for entry in entries}
    assert {"ok", "client_gone", "truncated", "bad_key"} <= outcomes
    assert all(entry.grade == "none" for entry in entries if entry.outcome in ("truncated", "bad_key"))
    assert min(gone, unwritten) > 0
    assert set(most.values()) == {1}
