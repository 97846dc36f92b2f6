"""What a gateway process and the office say to each other about leases, and how it is framed on their socket.

    gateway                                office
    Hello(run, what it has) ────────────>  counts that and nothing else
    Ask(budget, window, need, like) ────>
                                   <─────  Granted(how much more; how the budget stands)
    Keep(budget, window, back) ─────────>  so much has been given back
                                   <─────  Recall(budget): give back what you can spare

A lease is how much of a budget's window one run may spend in all, from its start on. It is never spent beyond what the
gateway has been told, and never counted lower than what the office has told: a message that is lost costs nothing but
room. `Granted` and `Keep` say what is added and taken away, so that they may cross; only `Hello` says totals. It begins
a connection, and what is unread of the one before it is thrown away by both. Amounts are picos of the budget's
currency, at most `AMOUNT_MAX` of the records; windows are named by their start. A frame is a 4-byte big-endian length
and msgpack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

FRAME_MAX: Final = 1024 * 1024
# In the data directory's `run`.
LEASES_SOCKET: Final = "leases.sock"


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A lease as the gateway has it."""

    budget: str
    window: int
    total: int


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    run: str
    leases: tuple[Held, ...] = ()


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """More of the window in which ``at`` lies: at least ``need`` beyond the total, better ``like`` (>= need)."""

    budget: str
    at: int
    need: int
    like: int


class Keep(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The gateway keeps the lease but for ``back`` (>= 0), which it has neither spent nor holds."""

    budget: str
    window: int
    back: int


class Granted(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The answer to an `Ask`; those about one budget come in the order of the questions.

    ``more`` is what the lease grows by; less than was needed, when there is no more. ``spent``: posted to the window by
    all runs; ``elsewhere``: leased to other runs or held by them; ``until``: when the amount begins anew, None where it
    never does; ``limit``: as the office has it, which may be ahead of the snapshot, None where it knows of none. These
    four are for the refusal's words only.
    """

    budget: str
    window: int
    more: int
    spent: str
    elsewhere: str
    until: int | None
    limit: str | None = None


class Recall(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Another run needs it: answer with a `Keep` for each window with a lease, in one write, even of nothing."""

    budget: str


FromGateway = Hello | Ask | Keep
FromOffice = Granted | Recall
_encode = msgspec.msgpack.Encoder().encode


def encode(message: FromGateway | FromOffice) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(4, "big") + body


class FrameReader:
    """Bytes in, bodies of whole frames out. Raises ValueError for a frame beyond `FRAME_MAX`."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        rest = self._rest + data
        start = 0
        while len(rest) - start >= 4:
            size = int.from_bytes(rest[start : start + 4], "big")
            if size > FRAME_MAX:
                raise ValueError(f"a frame of {size} bytes: at most {FRAME_MAX} are taken")
            if len(rest) - start - 4 < size:
                break
            yield rest[start + 4 : start + 4 + size]
            start += 4 + size
        self._rest = rest[start:]


from_gateway: Final = msgspec.msgpack.Decoder(FromGateway).decode
from_office: Final = msgspec.msgpack.Decoder(FromOffice).decode
