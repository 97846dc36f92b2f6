"""字节 ByteDance Doubao (火山方舟 Volcengine Ark). ``model`` may also be an inference endpoint id, ``ep-...``, or that
of a bot, ``bot-...``: an application with plugins that search, at a path of its own.

Sources: its error pages 82379 and 1299023, volcengine-ark-runtime 5.0.54; its page on image generation for how many a
request may come to.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fenli.errors import Kind
from fenli.vendors.endpoints import EMBEDDINGS, IMAGES, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.films import ArkFilms
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import (
    DISABLED,
    ENABLED,
    PersonaSwitch,
    SchemaSwitch,
    SchemaWay,
    SearchSwitch,
    Switches,
    ThinkingSwitch,
)
from fenli.wire.capabilities import Capability
from fenli.wire.services import ServiceRequest
from fenli.wire.services.images import wanted

# What Seedream makes of a request at most that leaves the number to it, and names no bound of its own.
SERIES: Final = 15


class _Series(msgspec.Struct):
    max_images: int | None = None


def at_most_drawn(ask: ServiceRequest) -> dict[str, int]:
    """The images that a request may come to. Raises CallRefused."""
    how = ask.value("sequential_image_generation", str, "'auto' or 'disabled'")
    bound = ask.value("sequential_image_generation_options", _Series, "an object with 'max_images'") or _Series()
    series = 1 if how in (None, "disabled") else bound.max_images or SERIES
    return {"images": max(wanted(ask), series)}


BYTEDANCE = OpenAICompatible(
    id="bytedance",
    title="ByteDance (Doubao, Volcengine Ark)",
    title_zh="字节豆包(火山方舟)",
    base_url="https://ark.cn-beijing.volces.com/api/v3",
    key_variables=("ARK_API_KEY",),
    keys_at="https://console.volcengine.com/ark",
    paths=(("bot-", "/bots/chat/completions"),),
    endpoints=(
        EMBEDDINGS,
        msgspec.structs.replace(IMAGES, charges=at_most_drawn),
        Endpoint(capability=Capability.VIDEOS, path="/contents/generations/tasks", codec=ArkFilms()),
    ),
    errors=(
        ErrorRule(Kind.CONTENT_FILTERED, code=r".*SensitiveContentDetected(\..*)?"),
        ErrorRule(Kind.NO_BALANCE, code="AccountOverdueError"),
        ErrorRule(Kind.QUOTA_EXHAUSTED, code="QuotaExceeded|SetLimitExceeded"),
        ErrorRule(Kind.OVERLOADED, code="ServerOverloaded|ModelLoadingError"),
        ErrorRule(Kind.RATE_LIMITED, code=r".*RateLimitExceeded(\..*)?|RequestBurstTooFast|InflightBatchsizeExceeded"),
        ErrorRule(
            Kind.MODEL_NOT_FOUND, code=r"InvalidEndpointOrModel\..*|ModelNotOpen|InvalidEndpoint\.ClosedEndpoint"
        ),
        ErrorRule(Kind.BAD_KEY, code="AuthenticationError"),
        ErrorRule(Kind.NO_PERMISSION, code=r"AccessDenied|OperationDenied(\..*)?"),
        ErrorRule(Kind.CONTEXT_TOO_LONG, status=400, text="maximum context length|exceed.*tokens"),
    ),
    switches=Switches(
        thinking=(
            ThinkingSwitch(
                models=r"(?!doubao-(1\.5-)?(pro|lite))",
                on=ENABLED,
                off=DISABLED,
                effort="reasoning_effort",
                levels=("minimal", "low", "medium", "high"),
            ),
        ),
        search=(SearchSwitch(models="bot-", shown="references"),),
        persona=(PersonaSwitch(models="doubao-seed-character"),),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN),),
    ),
)
