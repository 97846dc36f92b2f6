"""阿里 Alibaba Qwen. Some codes have two spellings."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.completing import Completing
from fenli.market.services.dashscope_tasks import DashScopeDrawings, DashScopeFilms
from fenli.market.services.files import FileShape
from fenli.market.services.media import DashScopeDrawing
from fenli.market.services.texts import Embedding, Ranking

ALIBABA: Final = Flavour(
    id="alibaba",
    request_id_member="request_id",
    senses=Senses(
        thinking={"qwq|.*-thinking": (), "": ("enable_thinking",)},
        search="enable_search",
        prefix="partial",
    ),
    films=(DashScopeFilms(), DashScopeDrawings()),
    files=FileShape("/compatible-mode/v1/files"),
    services={
        "/api/v1/services/aigc/multimodal-generation/generation": DashScopeDrawing(),
        "/compatible-mode/v1/completions": Completing(),
        "/compatible-mode/v1/embeddings": Embedding(),
        "/compatible-api/v1/reranks": Ranking(),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
        Refusal(Kind.BAD_KEY, 401, "Invalid API-key provided.", "InvalidApiKey"),
        Refusal(Kind.NO_PERMISSION, 403, "Access denied.", "AccessDenied.Unpurchased"),
        Refusal(Kind.NO_PERMISSION, 403, "Model access denied.", "Model.AccessDenied"),
        Refusal(Kind.NO_BALANCE, 400, "Access denied, please make sure your account is in good standing.", "Arrearage",
                "Arrearage"),
        Refusal(Kind.QUOTA_EXHAUSTED, 403, "The free tier of the model has been exhausted.",
                "AllocationQuota.FreeTierOnly"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "You exceeded your current quota.", "insufficient_quota",
                "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "You have exceeded your current request limit.", "limit_requests",
                "limit_requests"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests rate limit exceeded, try again later.", "Throttling.RateQuota"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests throttling triggered.", "Throttling"),
        Refusal(Kind.OVERLOADED, 503, "The model is unavailable, please try again later.", "ModelUnavailable"),
        Refusal(Kind.OVERLOADED, 503, "Failed to serve the model.", "ModelServingError"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Input data may contain inappropriate content.", "data_inspection_failed",
                "data_inspection_failed"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Output data may contain inappropriate content.", "DataInspectionFailed"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Range of input length should be [1, 129024]", "invalid_parameter_error",
                "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Required parameter missing or invalid.", "invalid_parameter_error",
                "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist or you do not have access to it.",
                "model_not_found", "invalid_request_error"),
        Refusal(Kind.TIMEOUT, 408, "Request timed out.", "RequestTimeOut"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error has occurred.", "InternalError"),
        Refusal(Kind.SERVER_ERROR, 500, "An internal error of the algorithm.", "InternalError.Algo"),
    ),
)  # fmt: skip
