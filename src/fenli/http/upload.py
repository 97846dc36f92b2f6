"""A large body on its way: what the socket brings goes straight to where the body will lie, past the parser.

ServerConnection ── set_protocol ──> Upload ── the last byte, or a refusal ──> ServerConnection
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fenli.http.connection import ServerConnection


class Upload(asyncio.BufferedProtocol):
    """Stands in for a connection until the body is whole. It asks for no byte beyond the body's end."""

    __slots__ = ("_connection",)

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._connection.body_room()

    def buffer_updated(self, nbytes: int) -> None:
        self._connection.body_received(nbytes)

    def eof_received(self) -> bool:
        return self._connection.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.connection_lost(error)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
