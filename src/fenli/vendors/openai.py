"""OpenAI, the reference of the dialect. Sources: openai SDK 3.54; its guide to rate limits for what headers tell."""

from __future__ import annotations

import msgspec

from fenli.errors import Kind
from fenli.vendors.endpoints import (
    EMBEDDINGS,
    FILES,
    IMAGES,
    SPEECH,
    STREAMED_TRANSCRIPTIONS,
    TRANSCRIPTIONS,
    TRANSLATIONS,
)
from fenli.vendors.failing import ErrorRule
from fenli.vendors.limits import LimitHeaders, Reset
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import SchemaSwitch, SchemaWay, SearchSwitch, Switches, ThinkingSwitch

OPENAI = OpenAICompatible(
    id="openai",
    title="OpenAI",
    title_zh="OpenAI",
    base_url="https://api.openai.com/v1",
    key_variables=("OPENAI_API_KEY",),
    keys_at="https://platform.openai.com/api-keys",
    standard_tiers=("default", "auto"),
    endpoints=(
        EMBEDDINGS,
        IMAGES,
        SPEECH,
        msgspec.structs.replace(STREAMED_TRANSCRIPTIONS, models="gpt-"),
        TRANSCRIPTIONS,
        TRANSLATIONS,
        FILES,
    ),
    limits=tuple(
        LimitHeaders(
            of, f"x-ratelimit-limit-{of}", f"x-ratelimit-remaining-{of}", f"x-ratelimit-reset-{of}", Reset.DURATION
        )
        for of in ("requests", "tokens")
    ),
    errors=(
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="context_length_exceeded"),
        ErrorRule(Kind.CONTENT_FILTERED, code="content_policy_violation|content_filter"),
        ErrorRule(Kind.NO_BALANCE, code="insufficient_quota|billing_hard_limit_reached"),
        ErrorRule(Kind.RATE_LIMITED, code="rate_limit_exceeded"),
        ErrorRule(Kind.BAD_KEY, code="invalid_api_key"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="model_not_found"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(models=r"gpt-5(-|$)|o\d", effort="reasoning_effort"),
            ThinkingSwitch(
                models=r"gpt-5\.|(?!gpt-|chatgpt)",
                on={"reasoning_effort": b'"medium"'},
                off={"reasoning_effort": b'"none"'},
                effort="reasoning_effort",
            ),
        ),
        search=(
            SearchSwitch(models=".*search", on={"web_search_options": b"{}"}, shown="message.annotations"),
            SearchSwitch(models=r"(?!gpt-|chatgpt|o\d)", on={"web_search_options": b"{}"}, shown="message.annotations"),
        ),
        schema=(
            SchemaSwitch(models=r"gpt-3\.5", way=SchemaWay.OBJECT),
            SchemaSwitch(way=SchemaWay.TAKEN),
        ),
    ),
)
