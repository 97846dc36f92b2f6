"""Usage objects of answers that write no tokens, and what an answer comes to where it has none."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from fenli.errors import UsageError
from fenli.wire.openai_chat.whole import NO_ANSWER

# Beyond it the cost of one request would no longer fit the books' 64 bits.
MOST: Final = 10**9
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
# Of what an answer brought: one that brings nothing is none.
Brought = Annotated[int, msgspec.Meta(ge=1, le=MOST)]


class _Tokens(msgspec.Struct):
    prompt_tokens: Count | None = None
    input_tokens: Count | None = None
    total_tokens: Count | None = None


_decode_tokens = msgspec.json.Decoder(_Tokens).decode
_decode_counts = msgspec.json.Decoder(dict[str, object]).decode


def tokens_read(raw: bytes) -> int:
    """All tokens of an answer that writes none. Raises UsageError."""
    try:
        usage = _decode_tokens(raw)
    except NO_ANSWER as error:
        raise UsageError(f"the usage does not count: {error}: {raw[:200]!r}") from None
    read = usage.prompt_tokens if usage.prompt_tokens is not None else usage.input_tokens
    if read is None:
        read = usage.total_tokens
    if read is None:
        raise UsageError(f"the usage names no tokens: {raw[:200]!r}")
    if usage.total_tokens is not None and usage.total_tokens != read:
        raise UsageError(f"the usage reads {read} tokens, and says {usage.total_tokens} in all: {raw[:200]!r}")
    if not read:
        raise UsageError(f"the usage says that nothing was read: {raw[:200]!r}")
    return read


def came_to(meter: str, units: int, more: dict[str, msgspec.Raw | None] | None = None) -> bytes:
    """What an answer comes to, as JSON: ``{"images":2}``, with what else the vendor says of it."""
    said = {name: value for name, value in (more or {}).items() if value is not None and bytes(value)}
    return msgspec.json.encode({meter: units, **said})


def counted(raw: bytes, meter: str) -> dict[str, int]:
    """The one meter of `came_to`. Raises UsageError."""
    try:
        return {meter: msgspec.convert(_decode_counts(raw)[meter], Brought)}
    except (KeyError, *NO_ANSWER) as error:
        raise UsageError(f"the answer tells no {meter}: {error}: {raw[:200]!r}") from None
