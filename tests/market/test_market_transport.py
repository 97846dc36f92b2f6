"""The in-process face keeps the promises of `fenli.http.transport`."""

from __future__ import annotations

import asyncio
import json

import msgspec
from faces import Heard, VirtualFace, ask, ask_of, echoing, says

from fenli.clock import SECOND
from fenli.errors import ConnectFailed, TimedOut
from fenli.http.transport import Deadlines, Origin, Sending
from fenli.market.market import Market, emulate
from fenli.market.replies import AT_ONCE, Pace, Synthetic
from fenli.market.script import Outcome
from fenli.market.transport import MarketTransport, Network
from fenli.sim.random import Chance
from fenli.sim.wall import Wall

TEXT = "one two three four five six seven eight nine ten " * 20
PATIENT = Deadlines(SECOND, 60 * SECOND, 60 * SECOND, 60 * SECOND)


def test_nothing_is_called_inside_send() -> None:
    face = VirtualFace(echoing())
    heard = Heard()
    face.transport.send(ask_of("openai", says(TEXT)), PATIENT, heard)
    assert (heard.status, heard.end) == (0, None)


def test_the_same_seed_gives_the_same_run_and_another_one_does_not() -> None:
    def run(seed: int) -> tuple[list[bytes], int]:
        face = VirtualFace([emulate("zhipu", behaviour=Synthetic())], seed=seed)
        heard = face.ask(ask_of("zhipu", says("hi", stream=True)))
        return heard.pieces, face.sim.now()

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_body_comes_in_pieces_of_any_size() -> None:
    face = VirtualFace(echoing(pace=AT_ONCE))
    pieces = face.ask(ask_of("openai", says(TEXT, stream=True))).pieces
    assert len({len(piece) for piece in pieces}) > 10
    assert any(not piece.endswith(b"\n\n") for piece in pieces)


def test_nothing_is_heard_after_cancel_and_the_vendor_notices() -> None:
    face = VirtualFace(echoing())
    heard = Heard()
    sending = face.transport.send(ask_of("openai", says(TEXT, stream=True)), PATIENT, heard)
    while len(heard.pieces) < 5:
        face.sim.step()
    sending.cancel()
    sending.cancel()
    sending.pause()
    sending.resume()
    before = len(heard.pieces)
    face.sim.run()
    assert (len(heard.pieces), heard.end) == (before, None)
    (entry,) = face.served()
    assert entry.outcome is Outcome.GONE
    assert 0 < entry.completion_tokens < 200
    assert face.transport.open == 0


def test_cancel_before_the_connection_leaves_no_trace() -> None:
    face = VirtualFace(echoing())
    face.transport.send(ask_of("openai", says(TEXT)), PATIENT, Heard()).cancel()
    face.sim.run()
    assert face.served() == []


def test_while_paused_nothing_comes_and_no_deadline_passes() -> None:
    face = VirtualFace(echoing(pace=Pace(SECOND // 100, SECOND // 100)))
    heard = Heard()
    deadlines = Deadlines(SECOND, SECOND, SECOND, SECOND)
    sending = face.transport.send(ask_of("openai", says(TEXT, stream=True)), deadlines, heard)
    while len(heard.pieces) < 3:
        face.sim.step()
    sending.pause()
    before = len(heard.pieces)
    face.sim.run(until=face.sim.now() + 100 * SECOND)
    assert (len(heard.pieces), heard.end) == (before, None)
    sending.resume()
    face.sim.run()
    assert heard.end == "completed"
    assert heard.body.endswith(b"data: [DONE]\n\n")


def test_the_vendor_waits_for_a_slow_reader() -> None:
    face = VirtualFace(echoing(pace=AT_ONCE), network=Network(window=1000))
    heard = Heard()
    sending = face.transport.send(ask_of("openai", says(TEXT, stream=True)), PATIENT, heard)
    sending.pause()
    face.sim.run(until=face.sim.now() + 10 * SECOND)
    assert face.served() == []
    sending.resume()
    face.sim.run()
    assert heard.end == "completed"
    assert face.served()[0].outcome is Outcome.WHOLE


class Nervous(Heard):
    sending: Sending

    def __init__(self, cancels: int) -> None:
        super().__init__()
        self.told = 0
        self.cancels = cancels

    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        super().head_received(status, headers)
        self.nerve()

    def body_received(self, data: bytes) -> None:
        super().body_received(data)
        self.nerve()

    def nerve(self) -> None:
        if self.told == self.cancels:
            self.sending.cancel()
        self.told += 1
        self.sending.pause()
        self.sending.resume()


def test_a_receiver_may_pause_or_cancel_in_any_callback() -> None:
    for when in range(6):
        face, heard = VirtualFace(echoing()), Nervous(when)
        heard.sending = face.transport.send(ask_of("openai", says(TEXT, stream=True)), PATIENT, heard)
        face.sim.run()
        assert heard.end is None
        assert heard.told == when + 1


def test_silence_longer_than_idle_ends_it() -> None:
    face = VirtualFace(echoing(pace=Pace(0, 2 * SECOND)))
    heard = face.ask(ask_of("openai", says(TEXT, stream=True)), Deadlines(SECOND, SECOND, SECOND, SECOND))
    assert isinstance(heard.end, TimedOut)
    assert heard.end.phase == "idle"


def test_a_host_that_no_vendor_has_is_refused() -> None:
    face = VirtualFace(echoing())
    request = msgspec.structs.replace(
        ask_of("openai", says("x"), origin=Origin("https", "nowhere.example", 443)), target=b"/v1/x"
    )
    heard = face.ask(request)
    assert isinstance(heard.end, ConnectFailed)


def test_a_vendor_is_found_by_its_real_host() -> None:
    face = VirtualFace(echoing())
    request = msgspec.structs.replace(ask_of("moonshot", says("hello")), target=b"/v1/chat/completions")
    assert json.loads(face.ask(request).body)["choices"][0]["message"]["content"] == "hello"


def test_a_repeated_prompt_is_served_from_the_cache() -> None:
    face = VirtualFace(echoing(pace=AT_ONCE))
    for _ in range(2):
        heard = face.ask(ask_of("deepseek", says(TEXT)))
    usage = json.loads(heard.body)["usage"]
    assert usage["prompt_cache_hit_tokens"] > 0
    assert usage["prompt_cache_hit_tokens"] % 64 == 0
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    assert face.served()[1].cached_tokens == usage["prompt_cache_hit_tokens"]


def test_the_same_transport_runs_on_the_wall_clock() -> None:
    async def story() -> Heard:
        wall = Wall(asyncio.get_running_loop())
        market = Market(wall, Chance(1), echoing("openai"))
        heard = await ask(MarketTransport(market), ask_of("openai", says("one two three", stream=True)))
        wall.close()
        return heard

    heard = asyncio.run(story())
    assert heard.end == "completed"
    assert heard.body.endswith(b"data: [DONE]\n\n")
