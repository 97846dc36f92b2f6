"""An Ollama, by its OpenAI-compatible endpoint. The words of its errors are made up, but for the missing model."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.completing import Completing
from fenli.market.services.texts import Embedding
from fenli.market.usage import UsageShape

_USAGE: Final = UsageShape(cached=(), reasoning=None)

OLLAMA: Final = Flavour(
    id="ollama",
    needs_key=False,
    usage=_USAGE,
    fingerprint="fp_ollama",
    senses=Senses(thinking={"": ("reasoning_effort",)}, unasked=r".*minicpm4\.1"),
    services={
        "/v1/completions": Completing(_USAGE),
        "/v1/embeddings": Embedding(),
    },
    refusals=(
        Refusal(Kind.BAD_REQUEST, 400, "invalid message", None, "invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, 'model "x" not found, try pulling it first', None, "api_error"),
        Refusal(Kind.OVERLOADED, 503, "the queue is full", None, "api_error"),
        Refusal(Kind.SERVER_ERROR, 500, "the runner ended", None, "api_error"),
    ),
)
