"""秘塔 Metaso's chat: failures with a number and a 200. But for 1000, numbers and words are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.reading import Reading
from fenli.market.services.searching import Searching
from fenli.market.usage import UsageShape

METASO: Final = Flavour(
    id="metaso",
    envelope=Envelope.FLAT,
    flat=("errCode", "errMsg"),
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="",
    members={"citations": [{"title": "A source", "link": "https://example.com/"}]},
    senses=Senses(thinking={"fast_thinking|ds-r1": ()}, searching="", sources="citations", schemas=False),
    services={
        "/api/v1/search": Searching(
            query="q",
            limit="size",
            sole="search",
            results="webpages",
            names=("link", "snippet", "date"),
            most=100,
            members={"credits": 3, "total": 42},
        ),
        "/api/v1/reader": Reading(sole="reader", content="markdown", members={"credits": 3}, each={"author": "market"}),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "the key is not valid", 2000),
        Refusal(Kind.NO_PERMISSION, 403, "the key may not do this", 2001),
        Refusal(Kind.NO_BALANCE, 200, "余额不足,请充值", 3000),
        Refusal(Kind.RATE_LIMITED, 429, "请求过于频繁", 4000),
        Refusal(Kind.RATE_LIMITED, 200, "请求过于频繁", 4000),
        Refusal(Kind.OVERLOADED, 503, "busy", 5000),
        Refusal(Kind.BAD_REQUEST, 200, "a parameter is not supported", 1000),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "the model is not supported", 1000),
        Refusal(Kind.SERVER_ERROR, 500, "internal error", 5001),
        Refusal(Kind.SERVER_ERROR, 200, "internal error", 5001),
    ),
)
