"""讯飞 iFlytek Spark over HTTP: a code in every body, and most of what it refuses with a 200. The words are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.usage import UsageShape

IFLYTEK: Final = Flavour(
    id="iflytek",
    envelope=Envelope.FLAT,
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="cha",
    splits_arguments=False,
    lone_call=True,
    request_id_header=b"sid",
    members={"code": 0, "message": "Success"},
    paths=("/v1/chat/completions", "/v2/chat/completions", "/x2/chat/completions"),
    senses=Senses(thinking={"spark-x|x1": ("thinking.type",)}, tool="web_search", schemas=False),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "HMAC signature cannot be verified"),
        Refusal(Kind.BAD_KEY, 200, "the appid is not authorised", 10016),
        Refusal(Kind.NO_PERMISSION, 200, "AppIdNoAuthError", 11200),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "AppIdNoAuthError: the quota is used up", 11200),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "the limit of the day is reached", 11201),
        Refusal(Kind.RATE_LIMITED, 200, "AppIdQpsOverFlowError", 11202),
        Refusal(Kind.RATE_LIMITED, 200, "too many at once", 11203),
        Refusal(Kind.RATE_LIMITED, 200, "busy with the request before", 10007),
        Refusal(Kind.OVERLOADED, 200, "the service is busy", 10110),
        Refusal(Kind.OVERLOADED, 200, "the capacity is not enough", 10008),
        Refusal(Kind.CONTENT_FILTERED, 200, "the input did not pass the review", 10013),
        Refusal(Kind.CONTENT_FILTERED, 200, "the output did not pass the review", 10014),
        Refusal(Kind.CONTEXT_TOO_LONG, 200, "the tokens are too many", 10907),
        Refusal(Kind.BAD_REQUEST, 200, "a parameter is not valid", 10163),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "the domain does not fit the path", 10404),
        Refusal(Kind.SERVER_ERROR, 500, "internal error", 10012),
        Refusal(Kind.SERVER_ERROR, 200, "the engine failed", 10012),
    ),
)
