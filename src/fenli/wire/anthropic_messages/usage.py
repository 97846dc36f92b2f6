"""Usage of a Messages answer: what was read from a cache or written to one is not among its ``input_tokens``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from fenli.errors import UsageError
from fenli.wire.openai_chat.whole import NO_ANSWER

# No request has this many tokens; beyond it the cost of one would no longer fit the books' 64 bits.
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _Written(msgspec.Struct):
    ephemeral_5m_input_tokens: _Count = 0
    ephemeral_1h_input_tokens: _Count = 0


class _Details(msgspec.Struct):
    thinking_tokens: _Count = 0


class _ServerTools(msgspec.Struct):
    web_search_requests: _Count = 0


class _Usage(msgspec.Struct):
    input_tokens: _Count
    output_tokens: _Count
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_creation: _Written | None = None
    output_tokens_details: _Details | None = None
    server_tool_use: _ServerTools | None = None


_decode: Final = msgspec.json.Decoder(_Usage).decode


def meters(raw: bytes) -> dict[str, int]:
    """Disjoint meters. Raises UsageError where a number is missing or no count, or where parts exceed their whole."""
    try:
        usage = _decode(raw)
    except NO_ANSWER as error:
        raise UsageError(f"the usage does not count: {error}: {raw[:200]!r}") from None
    written, lasting = usage.cache_creation_input_tokens or 0, 0
    if usage.cache_creation is not None:
        short, lasting = usage.cache_creation.ephemeral_5m_input_tokens, usage.cache_creation.ephemeral_1h_input_tokens
        if usage.cache_creation_input_tokens is not None and short + lasting != written:
            raise UsageError(
                f"the usage has {short + lasting} tokens written to caches, but says {written}: {raw[:200]!r}"
            )
        written = short
    thought = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details is not None else 0
    if thought > usage.output_tokens:
        raise UsageError(f"the usage's parts exceed its whole: {raw[:200]!r}")
    if not (usage.input_tokens or usage.cache_read_input_tokens or written or lasting):
        raise UsageError(f"the usage says that nothing was read: {raw[:200]!r}")
    found = {
        "input": usage.input_tokens,
        "output": usage.output_tokens - thought,
        "cached_input": usage.cache_read_input_tokens or 0,
        "cache_write": written,
        "cache_write_1h": lasting,
        "reasoning": thought,
        "searches": usage.server_tool_use.web_search_requests if usage.server_tool_use is not None else 0,
    }
    return {meter: count for meter, count in found.items() if count or meter in ("input", "output")}
