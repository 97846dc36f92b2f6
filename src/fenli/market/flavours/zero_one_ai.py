"""零一万物 01.AI (Yi): OpenAI's shape, and words that are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.usage import UsageShape

ZERO_ONE_AI: Final = Flavour(
    id="01ai",
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="cmpl-",
    shows_reasoning=False,
    senses=Senses(searching="yi-large-rag", schemas=False),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", None, "invalid_request_error"),
        Refusal(Kind.NO_BALANCE, 429, "You exceeded your current quota, please check your balance", None,
                "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached", None, "requests"),
        Refusal(Kind.OVERLOADED, 529, "The service is overloaded", None, "server_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, None, "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid value in the request", None, "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist", None, "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", None, "server_error"),
    ),
)  # fmt: skip
