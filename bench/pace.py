"""The open loop: calls leave at fixed instants whether or not earlier ones came back, as callers do.

Latency counts from the instant at which a call was *meant* to leave, so a contender that stalls cannot hide the calls
that had to wait behind the stall (coordinated omission). Plain sockets and `select`, whose time-outs are exact to some
ten microseconds; an event loop's timers would be exact to a millisecond, more than what is to be measured.
"""

import ctypes
import gc
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from .service import Target

_PR_SET_TIMERSLACK = 29
_GRACE_SECONDS = 30


@dataclass(slots=True)
class Paced:
    """Latency in microseconds of every answered call, and how many were not answered well."""

    latencies_us: list[float] = field(default_factory=list)
    failed: int = 0


class _Connection:
    """One call at a time on one socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.meant = 0.0
        self.unsent = memoryview(b"")
        self._answer = b""

    def begin(self, request: memoryview, meant: float) -> None:
        self.meant, self.unsent, self._answer = meant, request, b""
        self.send()

    def send(self) -> bool:
        """Whether all has been sent."""
        while self.unsent:
            try:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
            except BlockingIOError:
                return False
        return True

    def receive(self) -> bool | None:
        """True or False when the answer is complete, good or not; None while more is to come."""
        try:
            data = self.socket.recv(262_144)
        except OSError:
            return False
        self._answer += data
        return None if data and not complete(self._answer) else self._answer.startswith(b"HTTP/1.1 200")


def complete(answer: bytes) -> bool:
    """Whether an HTTP/1.1 answer has arrived whole, by its length or by its last chunk."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length) if length else body.endswith(b"0\r\n\r\n")


def open_loop(target: Target, body: bytes, rate: int, seconds: float) -> Paced:
    """`rate` calls a second for `seconds`, over as many kept-alive connections as are needed at once."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    gc.collect()
    gc.disable()
    try:
        return _Loop(target, body, rate, seconds).run()
    finally:
        gc.enable()


class _Loop:
    def __init__(self, target: Target, body: bytes, rate: int, seconds: float) -> None:
        self._target = target
        self._request = memoryview(target.head(body) + body)
        self._interval = 1 / rate
        self._left = max(int(rate * seconds), 1)
        self._idle: deque[_Connection] = deque()
        self._busy: dict[int, _Connection] = {}
        self._poll = select.epoll()
        self._result = Paced()

    def run(self) -> Paced:
        due = time.perf_counter() + 0.05
        end = due + self._left * self._interval + _GRACE_SECONDS
        while (self._left or self._busy) and (now := time.perf_counter()) < end:
            while self._left and due <= now:
                self._send(due)
                self._left -= 1
                due += self._interval
            wait = due - time.perf_counter() if self._left else 0.1
            # epoll's own time-out counts milliseconds, select's microseconds; one watches the other.
            if select.select([self._poll], [], [], max(wait, 0))[0]:
                self._serve()
        self._result.failed += len(self._busy) + self._left
        for connection in (*self._idle, *self._busy.values()):
            connection.socket.close()
        self._poll.close()
        return self._result

    def _send(self, due: float) -> None:
        if self._idle:
            connection = self._idle.pop()
        else:
            connection = _Connection(self._target.port)
            self._poll.register(connection.socket, select.EPOLLIN)
        self._busy[connection.socket.fileno()] = connection
        connection.begin(self._request, due)
        if connection.unsent:
            self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def _serve(self) -> None:
        for number, event in self._poll.poll(0):
            connection = self._busy.get(number)
            if connection is None:  # closed by the other side while idle
                self._forget(number)
                continue
            if event & select.EPOLLOUT and connection.send():
                self._poll.modify(number, select.EPOLLIN)
            if event & ~select.EPOLLOUT:
                self._take(number, connection)

    def _take(self, number: int, connection: _Connection) -> None:
        good = connection.receive()
        if good is None:
            return
        del self._busy[number]
        if good:
            self._result.latencies_us.append((time.perf_counter() - connection.meant) * 1e6)
            self._idle.append(connection)
        else:
            self._result.failed += 1
            self._poll.unregister(number)
            connection.socket.close()

    def _forget(self, number: int) -> None:
        self._poll.unregister(number)
        for connection in [c for c in self._idle if c.socket.fileno() == number]:
            self._idle.remove(connection)
            connection.socket.close()
