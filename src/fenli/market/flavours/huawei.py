"""华为 Huawei Cloud MaaS: vLLM's answers, and errors of its own or of vLLM. The words of its own are made up."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import TOO_LONG, Envelope, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.films import HuaweiFilms
from fenli.market.services.media import Drawing
from fenli.market.services.texts import Embedding, Ranking
from fenli.market.usage import UsageShape

HUAWEI: Final = Flavour(
    id="huawei",
    envelope=Envelope.FLAT,
    flat=("error_code", "error_msg"),
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="chat-",
    members={"prompt_logprobs": None},
    senses=Senses(
        thinking={
            r"deepseek-v3\.": ("chat_template_kwargs.thinking",),
            "qwen3": ("chat_template_kwargs.enable_thinking",),
            "deepseek-r1": (),
        },
        unasked="qwen3",
    ),
    films=(HuaweiFilms(),),
    services={
        "/v1/embeddings": Embedding(),
        "/v1/rerank": Ranking(),
        "/v1/images/generations": Drawing(writes_out=True),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "The API key is invalid", "ModelArts.81003"),
        Refusal(Kind.BAD_KEY, 400, "The Authorization header is missing", "ModelArts.81002"),
        Refusal(Kind.NO_PERMISSION, 401, "The service is not enabled", "ModelArts.81004"),
        Refusal(Kind.QUOTA_EXHAUSTED, 401, "The free quota is used up", "ModelArts.81005"),
        Refusal(Kind.NO_BALANCE, 401, "The resource is frozen", "ModelArts.81006"),
        Refusal(Kind.RATE_LIMITED, 429, "Requests per minute are exceeded", "ModelArts.81101"),
        Refusal(Kind.RATE_LIMITED, 429, "Tokens per minute are exceeded", "ModelArts.81103"),
        Refusal(Kind.OVERLOADED, 504, "Backend timeout", "APIG.0203"),
        Refusal(Kind.CONTENT_FILTERED, 403, "The content is at risk", "ModelArts.81011"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, type="BadRequestError", envelope=Envelope.VLLM),
        Refusal(Kind.BAD_REQUEST, 400, "The body is not valid", "ModelArts.81001"),
        Refusal(Kind.BAD_REQUEST, 400, "temperature must be non-negative", type="BadRequestError",
                envelope=Envelope.VLLM),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "The model does not exist", "ModelArts.81009"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", type="InternalServerError", envelope=Envelope.VLLM),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", "ModelArts.81000"),
    ),
)  # fmt: skip
