"""Google Gemini, with an API of its own. The words of its messages are made up, but for those that tell kinds apart."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.gemini import GENERATE_CONTENT, GoogleKey
from fenli.market.dialects.gemini_pen import GenerateContentUsage
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.senses import Senses

GOOGLE: Final = Flavour(
    id="google",
    dialect=GENERATE_CONTENT,
    admission=GoogleKey(),
    placement=Placement.EVERY_CHUNK,
    usage=GenerateContentUsage(),
    answer_id="",
    splits_arguments=False,
    filtered="SAFETY",
    senses=Senses(thinking=None, tool="googleSearch", sources=".sources", messages="contents"),
    refusals=(
        Refusal(Kind.BAD_KEY, 400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID",
                "INVALID_ARGUMENT"),
        Refusal(Kind.NO_PERMISSION, 403, "The caller does not have permission", type="PERMISSION_DENIED"),
        Refusal(Kind.NO_PERMISSION, 400, "User location is not supported for the API use.", type="FAILED_PRECONDITION"),
        Refusal(Kind.NO_BALANCE, 403, "This API method requires billing to be enabled.", "BILLING_DISABLED",
                "PERMISSION_DENIED"),
        Refusal(Kind.NO_BALANCE, 429, "Your prepayment credits are depleted.", "Credits", "RESOURCE_EXHAUSTED"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "You exceeded your current quota.",
                "GenerateRequestsPerDayPerProjectPerModel", "RESOURCE_EXHAUSTED"),
        Refusal(Kind.RATE_LIMITED, 429, "You exceeded your current quota.",
                "GenerateRequestsPerMinutePerProjectPerModel", "RESOURCE_EXHAUSTED", retry_after=5),
        Refusal(Kind.CONTENT_FILTERED, 200, "the prompt was blocked (PROHIBITED_CONTENT)", "PROHIBITED_CONTENT"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "The input token count exceeds the maximum number of tokens allowed",
                type="INVALID_ARGUMENT"),
        Refusal(Kind.BAD_REQUEST, 400, "The request is not valid.", type="INVALID_ARGUMENT"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model is not found for API version v1beta.", type="NOT_FOUND"),
        Refusal(Kind.TIMEOUT, 504, "Deadline expired before operation could complete.", type="DEADLINE_EXCEEDED"),
        Refusal(Kind.OVERLOADED, 503, "The model is overloaded.", type="UNAVAILABLE"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error has occurred.", type="INTERNAL"),
    ),
)  # fmt: skip
