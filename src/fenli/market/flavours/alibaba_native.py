"""阿里 Alibaba Qwen, by DashScope's own generation API."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.dashscope import DASHSCOPE, GenerationUsage
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.dashscope_tasks import DashScopeDrawings, DashScopeFilms

ALIBABA_NATIVE: Final = Flavour(
    id="alibaba-native",
    dialect=DASHSCOPE,
    answer_id="",
    films=(DashScopeFilms(), DashScopeDrawings()),
    usage=GenerationUsage(),
    placement=Placement.EVERY_CHUNK,
    senses=Senses(
        messages="input.messages",
        thinking={"qwq|.*-thinking": (), "": ("parameters.enable_thinking",)},
        search="parameters.enable_search",
        sources="search_info.search_results",
        source={"index": 1, "title": "A source", "url": "https://example.com/", "site_name": "Example"},
        shown="parameters.search_options.enable_source",
        prefix="partial",
    ),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid API-key provided.", "InvalidApiKey"),
        Refusal(Kind.NO_PERMISSION, 403, "Access denied.", "AccessDenied"),
        Refusal(Kind.NO_PERMISSION, 403, "Access to model denied.", "AccessDenied.Unpurchased"),
        Refusal(Kind.NO_PERMISSION, 403, "Model access denied.", "Model.AccessDenied"),
        Refusal(Kind.NO_BALANCE, 400, "Access denied, please make sure your account is in good standing.", "Arrearage"),
        Refusal(Kind.QUOTA_EXHAUSTED, 403, "The free tier of the model has been exhausted.",
                "AllocationQuota.FreeTierOnly"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests rate limit exceeded, try again later.", "Throttling.RateQuota"),
        Refusal(Kind.RATE_LIMITED, 429, "Allocated quota exceeded.", "Throttling.AllocationQuota"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests burst.", "Throttling.BurstRate"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests throttling triggered.", "Throttling"),
        Refusal(Kind.OVERLOADED, 503, "Failed to serve the model.", "ModelServingError"),
        Refusal(Kind.OVERLOADED, 503, "The model is unavailable, please try again later.", "ModelUnavailable"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Input data may contain inappropriate content.", "DataInspectionFailed"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Range of input length should be [1, 129024]", "InvalidParameter"),
        Refusal(Kind.BAD_REQUEST, 400, "Required parameter missing or invalid.", "InvalidParameter"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "Model not exist.", "ModelNotFound"),
        Refusal(Kind.TIMEOUT, 408, "Request timed out.", "RequestTimeOut"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error has occurred.", "InternalError"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error of the algorithm.", "InternalError.Algo"),
    ),
)  # fmt: skip
