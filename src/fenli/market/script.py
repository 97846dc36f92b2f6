"""What a vendor does about one request: timed actions, in order. Spans are nanoseconds.

Wait* Head (Wait | Body)* Enter Body* (End | Cut | Stall)
"""

from __future__ import annotations

import enum

import msgspec

from fenli.market.usage import Count


class Outcome(enum.StrEnum):
    """How the vendor's own book says that a request ended."""

    WHOLE = "whole"  # answered to the end
    CUT = "cut"  # the vendor broke off
    REFUSED = "refused"  # an error instead of an answer: nothing to charge
    GONE = "gone"  # the caller left first


class Wait(msgspec.Struct, frozen=True, gc=False):
    span: int


class Head(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class Body(msgspec.Struct, frozen=True, gc=False):
    """``tokens`` of the answer have been produced, and would be charged for, once this has been sent."""

    data: bytes
    tokens: int = 0
    final: bool = False  # the mark that ends a stream: what a vendor that forgets it leaves out


class Enter(msgspec.Struct, frozen=True, gc=False):
    """The request is entered in the vendor's own book now, with the ``tokens`` produced by the end."""

    outcome: Outcome
    tokens: int = 0


class End(msgspec.Struct, frozen=True, gc=False):
    pass


class Cut(msgspec.Struct, frozen=True, gc=False):
    """The connection is reset."""


class Stall(msgspec.Struct, frozen=True, gc=False):
    """Nothing more ever comes."""


Action = Wait | Head | Body | Enter | End | Cut | Stall


class Script(msgspec.Struct, frozen=True):
    """``count`` is what the answer costs once whole; ``id`` the vendor's own name for it; ``thinks``: thinking was
    asked for, which may have a price of its own; ``units``: by meter, what a whole answer costs beside tokens, and the
    ``resolution`` that their price may hang on."""

    id: str
    model: str
    status: int
    stream: bool
    count: Count
    actions: tuple[Action, ...]
    told: bytes | None = None
    fault: str | None = None
    thinks: bool = False
    units: dict[str, int] = {}
    resolution: str = ""
