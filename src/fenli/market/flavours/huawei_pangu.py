"""华为 Huawei Pangu, a deployment. Codes are those of Huawei Cloud's gateway; its own are unknown, and made up here."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.pangu import PANGU, TokenInHeader
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.usage import UsageShape

HUAWEI_PANGU: Final = Flavour(
    id="huawei-pangu",
    key="market/user:password-of-the-market",
    dialect=PANGU,
    admission=TokenInHeader(),
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="",
    shows_reasoning=False,
    model_prefixes=("pangu", "deployment"),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect IAM authentication information", "APIG.0301"),
        Refusal(Kind.NO_PERMISSION, 403, "The service is not open to the account", "PANGU.0403"),
        Refusal(Kind.RATE_LIMITED, 429, "The throttling threshold has been reached", "APIG.0308"),
        Refusal(Kind.OVERLOADED, 503, "The backend is unavailable", "APIG.0202"),
        Refusal(Kind.TIMEOUT, 504, "Backend timeout", "APIG.0203"),
        Refusal(Kind.BAD_REQUEST, 400, "a parameter is not valid", "PANGU.0400"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The API does not exist", "APIG.0101"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", "PANGU.0500"),
    ),
)
