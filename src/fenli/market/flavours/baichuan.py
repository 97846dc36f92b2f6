"""百川 Baichuan. The words of its errors are made up, and so is where a stream carries its usage."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.files import FileShape
from fenli.market.services.texts import Embedding
from fenli.market.usage import UsageShape

BAICHUAN: Final = Flavour(
    id="baichuan",
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None, searches="search_count"),
    beside=("grounding",),
    request_id_header=b"x-bc-request-id",
    senses=Senses(
        thinking={"Baichuan-M[123]": ()},
        search="with_search_enhance",
        tool="web_search",
        searching="Baichuan-M[23]-Plus",
        sources="knowledge_base.cites",
        evidence=".grounding.evidence",
        name="character_profile.character_name",
        schemas=False,
    ),
    services={
        "/v1/embeddings": Embedding(),
    },
    files=FileShape(
        "/v1/files",
        extracts=("file-parsing", "medical"),
        purposes=("knowledge-base", "assistants", "file-parsing", "medical"),
        content="parsed-content",
        told=("status", "content"),
        gives_back=False,
    ),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid Authentication", None, "invalid_request_error"),
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", None, "invalid_request_error"),
        Refusal(Kind.NO_BALANCE, 429, "You exceeded your current quota: insufficient account balance",
                None, "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached for requests", None, "rate_limit_error"),
        Refusal(Kind.OVERLOADED, 500, "The server is busy, please try again later", None, "server_error"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The content is sensitive", None, "invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, None, "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid request parameter", None, "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "The model does not exist: model not found", None, "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", None, "server_error"),
    ),
)  # fmt: skip
