"""字节 ByteDance Doubao (火山方舟 Volcengine Ark). ``model`` may also be an inference endpoint id, ``ep-...``.

Sources: its error pages 82379 and 1299023, volcengine-ark-runtime 5.0.54.
"""

from __future__ import annotations

from fenli.errors import Kind
from fenli.vendors.endpoints import EMBEDDINGS, IMAGES, Endpoint
from fenli.vendors.failing import ErrorRule
from fenli.vendors.films import ArkFilms
from fenli.vendors.openai_compatible import OpenAICompatible
from fenli.vendors.switches import DISABLED, ENABLED, PersonaSwitch, SchemaSwitch, SchemaWay, Switches, ThinkingSwitch
from fenli.wire.capabilities import Capability

BYTEDANCE = OpenAICompatible(
    id="bytedance",
    title="ByteDance (Doubao, Volcengine Ark)",
    title_zh="字节豆包(火山方舟)",
    base_url="https://ark.cn-beijing.volces.com/api/v3",
    key_variables=("ARK_API_KEY",),
    keys_at="https://console.volcengine.com/ark",
    endpoints=(
        EMBEDDINGS,
        IMAGES,
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
        persona=(PersonaSwitch(models="doubao-seed-character"),),
        schema=(SchemaSwitch(way=SchemaWay.TAKEN),),
    ),
)
