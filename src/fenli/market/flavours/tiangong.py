"""昆仑万维 Tiangong: its codes are told nowhere, so that those here are made up; the statuses are its own."""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.market.dialects.tiangong import CumulativeTiangongPen, SignedHeaders, TiangongDialect, TiangongPen
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.usage import UsageShape

TIANGONG: Final = Flavour(
    id="tiangong",
    key="marketkey:marketsecret",
    placement=Placement.LAST_CHUNK,
    usage=UsageShape(cached=(), reasoning=None),
    answer_id="tg-",
    shows_reasoning=False,
    request_id_header=b"trace_id",
    paths=("/saas/api/v4/generate", "/saas/api/v3/generate"),
    dialect=TiangongDialect(TiangongPen),
    admission=SignedHeaders(),
    refusals=(
        Refusal(Kind.BAD_KEY, 401, "the sign is not valid", 401),
        Refusal(Kind.NO_BALANCE, 200, "账户余额不足", 60020),
        Refusal(Kind.RATE_LIMITED, 200, "请求过于频繁,已被限流", 60030),
        Refusal(Kind.OVERLOADED, 200, "服务繁忙", 60040),
        Refusal(Kind.TIMEOUT, 200, "success", type="2"),
        Refusal(Kind.CONTENT_FILTERED, 200, "success", type="4"),
        Refusal(Kind.CONTENT_FILTERED, 200, "输入包含敏感内容", 60050),
        Refusal(Kind.CONTEXT_TOO_LONG, 200, "the messages are too long", 60060),
        Refusal(Kind.MODEL_NOT_FOUND, 200, "模型不存在", 60070),
        Refusal(Kind.BAD_REQUEST, 400, "a parameter is not valid:", 400),
        Refusal(Kind.SERVER_ERROR, 200, "internal error", 60000),
    ),
)

TIANGONG_CUMULATIVE: Final = msgspec.structs.replace(
    TIANGONG, id="tiangong-cumulative", dialect=TiangongDialect(CumulativeTiangongPen)
)
