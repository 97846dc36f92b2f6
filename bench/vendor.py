"""Our own upstream for what nginx cannot play: streams on a timer, and prompts read to their last byte.

A process of its own: `python -m bench.vendor --port P`. One timer wakes it each millisecond; streams are spread over
the ticks of an interval, so that they do not all speak at once, and one chunk is built a tick and shared by them all.
A stream of the model that is translated comes in the Messages dialect, at whatever path it is asked for.
"""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import uvloop

from . import samples

_SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_TRANSLATED = samples.TRANSLATED_MODEL.encode()
_JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


@dataclass(frozen=True, slots=True)
class Speech:
    """What a stream consists of, in HTTP chunks; ``chunk`` is made for the instant (ns) at which it is sent."""

    beginning: bytes
    chunk: Callable[[int], bytes]
    ending: bytes


class Wheel:
    """Streams by the tick at which they speak next. It turns from the first of them on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_ms: int, speech: Speech) -> None:
        self._loop = loop
        self._speech = speech
        self._turns = False
        self._slots: list[dict[Connection, int]] = [{} for _ in range(interval_ms)]
        self._tick = 0
        self._next_slot = 0
        self._due = loop.time()

    def start(self) -> None:
        # From the last due time, not from now: ticks do not drift. A tick that was missed is dropped, since two chunks
        # of one stream in one write would spare the contender half of its work.
        self._due = max(self._due + 0.001, self._loop.time())
        self._loop.call_at(self._due, self._turn)

    def join(self, connection: "Connection") -> None:
        """The first chunk goes at once, the others at every turn of the wheel."""
        connection.write(_SSE_HEAD + self._speech.beginning + self._speech.chunk(time.monotonic_ns()))
        self._next_slot = (self._next_slot + 1) % len(self._slots)
        connection.slot = self._slots[self._next_slot]
        connection.slot[connection] = samples.CHUNKS - 1
        if not self._turns:
            self._turns = True
            self.start()

    def _turn(self) -> None:
        self.start()
        self._tick = (self._tick + 1) % len(self._slots)
        slot = self._slots[self._tick]
        if not slot:
            return
        chunk = self._speech.chunk(time.monotonic_ns())
        done = []
        for connection, left in slot.items():
            if left:
                connection.write(chunk)
                slot[connection] = left - 1
            else:
                connection.write(self._speech.ending)
                done.append(connection)
        for connection in done:
            del slot[connection]


class Connection(asyncio.BufferedProtocol):
    """One client. Its body is read to the end into a buffer that all share: what is long is counted, never copied."""

    _buffer = memoryview(bytearray(1 << 20))

    def __init__(self, plain: Wheel, translated: Wheel) -> None:
        self.slot: dict[Connection, int] = {}
        self._plain, self._translated = plain, translated
        self._text = b""
        self._size = self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def connection_lost(self, exc: Exception | None) -> None:
        self.slot.pop(self, None)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        if self._left:
            self._left -= count
        else:
            self._text += self._buffer[:count]
            if not self._begin():
                return
        if self._left <= 0:
            self._answer()

    def _begin(self) -> bool:
        """Whether the head is here, and how much of the body is not. A body without a length ends in an empty chunk."""
        head, found, body = self._text.partition(b"\r\n\r\n")
        if not found:
            return False
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        self._size = int(length or len(body))
        self._left = self._size - len(body)
        return bool(length) or body.endswith(b"0\r\n\r\n")

    def _answer(self) -> None:
        text, self._text, self._left = self._text, b"", 0
        if b'"stream":true' in text or b'"stream": true' in text:
            (self._translated if _TRANSLATED in text else self._plain).join(self)
        else:
            body = samples.answer(max(self._size // 4, 1))
            self.write(_JSON_HEAD % (len(body), body))


async def serve(port: int, interval_ms: int) -> None:
    loop = asyncio.get_running_loop()
    plain = Wheel(loop, interval_ms, Speech(b"", samples.chunk_writer(), samples.ending()))
    messages = Speech(samples.messages_beginning(), samples.messages_chunk_writer(), samples.messages_ending())
    translated = Wheel(loop, interval_ms, messages)
    server = await loop.create_server(lambda: Connection(plain, translated), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--interval-ms", type=int, default=samples.INTERVAL_MS)
    chosen = options.parse_args()
    uvloop.run(serve(chosen.port, chosen.interval_ms))


if __name__ == "__main__":
    main()
