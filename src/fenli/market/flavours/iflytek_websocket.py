"""讯飞 iFlytek Spark over a WebSocket: a wrong signature ends the handshake, all else is a code in a message."""

from __future__ import annotations

from typing import Final

from fenli.errors import Kind
from fenli.market.dialects.spark import SignedAddress, SparkDialect, SparkUsage
from fenli.market.flavours.flavour import Flavour, Placement, Refusal
from fenli.market.flavours.iflytek import IFLYTEK

IFLYTEK_WS: Final = Flavour(
    id="iflytek-ws",
    key="marketapp:marketkey:marketsecret",
    placement=Placement.LAST_CHUNK,
    usage=SparkUsage(),
    answer_id="cht",
    in_messages=True,
    splits_arguments=False,
    request_id_header=b"sid",
    paths=("/v1.1/chat", "/v2.1/chat", "/v3.1/chat", "/v3.5/chat", "/v4.0/chat", "/chat/pro-128k", "/chat/max-32k"),
    dialect=SparkDialect(),
    admission=SignedAddress(),
    refusals=(
        *(refusal for refusal in IFLYTEK.refusals if refusal.status == 200),
        Refusal(Kind.BAD_KEY, 200, "the appid is on a blacklist", 10015),
        Refusal(Kind.CONTENT_FILTERED, 200, "the session looks suspicious", 10019),
        Refusal(Kind.SERVER_ERROR, 200, "the engine failed", 10012),
    ),
)
