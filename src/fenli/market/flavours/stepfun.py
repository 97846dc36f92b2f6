"""阶跃星辰 StepFun. The words of its errors are made up: its pages show the status alone."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.accounts import Teller, with_sums_ever
from fenli.market.flavours.flavour import TOO_LONG, Envelope, Flavour, Placement, Refusal
from fenli.market.senses import SOURCE, Senses
from fenli.market.services.files import FileShape
from fenli.market.services.hearing import Hearing
from fenli.market.services.media import Drawing, Speaking
from fenli.market.services.searching import Searching
from fenli.market.usage import UsageShape

_SEARCHED: Final = {
    "id": "call_market",
    "type": "web_search",
    "function": {"name": "step_websearch", "arguments": "{}", "results": [{"index": 0, **SOURCE}]},
}

STEPFUN: Final = Flavour(
    id="stepfun",
    envelope=Envelope.TYPE,
    placement=Placement.EVERY_CHUNK,
    usage=UsageShape(cached=("cached_tokens",), reasoning=None),
    answer_id="",
    reasoning_member="reasoning",
    unfinished="",
    delta_role="",
    teller=Teller("/accounts", "CNY", with_sums_ever),
    senses=Senses(thinking={"step-(3|r1)": ()}, tool="web_search", sources=".tool_calls", source=_SEARCHED),
    files=FileShape("/v1/files"),
    services={
        "/v1/images/generations": Drawing(),
        "/v1/audio/speech": Speaking(),
        "/v1/search": Searching(limit="n", sole="search", names=("url", "snippet", "time"), most=20),
    },
    forms={"/v1/audio/transcriptions": Hearing(("json", "text"), asks_format=True, tells="")},
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", type="invalid_api_key"),
        Refusal(Kind.NO_BALANCE, 402, "Insufficient balance", type="insufficient_balance"),
        Refusal(Kind.RATE_LIMITED, 429, "Too many requests", type="rate_limited"),
        Refusal(Kind.OVERLOADED, 503, "The server is overloaded", type="overloaded"),
        Refusal(Kind.CONTENT_FILTERED, 451, "The content did not pass the review", type="censorship_block"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, TOO_LONG, type="request_params_invalid"),
        Refusal(Kind.BAD_REQUEST, 400, "The request is not valid.", type="request_params_invalid"),
        Refusal(Kind.MODEL_NOT_FOUND, 400, "The model does not exist, or it is not yours: model not found",
                type="request_params_invalid"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal server error", type="server_error"),
    ),
)  # fmt: skip
