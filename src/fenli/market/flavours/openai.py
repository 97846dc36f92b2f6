"""OpenAI."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.files import FileShape
from fenli.market.services.hearing import Hearing
from fenli.market.services.media import Drawing, Speaking
from fenli.market.services.texts import Embedding

_IN_TOKENS: Final = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize")

OPENAI: Final = Flavour(
    id="openai",
    shows_reasoning=False,
    fingerprint="fp_market",
    senses=Senses(
        thinking={r"gpt-5(-|$)|o\d": (), r"gpt-5\.": ("reasoning_effort",)},
        search="web_search_options",
        sources=".annotations",
    ),
    files=FileShape("/v1/files"),
    services={
        "/v1/embeddings": Embedding(),
        "/v1/images/generations": Drawing(),
        "/v1/audio/speech": Speaking(),
    },
    forms={
        "/v1/audio/transcriptions": Hearing(in_tokens=_IN_TOKENS, streaming=("gpt-",)),
        "/v1/audio/translations": Hearing(tells="", verb="Said"),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
        Refusal(Kind.NO_PERMISSION, 403, "Country, region, or territory not supported", None, "request_forbidden"),
        Refusal(Kind.NO_BALANCE, 429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
        Refusal(Kind.RATE_LIMITED, 429, "Rate limit reached for requests", "rate_limit_exceeded", "requests"),
        Refusal(Kind.OVERLOADED, 503, "The engine is currently overloaded.", None, "server_error"),
        Refusal(Kind.CONTENT_FILTERED, 400, "Your request was rejected by the safety system.",
                "content_policy_violation", "invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, "context_length_exceeded", "invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid value in the request.", None, "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist.", "model_not_found", "invalid_request_error"),
        Refusal(Kind.SERVER_ERROR, 500, "The server had an error while processing your request.", None, "server_error"),
    ),
)  # fmt: skip
