"""腾讯 Tencent Hunyuan, compatible endpoint. Its codes are its SDK's; where a stream carries its usage is made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.tencent_tasks import TokenHubDrawings, TokenHubFilms, TokenHubLite
from fenli.market.services.texts import Embedding
from fenli.market.usage import UsageShape

TENCENT: Final = Flavour(
    id="tencent",
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="",
    splits_arguments=False,
    filtered="sensitive",
    request_id_header=b"x-tc-requestid",
    members={"note": "AI generated, for reference only"},
    senses=Senses(
        thinking={"hunyuan-a13b": ("enable_thinking",), r"hunyuan-(t1|2\.0-thinking)": ()},
        search="enable_enhancement",
        sources="search_info.search_results",
        shown="search_info",
    ),
    model_prefixes=("hy-", "yt-"),  # what TokenHub sells
    films=(TokenHubDrawings(), TokenHubFilms()),
    services={
        "/v1/api/image/lite": TokenHubLite(),
        "/v1/embeddings": Embedding(),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", "invalid_api_key", "invalid_request_error"),
        Refusal(Kind.BAD_KEY, 401, "The signature is wrong", "AuthFailure.SignatureFailure"),
        Refusal(Kind.NO_PERMISSION, 403, "The service is not activated", "FailedOperation.ServiceNotActivated"),
        Refusal(Kind.NO_PERMISSION, 403, "No permission", "UnauthorizedOperation"),
        Refusal(Kind.NO_BALANCE, 429, "The service stopped: the account is in arrears",
                "FailedOperation.ServiceStopArrears"),
        Refusal(Kind.NO_BALANCE, 429, "The balance is low", "ResourceUnavailable.LowBalance"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The resource pack is used up", "FailedOperation.ResourcePackExhausted"),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "The free pack is used up", "FailedOperation.FreeResourcePackExhausted"),
        Refusal(Kind.RATE_LIMITED, 429, "Too many requests", "RequestLimitExceeded"),
        Refusal(Kind.RATE_LIMITED, 429, "Too many at once", "LimitExceeded"),
        Refusal(Kind.OVERLOADED, 503, "The engine is busy", "FailedOperation.EngineServerLimitExceeded"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The text is not legal", "OperationDenied.TextIllegalDetected"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, "InvalidParameterValue"),
        Refusal(Kind.BAD_REQUEST, 400, "A parameter is not valid", "InvalidParameterValue"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "No such model", "InvalidParameterValue.Model"),
        Refusal(Kind.SERVER_ERROR, 500, "The engine failed", "FailedOperation.EngineServerError"),
    ),
)  # fmt: skip
