"""商汤 SenseTime SenseNova, compatible mode: an empty finish reason on every chunk but the last.

The words of most of its messages are made up.
"""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Envelope, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.usage import UsageShape

SENSETIME: Final = Flavour(
    id="sensetime",
    envelope=Envelope.CODE,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="",
    unfinished="",
    filtered="sensitive",
    senses=Senses(thinking={"(?!SenseChat)": ("reasoning_effort", "thinking.type")}),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "unauthenticated", 16),
        Refusal(Kind.NO_PERMISSION, 403, "forbidden", 7),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "token plan entitlement exhausted", 8),
        Refusal(Kind.NO_BALANCE, 429, "the account has no balance", 8),
        Refusal(Kind.RATE_LIMITED, 429, "inference exceeds tpm/rpm limit", 8),
        Refusal(Kind.RATE_LIMITED, 429, "rpm exhausted", 8),
        Refusal(Kind.OVERLOADED, 503, "the service is unavailable", 14),
        Refusal(Kind.CONTENT_FILTERED, 400, "the content is sensitive", 3),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, 3),
        Refusal(Kind.BAD_REQUEST, 400, "invalid argument", 3),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "the model is not found", 5),
        Refusal(Kind.SERVER_ERROR, 500, "internal error", 13),
    ),
)
