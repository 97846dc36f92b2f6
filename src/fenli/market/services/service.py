"""What an emulated endpoint beside chat has to bring."""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar

import msgspec

from fenli.market.requests import Ask
from fenli.market.usage import Count
from fenli.sim.random import Stream

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream; charset=utf-8"
Body = TypeVar("Body", bound=msgspec.Struct)


class Piece(msgspec.Struct, frozen=True):
    """An event of a stream, and the tokens that have been produced once it is sent."""

    data: bytes
    tokens: int


class Made(msgspec.Struct, frozen=True):
    """An answer, and what the vendor charges for it: ``count`` in tokens, ``units`` by meter for the rest (at the price
    of a ``resolution``, where it has several). Where it is
    streamed, ``pieces`` stand before ``body``, which ends it."""

    body: bytes
    count: Count = Count()
    units: dict[str, int] = {}
    resolution: str = ""
    told: dict[str, Any] | None = None
    content_type: bytes = JSON
    pieces: tuple[Piece, ...] = ()


class Service(Protocol):
    """One endpoint of one vendor."""

    def model(self, body: bytes) -> str:
        """Which model is asked for, with the fault that its name asks for; the endpoint's own where none is named.

        Raises msgspec.DecodeError for what is no request.
        """

    def make(self, body: bytes, model: str, at: int, chance: Stream) -> Made:
        """``model`` is its plain name; ``at`` the instant, ns. Raises ValueError for what the vendor refuses."""


class Form(Protocol):
    """An endpoint that is asked with a form, which its headers take apart."""

    def of(self, ask: Ask) -> Service:
        """For this one request. Raises msgspec.DecodeError for what is none."""


class Named(msgspec.Struct):
    model: str


named = msgspec.json.Decoder(Named).decode


def framed(data: bytes) -> bytes:
    """As an event of a stream."""
    return b"data: " + data + b"\n\n"


def event(said: dict[str, Any]) -> bytes:
    return framed(msgspec.json.encode(said))


DONE: Final = framed(b"[DONE]")


def tokens_of(*texts: str) -> int:
    """As the market counts: a token for every 4 bytes."""
    return sum(-(-len(text.encode()) // 4) for text in texts)
