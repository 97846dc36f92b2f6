"""The one seam to the network: send a request, be told what comes back. A fake transport is the real one's equal.

    Client ─┐
            ├─ Transport.send(request, deadlines, receiver) ─> Sending
    market ─┘

Callbacks come in this order, never after ``cancel()``, and never from inside ``send()`` itself:

    head_received  body_received*  completed   or the three in one: answered
                 └───── failed at any point ┘
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

# Up to this size a body is copied behind its head, beyond it the kernel gets it where it lies.
COPIED: Final = 64 * 1024


class Origin(NamedTuple):
    """Where requests of one pool go.

    ``scheme`` is ``http``, ``https``, ``ws`` or ``wss``; ``host`` a name or an address without brackets.
    """

    scheme: str
    host: str
    port: int


class Pieces:
    """A body in pieces, for large ones: sent one after the other as they lie, never joined.

    They are kept until they are sent, and sent again when a request is retried, so their bytes must not change.
    """

    __slots__ = ("_length", "pieces")

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self.pieces = pieces
        self._length = sum(map(len, pieces))

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


class Request(msgspec.Struct, frozen=True):
    """One request.

    ``headers`` is ready for the wire: ``Name: value\\r\\n`` for each, with Host, without Content-Length.
    ``body`` has a length either way, and ``bytes(body)`` is the whole of it.

    To ``ws`` and ``wss`` the method is GET: the request asks for a WebSocket, over which ``body`` goes as one text
    message, where it is not empty. What is heard then is a head with the status 101 and a body for each message that
    comes, whole; a peer that closes for any other reason than that it has said all has failed. A handshake that is
    refused is a reply like any other.

    It shows itself without what may be secret: headers, query and body.
    """

    origin: Origin
    method: bytes
    target: bytes
    headers: bytes
    body: bytes | Pieces

    def __repr__(self) -> str:
        return f"Request({self.origin}, {self.method!r}, {self.target.partition(b'?')[0]!r}, {len(self.body)} bytes)"


class Deadlines(NamedTuple):
    """Spans in nanoseconds.

    ``head`` runs from the request's last byte to the reply's head, ``first_byte`` from there to the first byte of the
    body, ``idle`` between any two reads after that.
    """

    connect: int
    head: int
    first_byte: int
    idle: int


class Receiver(Protocol):
    def head_received(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Header names arrive as sent; compare them in lower case."""

    def body_received(self, data: bytes) -> None: ...

    def completed(self) -> None: ...

    def answered(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """The whole reply, in place of the other three; ``body`` may be empty."""

    def failed(self, error: Exception) -> None:
        """``error`` is a TransportError."""


class Sending(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Closes the connection at once; the receiver hears nothing more. Harmless after the end."""

    def pause(self) -> None:
        """Stops reading (backpressure); deadlines stand still until ``resume``."""

    def resume(self) -> None: ...


class Transport(Protocol):
    def send(self, request: Request, deadlines: Deadlines, receiver: Receiver) -> Sending: ...
