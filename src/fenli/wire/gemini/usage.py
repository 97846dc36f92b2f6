"""Usage of a generateContent answer: the prompt includes what a cache served, and candidates leave thoughts out."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from fenli.errors import UsageError
from fenli.wire.openai_chat.whole import NO_ANSWER

# No request has this many tokens; beyond it the cost of one would no longer fit the books' 64 bits.
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _Part(msgspec.Struct):
    modality: str = ""
    token_count: _Count = msgspec.field(name="tokenCount", default=0)


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: _Count
    candidates_token_count: _Count = 0
    cached_content_token_count: _Count = 0
    thoughts_token_count: _Count = 0
    tool_use_prompt_token_count: _Count = 0
    total_token_count: _Count | None = None
    web_search_query_count: _Count | None = 0  # beside the vendor's own: see `fenli.wire.gemini.grounding`
    prompt_tokens_details: tuple[_Part, ...] = ()
    cache_tokens_details: tuple[_Part, ...] = ()
    candidates_tokens_details: tuple[_Part, ...] = ()


_decode: Final = msgspec.json.Decoder(_Usage).decode


def meters(raw: bytes) -> dict[str, int]:
    """Disjoint meters. Raises UsageError where a number is missing or no count, or where parts exceed their whole."""
    try:
        usage = _decode(raw)
    except NO_ANSWER as error:
        raise UsageError(f"the usage does not count: {error}: {raw[:200]!r}") from None
    prompt, cached, tools = (
        usage.prompt_token_count,
        usage.cached_content_token_count,
        usage.tool_use_prompt_token_count,
    )
    if usage.web_search_query_count is None:
        raise UsageError(f"the web was searched, and the answer does not tell how often: {raw[:200]!r}")
    written, thought = usage.candidates_token_count, usage.thoughts_token_count
    heard, heard_before = _of(usage.prompt_tokens_details, "AUDIO"), _of(usage.cache_tokens_details, "AUDIO")
    spoken, drawn = (_of(usage.candidates_tokens_details, kind) for kind in ("AUDIO", "IMAGE"))
    found = {
        "input": prompt + tools - cached - (heard - heard_before),
        "output": written - spoken - drawn,
        "cached_input": cached - heard_before,
        "audio_input": heard - heard_before,
        "cached_audio_input": heard_before,
        "audio_output": spoken,
        "image_output": drawn,
        "reasoning": thought,
        "searches": usage.web_search_query_count,
    }
    if min(found.values()) < 0:
        raise UsageError(f"the usage's parts exceed its whole: {raw[:200]!r}")
    if not prompt:
        raise UsageError(f"the usage says that nothing was read: {raw[:200]!r}")
    whole = prompt + tools + written + thought
    if usage.total_token_count not in (None, whole):
        raise UsageError(f"the usage adds up to {whole}, but says {usage.total_token_count}: {raw[:200]!r}")
    return {meter: count for meter, count in found.items() if count or meter in ("input", "output")}


def _of(parts: tuple[_Part, ...], modality: str) -> int:
    return sum(part.token_count for part in parts if part.modality == modality)
