"""DeepSeek."""

from __future__ import annotations

from typing import Final

from fenli.clock import SECOND
from fenli.errors import Kind
from fenli.market.accounts import Teller, by_currency
from fenli.market.flavours.flavour import TOO_LONG, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.completing import Completing
from fenli.market.services.searching import Searching
from fenli.market.usage import UsageShape

_USAGE: Final = UsageShape(
    cached=("prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens"), missed="prompt_cache_miss_tokens"
)

DEEPSEEK: Final = Flavour(
    id="deepseek",
    placement=Placement.LAST_CHUNK,
    usage=_USAGE,
    answer_id="",
    keep_alive=SECOND,
    fingerprint="fp_market_prod0820_fp8_kvcache",
    paths=("/v1/chat/completions", "/beta/chat/completions"),
    teller=Teller("/user/balance", "CNY", by_currency),
    senses=Senses(
        thinking={"deepseek-reasoner": (), "": ("thinking.type", "reasoning_effort")},
        unasked="deepseek-(flash|v4)",
        prefix="prefix",
        prefix_path="/beta/chat/completions",
        schemas=False,
    ),
    services={
        "/beta/completions": Completing(_USAGE, unasked=True),
        "/v1/tools/search": Searching(sole="search-api"),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Authentication Fails, Your api key is invalid", "invalid_request_error",
                "authentication_error"),
        Refusal(Kind.NO_BALANCE, 402, "Insufficient Balance", "invalid_request_error", "unknown_error"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached", "rate_limit_reached", "rate_limit_error"),
        Refusal(Kind.OVERLOADED, 503, "Service is too busy, please try again later", "service_unavailable", None),
        Refusal(Kind.CONTENT_FILTERED, 400, "Content Exists Risk", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Failed to deserialize the JSON body", "invalid_request_error",
                "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 422, "Invalid parameters", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "Model Not Exist", "invalid_request_error", "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Server error", "internal_error", None),
    ),
)  # fmt: skip
