"""百度 Baidu Qianfan v2. The words of its messages are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.baidu_tokens import ChatAndTokens, KeyOrBearerToken
from fenli.market.flavours.flavour import Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.media import Drawing
from fenli.market.services.searching import BaiduSearching
from fenli.market.services.texts import Embedding

_INVALID, _LIMIT = "invalid_request_error", "rate_limit_exceeded"

BAIDU: Final = Flavour(
    id="baidu",
    answer_id="as-",
    dialect=ChatAndTokens(),
    admission=KeyOrBearerToken(),
    senses=Senses(
        thinking={
            "ernie-x1|.*-think|deepseek-r1": (),
            r"(?!ernie-(4\.0|3\.5|speed|lite|tiny|char|novel))": ("enable_thinking",),
        },
        search="web_search.enable",
        sources="search_results",
        shown="web_search.enable_citation",
    ),
    services={
        "/v2/embeddings": Embedding(),
        "/v2/images/generations": Drawing(),
        "/v2/ai_search/web_search": BaiduSearching(
            sole="web-search", results="references", names=("url", "content", "date"), each={"type": "web"}
        ),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "The IAM token is invalid", "invalid_iam_token", "authentication_error"),
        Refusal(Kind.NO_PERMISSION, 401, "No permission to use the model", "invalid_model", "access_denied"),
        Refusal(Kind.NO_PERMISSION, 401, "No permission for the parameter", "no_parameter_permission", "access_denied"),
        Refusal(Kind.NO_BALANCE, 403, "The account is overdue", "access_denied", "access_denied"),
        Refusal(Kind.NO_BALANCE, 429, "The account is overdue", "account_overdue", "access_denied"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The daily quota is used up", "QUOTA_USER_DAILY_LIMIT", _LIMIT),
        Refusal(Kind.RATE_LIMITED, 429, "Requests per minute are exceeded", "rpm_rate_limit_exceeded", _LIMIT),
        Refusal(Kind.RATE_LIMITED, 429, "Tokens per minute are exceeded", "tpm_rate_limit_exceeded", _LIMIT),
        Refusal(Kind.OVERLOADED, 503, "The service is overloaded", None, "internal_error"),
        Refusal(Kind.CONTENT_FILTERED, 403, "The request is unsafe", "unsafe_request", "access_denied"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "The tokens are too many", "tokens_too_long", _INVALID),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "The characters are too many", "characters_too_long", _INVALID),
        Refusal(Kind.BAD_REQUEST, 400, "The JSON is malformed", "malformed_json", _INVALID),
        Refusal(Kind.BAD_REQUEST, 400, "An argument is invalid", "invalid_argument", _INVALID),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "The model is invalid", "invalid_model", _INVALID),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", "internal_error", "internal_error"),
    ),
)
