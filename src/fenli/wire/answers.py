"""What every answer reader tells the call, whatever the vendor's dialect and whatever the caller's.

A reader is fed the bytes (or messages) of one attempt's answer as they arrive and returns what may go to the caller.
"""

from __future__ import annotations

from typing import Protocol


class Answer(Protocol):
    """``begun``: first content has been seen; until then `feed` returns nothing, so the call may still change targets.
    ``finished``: the answer itself said that it is whole. ``usage``: the vendor's own usage object, the last one that
    was not null, as JSON; ``partial``: it came before the end, as a running total. ``error``: the vendor's own error,
    found inside an answer whatever its HTTP status said. ``service_tier``: the one that it says it was served in.
    ``damage``: why these bytes are no answer at all."""

    begun: bool
    finished: bool
    usage: bytes | None
    partial: bool
    error: bytes | None
    damage: str | None
    upstream_id: str | None
    model: str | None
    service_tier: str | None

    def refused(self, content_type: bytes) -> bool:
        """Whether what comes as such, in place of a stream, is the vendor's way to say no with a 200."""

    def feed(self, data: bytes) -> bytes:
        """Takes any part of the answer; returns the bytes that the caller may have now."""

    def end(self) -> None:
        """The vendor closed the reply in good order. Sets ``finished`` or ``damage``."""

    def tail(self, cost: bytes | None) -> bytes:
        """The rest for the caller once the answer is finished. ``cost`` is JSON members to add to the usage."""

    def in_one_piece(self, limit: int) -> Answer:
        """A fresh reader for an answer that is not streamed after all, of at most ``limit`` bytes."""

    def counted(self) -> int:
        """Our own estimate of the output tokens received so far."""

    def uncounted(self) -> int:
        """Our own estimate of those that came after ``usage``, where that is a running total and lags behind."""
