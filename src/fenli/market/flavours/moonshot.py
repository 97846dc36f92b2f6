"""月之暗面 Moonshot (Kimi)."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.market.accounts import Teller, with_vouchers
from fenli.market.flavours.flavour import Envelope, Flavour, Placement, Refusal
from fenli.market.senses import Senses
from fenli.market.services.files import FileShape
from fenli.market.usage import UsageShape

MOONSHOT: Final = Flavour(
    id="moonshot",
    envelope=Envelope.TYPE,
    placement=Placement.CHOICE,
    usage=UsageShape(cached=("cached_tokens",), reasoning=None),
    teller=Teller("/users/me/balance", "CNY", with_vouchers),
    files=FileShape("/v1/files", extracts=("file-extract",), purposes=("file-extract", "image", "video", "batch")),
    senses=Senses(
        thinking={r"kimi-k2\.[56]": ("thinking.type",), r"kimi-(k2\.7|k3)": ()},
        echoed="$web_search",
        prefix="partial",
    ),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "Invalid Authentication", type="invalid_authentication_error"),
        Refusal(Kind.BAD_KEY, 401, "Incorrect API key provided", type="incorrect_api_key_error"),
        Refusal(Kind.NO_PERMISSION, 403, "The API you are accessing is not open", type="permission_denied_error"),
        Refusal(Kind.NO_BALANCE, 429, "Your account is suspended, please check your plan and billing details",
                type="exceeded_current_quota_error"),
        Refusal(Kind.NO_BALANCE, 403, "Your account balance is not enough", type="permission_denied_error"),
        Refusal(Kind.RATE_LIMITED, 429, "Your account reached max organization concurrency, try again after 1 s",
                type="rate_limit_reached_error"),
        Refusal(Kind.OVERLOADED, 429, "The engine is currently overloaded, please try again later",
                type="engine_overloaded_error"),
        Refusal(Kind.CONTENT_FILTERED, 400, "The request was rejected because it was considered high risk",
                type="content_filter"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Invalid request: Input token length too long",
                type="invalid_request_error"),
        Refusal(Kind.CONTEXT_TOO_LONG, 400, "Invalid request: Your request exceeded model token limit",
                type="invalid_request_error"),
        Refusal(Kind.BAD_REQUEST, 400, "Invalid request", type="invalid_request_error"),
        Refusal(Kind.MODEL_NOT_FOUND, 404, "Not found the model or Permission denied", type="resource_not_found_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Internal server error", type="server_error"),
        Refusal(Kind.SERVER_ERROR, 500, "Unexpected output", type="unexpected_output"),
    ),
)  # fmt: skip

MOONSHOT_INTL: Final = msgspec.structs.replace(
    MOONSHOT, id="moonshot-intl", teller=Teller("/users/me/balance", "USD", with_vouchers)
)
