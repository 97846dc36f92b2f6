"""MiniMax: most of what it refuses comes with a 200. The words of its messages are made up."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.market.flavours.flavour import Envelope, Flavour, Refusal
from fenli.market.senses import Senses
from fenli.market.services.media import MiniMaxDrawing, MiniMaxSpeaking
from fenli.market.services.minimax_tasks import MiniMaxFilms, MiniMaxH3Films
from fenli.market.services.searching import Searching

MINIMAX: Final = Flavour(
    id="minimax",
    envelope=Envelope.BASE_RESP,
    answer_id="",
    tags_reasoning=True,
    request_id_header=b"trace-id",
    members={"input_sensitive": False, "output_sensitive": False, "base_resp": {"status_code": 0, "status_msg": ""}},
    senses=Senses(
        thinking={"MiniMax-M3": ("thinking.type",), "MiniMax-M[12]": ()},
        name_role="system",
    ),
    films=(MiniMaxFilms(), MiniMaxH3Films()),
    services={
        "/v1/image_generation": MiniMaxDrawing(),
        "/v1/t2a_v2": MiniMaxSpeaking(),
        "/v1/coding_plan/search": Searching(
            query="q",
            limit="",
            sole="plan-search",
            results="organic",
            names=("link", "snippet", "date"),
            members={"related_searches": [], "base_resp": {"status_code": 0, "status_msg": ""}},
        ),
    },
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "login fail: carry the API key in the Authorization header (1004)",
                type="authorized_error", envelope=Envelope.TYPED),
        Refusal(Kind.BAD_KEY, 200, "login fail: carry the API key in the Authorization header", 1004),
        Refusal(Kind.BAD_KEY, 200, "invalid api key", 2049),
        Refusal(Kind.NO_PERMISSION, 200, "real-name verification is needed", 2038),
        Refusal(Kind.NO_BALANCE, 200, "insufficient balance", 1008),
        Refusal(Kind.QUOTA_EXHAUSTED, 429, "usage limit exceeded (2056)", type="rate_limit_error",
                envelope=Envelope.TYPED),
        Refusal(Kind.QUOTA_EXHAUSTED, 200, "usage limit exceeded", 2056),
        Refusal(Kind.RATE_LIMITED, 200, "rate limit", 1002),
        Refusal(Kind.RATE_LIMITED, 429, "rate limit (1002)", type="rate_limit_error", envelope=Envelope.TYPED),
        Refusal(Kind.RATE_LIMITED, 200, "token limit of this minute", 1039),
        Refusal(Kind.RATE_LIMITED, 200, "too many connections", 1041),
        Refusal(Kind.RATE_LIMITED, 200, "requests grow too fast", 2045),
        Refusal(Kind.OVERLOADED, 200, "downstream error", 1033),
        Refusal(Kind.OVERLOADED, 200, "request timeout", 1001),
        Refusal(Kind.CONTENT_FILTERED, 200, "input new_sensitive", 1026),
        Refusal(Kind.CONTENT_FILTERED, 200, "output new_sensitive", 1027),
        Refusal(Kind.CONTEXT_TOO_LONG, 200, "invalid params, context window exceeds limit", 2013),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "invalid params, context window exceeds limit (2013)",
                type="bad_request_error", envelope=Envelope.TYPED),
        Refusal(Kind.BAD_REQUEST, 200, "invalid params", 2013),
        Refusal(Kind.BAD_REQUEST, 200, "illegal characters", 1042),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "invalid params, unknown model", 2013),
        Refusal(Kind.SERVER_ERROR, 500, "unknown error (1000)", type="server_error", envelope=Envelope.TYPED),
        Refusal(Kind.SERVER_ERROR, 200, "unknown error", 1000),
        Refusal(Kind.SERVER_ERROR, 200, "internal error", 1024),
        Refusal(Kind.SERVER_ERROR, 200, "internal error", 1013),
    ),
)  # fmt: skip

MINIMAX_INTL: Final = msgspec.structs.replace(MINIMAX, id="minimax-intl")
