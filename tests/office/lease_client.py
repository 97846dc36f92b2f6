"""A gateway process as the office sees it: says words on the socket, and keeps count of what it may spend."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fenli.budgets.messages import (
    LEASES_SOCKET,
    Ask,
    FrameReader,
    FromGateway,
    FromOffice,
    Granted,
    Held,
    Hello,
    Keep,
    Recall,
    encode,
    from_office,
)
from fenli.http.local_socket import connected


class Gateway:
    """``totals`` by budget and window; ``spent`` the same. ``generous``: whether it answers a recall by itself."""

    def __init__(self, data: Path, run: str) -> None:
        self.run = run
        self.totals: dict[tuple[str, int], int] = {}
        self.spent: dict[tuple[str, int], int] = {}
        self.words: asyncio.Queue[FromOffice] = asyncio.Queue()
        self.generous = True
        self.recalled = 0
        self._path = data / "run" / LEASES_SOCKET
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self) -> Gateway:
        """Again and again, as a gateway does while the office is away."""
        self.hang_up()
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(sock=connected(self._path))
                break
            except OSError:
                await asyncio.sleep(0.01)
        self.say(Hello(self.run, tuple(Held(*place, total) for place, total in self.totals.items())))
        self._reading = asyncio.ensure_future(self._read(reader))
        return self

    def hang_up(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._reading = None

    def say(self, *words: FromGateway) -> None:
        assert self._writer is not None
        self._writer.write(b"".join(map(encode, words)))

    def tell(self, raw: bytes) -> None:
        assert self._writer is not None
        self._writer.write(raw)

    async def ask(self, budget: str, at: int, need: int, like: int = 0) -> Granted:
        self.say(Ask(budget, at, need, max(need, like)))
        word = await asyncio.wait_for(self.words.get(), 5)
        assert isinstance(word, Granted)
        return word

    def give_back(self, budget: str) -> None:
        words = []
        for (name, window), total in self.totals.items():
            if name == budget:
                least = self.spent.get((name, window), 0)
                words.append(Keep(name, window, total - least))
                self.totals[name, window] = least
        self.say(*words)

    def spend(self, budget: str, window: int, amount: int) -> None:
        place = budget, window
        self.spent[place] = self.spent.get(place, 0) + amount
        assert self.spent[place] <= self.totals[place]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        while data := await reader.read(65_536):
            for frame in frames.feed(data):
                word = from_office(frame)
                if isinstance(word, Granted):
                    place = word.budget, word.window
                    self.totals[place] = self.totals.get(place, 0) + word.more
                    self.words.put_nowait(word)
                elif isinstance(word, Recall):
                    self.recalled += 1
                    if self.generous:
                        self.give_back(word.budget)
