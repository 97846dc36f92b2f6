"""Anthropic, with an API of its own. The words of its messages are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.anthropic_messages import MESSAGES, ApiKey
from fenli.market.dialects.anthropic_pen import MessagesUsage
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.senses import Senses

ANTHROPIC: Final = Flavour(
    id="anthropic",
    dialect=MESSAGES,
    admission=ApiKey(),
    placement=Placement.EVERY_CHUNK,
    usage=MessagesUsage(),
    answer_id="msg_",
    request_id_header=b"request-id",
    filtered="refusal",
    senses=Senses(
        thinking={r"claude-(fable|mythos|opus-5-5)": (), "": ("thinking.type",)},
        tool="web_search_20250305",
        sources=".sources",
        last=True,
    ),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "invalid x-api-key", type="authentication_error"),
        Refusal(Kind.NO_PERMISSION, 403, "This key may not use the resource.", type="permission_error"),
        Refusal(Kind.NO_BALANCE, 402, "The account cannot be billed.", type="billing_error"),
        Refusal(Kind.NO_BALANCE, 400, "Your credit balance is too low.", type="invalid_request_error"),
        Refusal(Kind.QUOTA_EXHAUSTED, 400, "You have reached your specified API usage limits.",
                type="invalid_request_error"),
        Refusal(Kind.RATE_LIMITED, 429, "This would exceed the limit of requests of your account.",
                type="rate_limit_error", retry_after=5),
        Refusal(Kind.CONTENT_FILTERED, 400, "Output blocked by content filtering policy", type="invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "prompt is too long", type="invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 413, "Request exceeds the maximum size", type="request_too_large"),
        Refusal(Kind.BAD_REQUEST, 400, "The request is not valid.", type="invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "model: no such model", type="not_found_error"),
        Refusal(Kind.TIMEOUT, 504, "The request took too long.", type="timeout_error"),
        Refusal(Kind.OVERLOADED, 529, "Overloaded", type="overloaded_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal server error", type="api_error"),
    ),
)  # fmt: skip
