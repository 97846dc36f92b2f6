"""字节 ByteDance Doubao (Volcengine Ark)."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.dated import Dated
from fenli.market.services.films import ArkFilms
from fenli.market.services.media import Drawing
from fenli.market.services.texts import Embedding

BYTEDANCE: Final = Flavour(
    id="bytedance",
    answer_id="",
    model_prefixes=("ep-", "bot-"),
    paths=("/api/v3/bots/chat/completions",),
    senses=Senses(
        thinking={r"(?!doubao-(1\.5-)?(pro|lite))": ("thinking.type", "reasoning_effort")},
        searching="bot-",
        sources="references",
    ),
    films=(ArkFilms(),),
    services={
        "/api/v3/embeddings": Dated(Embedding()),
        "/api/v3/images/generations": Drawing(counted="generated_images", in_series=True),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "The API key in the request is missing or invalid.", "AuthenticationError",
                "Unauthorized"),
        Refusal(Kind.NO_PERMISSION, 403, "The request has been denied.", "AccessDenied", "Forbidden"),
        Refusal(Kind.NO_PERMISSION, 403, "The operation is denied.", "OperationDenied.PermissionDenied", "Forbidden"),
        Refusal(Kind.NO_BALANCE, 403, "The account has an overdue balance.", "AccountOverdueError", "Forbidden"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The free quota has been used up.", "QuotaExceeded", "TooManyRequests"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The model was paused in safe mode.", "SetLimitExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "The requests per minute limit is exceeded.",
                "RateLimitExceeded.EndpointRPMExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "Account rate limit exceeded.", "AccountRateLimitExceeded", "TooManyRequests"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests rise too fast.", "RequestBurstTooFast", "TooManyRequests"),
        Refusal(Kind.OVERLOADED, 429, "The service is currently overloaded.", "ServerOverloaded", "TooManyRequests"),
        Refusal(Kind.OVERLOADED, 429, "The model is being loaded.", "ModelLoadingError", "TooManyRequests"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request may contain sensitive information.",
                "InputTextSensitiveContentDetected", "BadRequest"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request may contain sensitive information.",
                "SensitiveContentDetected", "BadRequest"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Total tokens of the input exceed max message tokens",
                "InvalidParameter", "BadRequest"),
        Refusal(Kind.BAD_REQUEST, 400, "A parameter of the request is not valid.", "InvalidParameter", "BadRequest"),
        Refusal(Kind.BAD_REQUEST, 400, "The request lacks a parameter.", "MissingParameter", "BadRequest"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model or endpoint does not exist.",
                "InvalidEndpointOrModel.NotFound", "NotFound"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The account has not activated the model.", "ModelNotOpen", "NotFound"),
        Refusal(Kind.SERVER_ERROR, 500, "The service encountered an unexpected error.", "InternalServiceError",
                "InternalServerError"),
    ),
)  # fmt: skip
