"""百度 Baidu ERNIE, the workshop API: every failure with a 200. Codes are qianfan's; the words are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.wenxin import WENXIN, TicketInQuery
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.usage import UsageShape

BAIDU_LEGACY: Final = Flavour(
    id="baidu-legacy",
    key="market-ak:market-sk",
    dialect=WENXIN,
    admission=TicketInQuery(),
    placement=Placement.EVERY_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="as-",
    shows_reasoning=False,
    splits_arguments=False,
    senses=Senses(search="!disable_search"),
    refusals=(
        Refusal(Kind.BAD_KEY, 200, "IAM certification failed", 14),
        Refusal(Kind.BAD_KEY, 200, "Get service token failed", 13),
        Refusal(Kind.BAD_KEY, 200, "App not exist", 15),
        Refusal(Kind.NO_PERMISSION, 200, "No permission to access data", 6),
        Refusal(Kind.NO_PERMISSION, 200, "Permission error", 336004),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "Open api daily request limit reached", 17),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "Open api total request limit reached", 19),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "Cluster request limit reached", 4),
        Refusal(Kind.RATE_LIMITED, 200, "Open api qps request limit reached", 18),
        Refusal(Kind.RATE_LIMITED, 200, "Rate limit reached for RPM", 336501),
        Refusal(Kind.RATE_LIMITED, 200, "Rate limit reached for TPM", 336502),
        Refusal(Kind.OVERLOADED, 200, "The server is under high load", 336100),
        Refusal(Kind.OVERLOADED, 200, "Service temporarily unavailable", 2),
        Refusal(Kind.CONTEXT_TOO_LONG, 200, "the prompt is too long", 336103),
        Refusal(Kind.CONTEXT_TOO_LONG, 200, "the prompt tokens are too many", 336007),
        Refusal(Kind.BAD_REQUEST, 200, "Invalid param", 336003),
        Refusal(Kind.BAD_REQUEST, 200, "Invalid JSON", 336002),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "the name of the API does not exist", 336005),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "Unsupported openapi method", 3),
        Refusal(Kind.SERVER_ERROR, 200, "Unknown error", 1),
        Refusal(Kind.SERVER_ERROR, 200, "Internal error", 336000),
    ),
)
