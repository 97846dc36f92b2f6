"""A vLLM server: errors as it wrote them of old, flat, and as it writes them now."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.completing import Completing
from fenli.market.services.hearing import Hearing
from fenli.market.services.texts import Embedding, Ranking
from fenli.market.usage import UsageShape

_LONG: Final = "This model's maximum context length is exceeded: shorten the messages."

VLLM: Final = Flavour(
    id="vllm",
    envelope=Envelope.LLAMA,
    usage=UsageShape(reasoning=None),
    members={"prompt_logprobs": None},
    senses=Senses(
        thinking={"(.*/)?gpt-oss": (), "": ("chat_template_kwargs.enable_thinking",)},
        unasked=r".*MiniCPM4\.1",
        continues="continue_final_message",
    ),
    services={
        "/v1/completions": Completing(),
        "/v1/embeddings": Embedding(),
        "/v1/rerank": Ranking(),
    },
    forms={
        "/v1/audio/transcriptions": Hearing(("json", "text", "verbose_json")),
        "/v1/audio/translations": Hearing(("json", "text", "verbose_json"), verb="Said"),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Unauthorized", type="Unauthorized"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, _LONG, type="BadRequestError"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, _LONG, type="BadRequestError", envelope=Envelope.VLLM),
        Refusal(Kind.BAD_REQUEST, 400, "temperature must be non-negative", type="BadRequestError"),
        Refusal(Kind.BAD_REQUEST, 400, "temperature must be non-negative", type="BadRequestError",
                envelope=Envelope.VLLM),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist.", type="NotFoundError"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist.", type="NotFoundError", envelope=Envelope.VLLM),
        Refusal(Kind.OVERLOADED, 503, "The engine is not ready", type="ServiceUnavailableError"),
        Refusal(Kind.SERVER_ERROR, 500, "The engine failed", type="InternalServerError"),
        Refusal(Kind.SERVER_ERROR, 500, "The engine failed", type="InternalServerError", envelope=Envelope.VLLM),
    ),
)  # fmt: skip
