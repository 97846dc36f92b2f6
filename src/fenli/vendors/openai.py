"""OpenAI, the reference of the dialect. Sources: openai SDK 3.54."""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.failing import ErrorRule
from fenli.vendors.openai_compatible import OpenAICompatible

OPENAI = OpenAICompatible(
    id="openai",
    title="OpenAI",
    title_zh="OpenAI",
    base_url="https://api.openai.com/v1",
    key_variables=("OPENAI_API_KEY",),
    standard_tiers=("default", "auto"),
    errors=(
        ErrorRule(Kind.CONTEXT_TOO_LONG, code="context_length_exceeded"),
        ErrorRule(Kind.CONTENT_FILTERED, code="content_policy_violation|content_filter"),
        ErrorRule(Kind.NO_BALANCE, code="insufficient_quota|billing_hard_limit_reached"),
        ErrorRule(Kind.RATE_LIMITED, code="rate_limit_exceeded"),
        ErrorRule(Kind.BAD_KEY, code="invalid_api_key"),
        ErrorRule(Kind.MODEL_NOT_FOUND, code="model_not_found"),
    ),
)
