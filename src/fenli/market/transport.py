"""The in-process face: `fenli.http.transport.Transport` with the market behind it instead of a network.

It keeps the real client's promises (order of callbacks, deadlines, none of them inside ``send``) and is as unkind as a
network: a body arrives in pieces of any size, whatever the pieces in which it was sent. Over a WebSocket each piece is
a message, and stays whole.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.clock import MICROSECOND, MILLISECOND
from fenli.errors import ConnectFailed, ConnectionLost, TimedOut
from fenli.http.transport import Deadlines, Receiver, Request, Sending
from fenli.market.faults import CONNECTING, Trouble
from fenli.market.market import Market
from fenli.market.player import Player
from fenli.market.requests import Ask
from fenli.market.script import Head
from fenli.sim.kernel import Timer
from fenli.sim.random import Stream

_CONNECTING: Final = {trouble.value: trouble for trouble in CONNECTING}
_WINDOW: Final = 64 * 1024
_FLOWING, _ENDED, _CUT = range(3)


class Network(msgspec.Struct, frozen=True):
    """Mean spans; ``piece`` is the largest part of a body that one read brings, ``window`` what waits before the vendor
    is told to hold on."""

    connect: int = 2 * MILLISECOND
    read: int = 200 * MICROSECOND
    piece: int = 4096
    window: int = _WINDOW


class MarketTransport:
    """Implements `fenli.http.transport.Transport`."""

    def __init__(self, market: Market, network: Network | None = None) -> None:
        self.market = market
        self.network = network or Network()
        self.chance = market.chance.stream("network")
        self.open = 0

    def send(self, request: Request, deadlines: Deadlines, receiver: Receiver) -> Sending:
        return MarketSending(self, request, deadlines, receiver)


class MarketSending:
    """Implements `fenli.http.transport.Sending`; for the player it is the stage."""

    __slots__ = (
        "_arrived", "_chance", "_deadline", "_deadlines", "_end", "_left", "_messages", "_network", "_paused", "_phase",
        "_player", "_reading", "_receiver", "_request", "_scheduler", "_size", "_transport", "_waiting", "_watch",
    )  # fmt: skip

    def __init__(self, transport: MarketTransport, request: Request, deadlines: Deadlines, receiver: Receiver) -> None:
        self._transport = transport
        self._network = transport.network
        self._scheduler = transport.market.scheduler
        self._chance: Stream = transport.chance
        self._request = request
        self._messages = request.origin.scheme in ("ws", "wss")
        self._deadlines = deadlines
        self._receiver: Receiver | None = receiver
        self._player: Player | None = None
        self._waiting: list[Head | bytes] = []  # what the vendor has sent and the receiver has not got
        self._size = 0
        self._end = _FLOWING
        self._paused = False
        self._left: int | None = None  # of the deadline, while paused
        self._phase = "connect"
        self._watch: Timer | None = None
        self._deadline = 0
        self._reading: Timer | None = None
        transport.open += 1
        self._expect("connect", deadlines.connect)
        self._arrived = self._scheduler.call_later(self._chance.exponential(self._network.connect), self._connected)

    # What the receiver's side asks

    def cancel(self) -> None:
        if self._receiver is not None:
            self._leave()

    def pause(self) -> None:
        if self._paused or self._receiver is None:
            return
        self._paused = True
        self._left = max(0, self._deadline - self._scheduler.now())
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def resume(self) -> None:
        if not self._paused or self._receiver is None:
            return
        self._paused = False
        self._expect(self._phase, self._left or 0)
        self._left = None
        self._read_later()

    # The stage

    def head(self, head: Head) -> None:
        if self._messages and head.status == 200:
            head = Head(101, head.headers)  # the handshake of a WebSocket is granted
        self._waiting.append(head)
        self._read_later()

    def body(self, data: bytes) -> None:
        if not data:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > self._network.window and self._player is not None:
            self._player.pause()
        self._read_later()

    def end(self) -> None:
        self._end = _ENDED
        self._read_later()

    def cut(self) -> None:
        self._end = _CUT
        self._read_later()

    # Connecting

    def _connected(self) -> None:
        market, request = self._transport.market, self._request
        target = request.target.decode("latin-1")
        path = target.partition("?")[0]
        found = market.find(request.origin.host, path)
        if found is None:
            self._fail(ConnectFailed(f"{request.origin.host}: no such vendor in the market", sent=False))
            return
        emulated, rest = found
        headers = _headers(request.headers)
        ask = Ask(request.method.decode("latin-1"), rest, headers, bytes(request.body), target)
        script = market.script(emulated, ask)
        trouble = _CONNECTING.get(script.fault or "")
        if trouble is Trouble.UNCONNECTED:
            return
        if trouble is not None:
            reason = "connection refused" if trouble is Trouble.UNREACHABLE else "the name does not resolve"
            self._fail(ConnectFailed(f"{request.origin.host}: {reason}", sent=False))
            return
        self._expect("head", self._deadlines.head)
        self._player = market.player(emulated, script, self)
        self._player.play()

    # Reading: one event a time, so that the receiver may pause or cancel in any callback

    def _read_later(self) -> None:
        if self._reading is None and not self._paused and self._receiver is not None:
            span = self._chance.exponential(self._network.read)
            self._reading = self._scheduler.call_later(span, self._read)

    def _read(self) -> None:
        self._reading = None
        receiver = self._receiver
        assert receiver is not None
        if not self._waiting:
            self._finish(receiver)
            return
        first = self._waiting[0]
        if isinstance(first, Head):
            del self._waiting[0]
            self._expect("first_byte", self._deadlines.first_byte)
            receiver.head_received(first.status, list(first.headers))
        else:
            self._expect("idle", self._deadlines.idle)
            receiver.body_received(self._piece())
            if self._receiver is None:
                return
            if self._player is not None and self._size <= self._network.window // 2:
                self._player.resume()
        if self._receiver is not None and (self._waiting or self._end != _FLOWING):
            self._read_later()

    def _piece(self) -> bytes:
        """The next bytes of the body: cut anywhere, joined from any number of sends; or the next message."""
        if self._messages:
            message = self._waiting.pop(0)
            assert isinstance(message, bytes)
            self._size -= len(message)
            return message
        parts = [part for part in self._waiting if isinstance(part, bytes)]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        take = self._chance.integer(1, min(len(data), self._network.piece))
        self._waiting = [data[take:]] if take < len(data) else []
        self._size -= take
        return data[:take]

    def _finish(self, receiver: Receiver) -> None:
        if self._end == _CUT:
            self._fail(ConnectionLost("the vendor closed the connection before the reply was whole", sent=True))
        elif self._end == _ENDED:
            self._close()
            receiver.completed()

    # Deadlines: one timer, set again when it fires too early, since nearly every read moves the deadline

    def _expect(self, phase: str, span: int) -> None:
        self._phase = phase
        if self._paused:
            self._left = span
            return
        self._deadline = self._scheduler.now() + span
        if self._watch is None or self._watch.instant > self._deadline:
            if self._watch is not None:
                self._watch.cancel()
            self._watch = self._scheduler.call_at(self._deadline, self._check)

    def _check(self) -> None:
        self._watch = None
        if self._scheduler.now() < self._deadline:
            self._watch = self._scheduler.call_at(self._deadline, self._check)
            return
        phase = self._phase
        waited = getattr(self._deadlines, phase) // MILLISECOND
        self._fail(TimedOut(phase, f"no {phase} within {waited} ms", sent=phase != "connect"))

    def _fail(self, error: Exception) -> None:
        receiver = self._receiver
        assert receiver is not None
        self._leave()
        receiver.failed(error)

    def _leave(self) -> None:
        self._close()
        if self._player is not None:
            self._player.gone()

    def _close(self) -> None:
        self._transport.open -= 1
        self._receiver = None
        self._waiting.clear()
        for timer in (self._watch, self._reading, self._arrived):
            if timer is not None:
                timer.cancel()
        self._watch = self._reading = None


def _headers(lines: bytes) -> dict[str, str]:
    headers = {}
    for line in lines.decode("latin-1").split("\r\n"):
        name, mark, value = line.partition(":")
        if mark:
            headers[name.lower()] = value.strip()
    return headers
