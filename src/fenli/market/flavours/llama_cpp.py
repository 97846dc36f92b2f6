"""The model on this machine: llama.cpp."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.completing import Completing
from fenli.market.usage import UsageShape

_USAGE: Final = UsageShape(reasoning=None)

LOCAL: Final = Flavour(
    id="local",
    envelope=Envelope.LLAMA,
    needs_key=False,
    usage=_USAGE,
    fingerprint="b0-market",
    senses=Senses(thinking={"(?!smollm2)": ("chat_template_kwargs.enable_thinking",)}),
    services={"/v1/completions": Completing(_USAGE)},
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid API Key", type="authentication_error"),
        Refusal(Kind.OVERLOADED, 503, "Loading model", type="unavailable_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "the request exceeds the available context size",
                type="exceed_context_size_error"),
        Refusal(Kind.BAD_REQUEST, 400, "'messages' is required", type="invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 501, "This feature is not supported.", type="not_supported_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "model not found", type="not_found_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal error", type="server_error"),
    ),
)  # fmt: skip
