"""How much a peer may take: bytes, connections and time. Spans are nanoseconds, as in ``fenli.clock``."""

from __future__ import annotations

from typing import NamedTuple

from fenli.clock import SECOND


class Limits(NamedTuple):
    """What one server accepts. ``header_bytes`` also bounds trailers and chunk framing; ``headers`` counts lines.

    ``write_buffer`` is the high-water mark in bytes above which a streaming exchange is told ``client_slow``.
    ``pipelined`` requests are kept while one is being answered; what comes after them is left unread.
    ``direct``: when this much of a body of declared length has come and as much is still to come, the rest is read
    straight into place, and the body is a memoryview. ``message_bytes`` bounds one message of a WebSocket.
    """

    header_bytes: int = 64 * 1024
    headers: int = 256
    body_bytes: int = 64 * 1024 * 1024
    write_buffer: int = 1024 * 1024
    pipelined: int = 64
    connections: int = 20_000
    direct: int = 256 * 1024
    message_bytes: int = 64 * 1024 * 1024


class ServerDeadlines(NamedTuple):
    """How long one server waits for its clients.

    ``header`` runs from a request's first byte to the end of its head (on a new connection: from the accept).
    ``body`` is the longest silence within a body; beside it a body must come at ``body_rate`` bytes a second on
    average after a grace of one ``body`` span, so a client that drips a byte a second ends after about that span.
    ``idle`` is the wait for the next request. ``stall``: a client that takes fewer than 16 KiB of a waiting reply
    in this span is cut off. ``linger``: how long we read on after an error reply, so that the client sees it.
    """

    header: int = 15 * SECOND
    body: int = 60 * SECOND
    idle: int = 75 * SECOND
    stall: int = 60 * SECOND
    linger: int = 5 * SECOND
    body_rate: int = 1024


class PoolLimits(NamedTuple):
    """What one client may hold towards one origin. ``waiting`` requests queue (first in, first out) when all
    ``connections`` are busy; one more fails at once. ``expiry`` is how long an idle connection is kept.
    ``message_bytes`` bounds one message of a WebSocket."""

    connections: int = 20_000
    idle: int = 256
    waiting: int = 1_000
    header_bytes: int = 64 * 1024
    expiry: int = 55 * SECOND
    write_buffer: int = 64 * 1024
    message_bytes: int = 16 * 1024 * 1024
